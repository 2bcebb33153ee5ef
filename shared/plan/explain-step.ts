import type { KeyRecord } from "../auth/api-key.ts";
import type { Path } from "../config/problem.ts";
import type { ErrorCode } from "../errors.ts";
import type { RecordedIdentity } from "../policy/request-record.ts";
import type { UpstreamTarget } from "../policy/settings.ts";

/** What a request would show. Header names in lower case. */
export interface ExplainRequest {
  readonly method: string;
  readonly host: string;
  /** Absent: https. */
  readonly scheme?: "http" | "https";
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
  | { readonly kind: "malformed"; readonly reason: string }
  /** What a record of a past request says: its credentials are hidden, and times of what was shown are not judged again. */
  | {
      readonly kind: "recorded";
      /** Absent, or anonymous: nothing was proven then. */
      readonly identity?: RecordedIdentity;
      /** Why the credentials were refused then. */
      readonly refused?: string;
      /** There were none then, where they were asked for. */
      readonly missing?: true;
    };

/** Values by name, as JSON has them; undefined: it is none of the step's. */
export type Facts = Readonly<Record<string, unknown>>;

/** One thing that is decided about a request, and by which part of the document. */
export interface ExplainStep {
  readonly stage: string;
  /** `note`: nothing is decided, something is said. `would-deny`: in shadow, so that it goes on. */
  readonly verdict: "pass" | "deny" | "would-deny" | "skip" | "note";
  readonly text: string;
  /** What of the text programs compare. Absent: the text is all that there is. */
  readonly facts?: Facts;
  /** Where in the document; absent: built in. */
  readonly path?: Path;
  readonly code?: ErrorCode;
  /** Part of a composed answer that it is about. */
  readonly part?: string;
  /** Target of a drawn request that it is about. */
  readonly variant?: string;
  /** So many of the requests are answered like this, whatever later steps say. */
  readonly aborts?: { readonly percent: number; readonly status: number };
  /** True: a denial leaves the part out and does not end the request. */
  readonly optional?: boolean;
}

/** What the upstream would be asked, as far as that is known before anything is sent. */
export interface SentRequest {
  readonly to: UpstreamTarget;
  readonly method: string;
  readonly path: string;
  /** With its `?`; may be empty. */
  readonly query: string;
  /** But for those of the hop: trace, deadline and transaction token. Secrets are references. Names in lower case. */
  readonly fields: Readonly<Record<string, string>>;
}

export interface Explanation {
  readonly route?: { readonly name: string; readonly path: Path; readonly params: Readonly<Record<string, string>> };
  readonly otherRoutes: readonly { readonly name: string; readonly why: string; readonly path: Path }[];
  readonly steps: readonly ExplainStep[];
  readonly result: Result | DrawnResult;
  /** What policies in shadow would refuse it with, in their order; absent: none would, as far as is known. */
  readonly wouldRefuse?: readonly WouldRefused[];
}

export interface WouldRefused {
  /** With its part, where it is about one. */
  readonly stage: string;
  readonly code: ErrorCode;
  readonly status: number;
}

export type Result =
  /** `sent`: absent where it is made of several requests. */
  | { readonly outcome: "forward"; readonly text: string; readonly sent?: SentRequest }
  /** `status`: absent where code decides it, or what is stored. */
  | { readonly outcome: "answer"; readonly text: string; readonly status?: number }
  | { readonly outcome: "refuse"; readonly code: ErrorCode; readonly status: number; readonly text: string };

/** One of these, and nobody knows which before the request is there. */
export interface DrawnResult {
  readonly outcome: "drawn";
  readonly text: string;
  readonly among: readonly { readonly name: string; readonly percent: number; readonly result: Result }[];
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
