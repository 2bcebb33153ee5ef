/**
 * What passes between the cache's decisions and the host that carries them out. In the order of a request:
 * `cacheKeysOf` (cache-key.ts) names where answers could lie, `lookUp` (look-up.ts) judges what was found there,
 * `forwardEdits` (forward-edits.ts) says how the request goes to the upstream, `judgeAnswer` (judge-answer.ts) what becomes of the
 * answer, or `staleInstead` (judge-answer.ts) when there is none; `answerFrom` (answer-from.ts) makes the client's answer of a
 * stored one.
 */
import type { NewHead, StoredHead } from "./stored-head.ts";

/** Where answers to a request are stored. */
export interface CacheKeys {
  /** Of whoever asks. */
  readonly own: string;
  /** Of everybody: where the route shares answers that say that they are for all. Both are looked up then. */
  readonly shared?: string;
}

/** Why a request went to the upstream (RFC 9211 section 2.2). */
export type ForwardReason = "bypass" | "method" | "uri-miss" | "vary-miss" | "miss" | "request" | "stale" | "partial";

/** What is done with a request. */
export type Verdict = HitVerdict | StaleVerdict | ForwardVerdict | UnavailableVerdict;

/** Served from what is stored: fresh, or stale as far as the client wants it. */
export interface HitVerdict {
  readonly kind: "hit";
  readonly head: StoredHead;
}

/** Served stale, and revalidated in the background (RFC 5861 section 3): that is `revalidation`. */
export interface StaleVerdict {
  readonly kind: "stale";
  readonly head: StoredHead;
  readonly revalidation: ForwardVerdict;
}

export interface ForwardVerdict {
  readonly kind: "forward";
  readonly why: ForwardReason;
  /** `store`: asked so that its answer can be stored; `pass`: as the client sent it, nothing is stored of its answer. */
  readonly way: "store" | "pass";
  /** What was found for this request and is not fresh, the newest first: asked about by its validators, or served in need. */
  readonly held: readonly StoredHead[];
  /** Equal requests that come meanwhile may wait for this one's answer (RFC 9111 section 4). */
  readonly collapsible: boolean;
  /** What the request says in the fields that answers under its keys vary by; absent: they are not known to. Others do not wait for it. */
  readonly variant?: string;
  /** Nobody waits for it: the whole is asked for, whatever part the client wanted. */
  readonly background?: true;
}

/** `only-if-cached` and nothing that may serve: 504 (RFC 9111 section 5.2.1.7). */
export interface UnavailableVerdict {
  readonly kind: "unavailable";
}

/** How a request is changed on its way to the upstream. */
export interface ForwardEdits {
  /** Lower case. */
  readonly remove: readonly string[];
  readonly set: readonly (readonly [name: string, value: string])[];
  /** With its `?`. */
  readonly query: string;
}

export interface AnswerTimes {
  readonly requestedAtMs: number;
  readonly receivedAtMs: number;
}

/** What the host gives a head that is stored. */
export interface HeadOrigin extends AnswerTimes {
  /** Random, see `StoredHead.id`. */
  readonly id: string;
  readonly purge: number;
}

/** Why an answer is not stored; the `detail` of `Cache-Status`, and of metrics. */
export type NotStored =
  | "method"
  | "request"
  | "no-store"
  | "private"
  | "authorization"
  | "set-cookie"
  | "cookie"
  | "vary"
  | "vary-credentials"
  | "status"
  | "partial"
  | "content"
  | "no-lifetime"
  | "tags"
  | "too-large";

/** What becomes of an answer. */
export interface Judgement {
  /**
   * upstream: the answer itself. stored: `head`, which it confirmed, or which serves instead of an error. again: the answer says
   * nothing about what is held; the request goes once more with a verdict that holds nothing (`held: []`), and that answer is judged.
   */
  readonly serve: "upstream" | "stored" | "again";
  readonly head?: StoredHead;
  /** `Set-Cookie` fields of a 304, for this client alone, beside `head`. */
  readonly cookies?: readonly string[];
  /** Whether `head` serves though the upstream failed. */
  readonly failed?: true;
  /** The client has what the upstream sent: it gets a 304, the content goes to the store alone. */
  readonly notModified?: true;
  /** Stored as it comes, under this key; then `replaces` is removed from it. */
  readonly store?: { readonly key: "own" | "shared"; readonly head: NewHead; readonly replaces: readonly string[] };
  readonly notStored?: NotStored;
  /** Heads for bodies that are stored already. */
  readonly updates: readonly StoredHead[];
  /** Ids of what is of no use any more. */
  readonly removes: readonly string[];
  readonly invalidates?: Invalidation;
}

/** What a successful unsafe request makes invalid (RFC 9111 section 4.4), under whatever key and identity it is stored. */
export interface Invalidation {
  readonly host: string;
  /** Paths with their queries. */
  readonly targets: readonly string[];
  /** `StoredHead.tags` of its cache groups (RFC 9875 section 3). */
  readonly tags: readonly string[];
}
