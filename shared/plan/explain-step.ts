import type { KeyRecord } from "../auth/api-key.ts";
import type { Path } from "../config/problem.ts";
import type { ErrorCode } from "../errors.ts";

/** What a request would show. Header names in lower case. */
export interface ExplainRequest {
  readonly method: string;
  readonly host: string;
  /** As sent, without query. */
  readonly path: string;
  /** With its `?`; may be empty. */
  readonly query: string;
  readonly headers: readonly (readonly [name: string, value: string])[];
  /** Who connects to the gateway. */
  readonly clientIp?: string;
  readonly credential: Credential;
}

export type Credential =
  | { readonly kind: "none" }
  /** Somebody is assumed, without a token. */
  | {
      readonly kind: "assumed";
      readonly sub: string;
      readonly scopes: readonly string[];
      readonly claims?: Readonly<Record<string, unknown>>;
    }
  /** A decoded token, whose signature nobody checked. */
  | {
      readonly kind: "token";
      readonly header: Readonly<Record<string, unknown>>;
      readonly claims: Readonly<Record<string, unknown>>;
    }
  /** Somebody with a key that was looked up elsewhere. */
  | { readonly kind: "key"; readonly record: KeyRecord }
  | { readonly kind: "malformed"; readonly reason: string };

/** One thing that is decided about a request, and by which part of the document. */
export interface ExplainStep {
  readonly stage: string;
  /** `note`: nothing is decided, something is said. */
  readonly verdict: "pass" | "deny" | "skip" | "note";
  readonly text: string;
  /** Where in the document; absent: built in. */
  readonly path?: Path;
  readonly code?: ErrorCode;
  /** Part of a composed answer that it is about. */
  readonly part?: string;
  /** True: a denial leaves the part out and does not end the request. */
  readonly optional?: boolean;
}

export interface Explanation {
  readonly route?: { readonly name: string; readonly path: Path; readonly params: Readonly<Record<string, string>> };
  readonly otherRoutes: readonly { readonly name: string; readonly why: string; readonly path: Path }[];
  readonly steps: readonly ExplainStep[];
  /** What would be sent on; absent where nothing is, or more than one request. */
  readonly upstream?: SentOn;
  readonly result:
    | { readonly outcome: "forward" | "answer"; readonly text: string }
    | { readonly outcome: "refuse"; readonly code: ErrorCode; readonly status: number; readonly text: string };
}

export interface SentOn {
  /** `service orders`, `upstream payments` or an origin. */
  readonly to: string;
  readonly method: string;
  /** With its query. */
  readonly path: string;
  /** Of the client's and the document's making; names in lower case. Selvage adds some of its own. */
  readonly headers: Readonly<Record<string, string>>;
}

export const step = (
  stage: string,
  verdict: ExplainStep["verdict"],
  text: string,
  path?: Path,
  code?: ErrorCode,
): ExplainStep => ({ stage, verdict, text, ...(path !== undefined && { path }), ...(code !== undefined && { code }) });

/** A field of the request, its lines joined. @param name in lower case */
export function headerOf({ headers }: Pick<ExplainRequest, "headers">, name: string): string | undefined {
  const values = headers.filter(([known]) => known === name).map(([, value]) => value);
  return values.length === 0 ? undefined : values.join(", ");
}

/** Every field of the request by its name; those of one name joined. */
export function joinedHeaders({ headers }: Pick<ExplainRequest, "headers">): Record<string, string> {
  const joined: Record<string, string> = {};
  for (const [name, value] of headers) joined[name] = joined[name] === undefined ? value : `${joined[name]}, ${value}`;
  return joined;
}
