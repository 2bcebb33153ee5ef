/** A past request as it is kept: what it showed, as far as that may be written down, and what was decided about it. */
import type { AccessLogEntry } from "../http/access-log.ts";
import type { IdentityMethod } from "../identity/identity.ts";

/**
 * asked: an operator's request asked for it; failed: the gateway or an upstream could not answer it (5xx), or a policy refused it;
 * drawn: by chance, for its route's reservoir.
 */
export type KeptBecause = "asked" | "failed" | "drawn";

/** Who asked, without what proved it. */
export interface RecordedIdentity {
  /** Name of the provider in the document that proved it; absent: nothing was proven. */
  readonly provider?: string;
  readonly method: IdentityMethod;
  readonly sub: string;
  readonly issuer: string;
  readonly scopes: readonly string[];
  readonly groups: readonly string[];
  readonly consumer?: string;
  readonly plan?: string;
  /** Those that say nothing of a person (OpenID Connect Core section 5.1 has those that do), long ones cut. */
  readonly claims: Readonly<Record<string, unknown>>;
}

/** A request as it came. What may hold a credential is `…` (`HIDDEN`), so that is known to have been there. */
export interface RecordedRequest {
  readonly scheme: "http" | "https";
  /** With its port, as it came. */
  readonly authority: string;
  /** With its `?`; may be empty. Values of names that may carry a credential are hidden. */
  readonly query: string;
  /** Names in lower case, in their order, each line of its own. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  /** Who connected to the gateway; `entry.clientIp` is whose request it is behind proxies that are trusted. */
  readonly connectedFrom?: string;
  /** Absent: the request did not get so far that somebody asked. */
  readonly identity?: RecordedIdentity;
}

/** One thing that was decided, in the order in which it was. */
export interface RecordedDecision {
  /** In the words of `explain` where it has one: `auth`, `limit`, `cache`, `access`, ... */
  readonly stage: string;
  readonly verdict: "pass" | "deny" | "note" | "would-deny";
  readonly text: string;
}

/** One request at the gateway. */
export interface RequestRecord {
  readonly because: KeptBecause;
  /** Its line in the access log, with what policies in shadow would have said. */
  readonly entry: AccessLogEntry;
  readonly request: RecordedRequest;
  readonly decisions: readonly RecordedDecision[];
}
