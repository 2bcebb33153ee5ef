/** What a cache keeps of one answer beside its body: plain data, which every store can keep as JSON. */
export interface StoredHead {
  /** Random; names the body in a store. One key has an answer for each set of selecting fields (RFC 9111 section 4.1). */
  readonly id: string;
  /** Method of its request, upper case. */
  readonly method: string;
  readonly status: number;
  /** Lower-case names in the order received, without what RFC 9111 section 3.1 leaves out. */
  readonly fields: readonly (readonly [name: string, value: string])[];
  /** When the request left and when this head came back, by the clock of the isolate that asked (section 4.2.3). */
  readonly requestedAtMs: number;
  readonly receivedAtMs: number;
  /** What its request said in the fields that `vary` names, lower case to the normalised value; null: was absent. */
  readonly selectedBy: Readonly<Record<string, string | null>>;
  readonly bodyBytes: number;
  /** Surrogate tags and cache groups (RFC 9875); purges go by them. */
  readonly tags: readonly string[];
  /** `hostName` of the request. */
  readonly host: string;
  /** Path and query as they are in the key. */
  readonly target: string;
  /** Number of the last purge that the isolate knew when the request left: what was purged later is not this answer's past. */
  readonly purge: number;
  /** Of no use after this, neither fresh, stale nor to be revalidated. */
  readonly keepUntilMs: number;
  /** Now less this is its age (section 4.2.3), its `Age` and the way here included. */
  readonly bornAtMs: number;
  /** Fresh before this (section 4.2). */
  readonly freshUntilMs: number;
  readonly stale: StaleUse;
  /** `ETag` as sent. */
  readonly etag?: string;
  /** `Last-Modified`, and `Date` or when it came. */
  readonly lastModifiedMs?: number;
  readonly dateMs: number;
  /** RFC 8246: while it is fresh it does not change. */
  readonly immutable?: true;
  /** Of a 206: which part of the representation the body is (RFC 9110 section 14.4). */
  readonly part?: StoredPart;
  /** Stored for everybody, under the key that has no identity. */
  readonly shared?: true;
}

/** When an answer that is no longer fresh may serve (RFC 9111 section 4.2.4, RFC 5861); a time at or before `freshUntilMs`: never. */
export interface StaleUse {
  /** While it is revalidated in the background. */
  readonly whileRevalidateUntilMs: number;
  /** When the upstream answers with an error. */
  readonly ifErrorUntilMs: number;
  /** When the upstream cannot be reached. */
  readonly ifUnreachableUntilMs: number;
  /** By the client's `max-stale`. */
  readonly byClient: boolean;
}

/** Positions of bytes, both included, and the length of the whole. */
export interface StoredPart {
  readonly first: number;
  readonly last: number;
  readonly whole: number;
}

/** A head before its body has come. */
export type NewHead = Omit<StoredHead, "bodyBytes">;
