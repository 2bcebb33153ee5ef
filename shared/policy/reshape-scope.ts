/** What the templates of edits are filled from. */
import { onlyParameters } from "../http/query-parameters.ts";
import type { Identity } from "../identity/identity.ts";
import type { TemplateScope } from "./template.ts";

/** What is known of a request. */
export interface RequestFacts {
  readonly identity: Identity;
  /** Parameters of the path, decoded. */
  readonly params: Readonly<Record<string, string>>;
  readonly method: string;
  readonly host: string;
  /** Normalised. */
  readonly path: string;
  /** With its `?`; may be empty. */
  readonly query: string;
  readonly scheme: "http" | "https";
  readonly clientIp: string | undefined;
  /** Of the gateway's own span: one for each request. */
  readonly spanId: string;
  readonly traceId: string;
  /** Without credentials; names in lower case. */
  readonly fields: Iterable<readonly [name: string, value: string]>;
}

/** Of an answer. */
export interface AnswerFacts {
  readonly status: number;
  readonly fields: Iterable<readonly [name: string, value: string]>;
}

/** Each part is made when a template names it. @param answer absent: there is none yet */
export function reshapeScope(facts: RequestFacts, answer?: AnswerFacts): TemplateScope {
  const { identity, params: path, method, host, path: requestPath, query, scheme } = facts;
  return {
    identity,
    path,
    client: { ip: facts.clientIp },
    request: { id: facts.spanId, method, host, path: requestPath, query, scheme },
    trace: { id: facts.traceId },
    get query() {
      return onlyParameters(query);
    },
    get header() {
      return Object.fromEntries(facts.fields);
    },
    ...(answer !== undefined && {
      response: {
        status: answer.status,
        get header() {
          return Object.fromEntries(answer.fields);
        },
      },
    }),
  };
}
