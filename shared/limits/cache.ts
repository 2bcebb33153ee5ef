/** Bounds of what is cached by (`cache` of a route). Those of the stores are in `cache-stores.ts`. */

export const cache = {
  /** How long an answer may count as fresh, whatever it says: a year, as RFC 2616 had it and as caches do. */
  freshMsMax: 365 * 86_400_000,
  /** Largest number of seconds in directives and `Age`; greater ones count as this (RFC 9111 section 1.2.2). */
  deltaSecondsMax: 2_147_483_648,
  /** Share of its age since `Last-Modified` for which an answer that says nothing is fresh (RFC 9111 section 4.2.2). */
  heuristicShare: 0.1,
  heuristicMsMax: 86_400_000,
  /** An answer that is no longer fresh serves this long while its upstream cannot be reached, where nobody says otherwise. */
  unreachableStaleMs: 5 * 60_000,
  /** How long what has a validator is kept to be asked about once it may not serve any more. */
  revalidatableMs: 86_400_000,
  /** A soft purge, or an invalidation by a newer answer, leaves an answer to serve this long while it is revalidated. */
  softPurgeStaleMs: 60_000,
  /** Fields that `Vary` names; an answer with more is not stored. */
  varyFieldsMax: 16,
  /** One field's part of a key or of what selects an answer; a request with more is not cached. */
  selectingCharsMax: 1_024,
  /** Path and query in a key; a longer one is not cached. */
  targetCharsMax: 4_096,
  /** Fields of the key that a route names. */
  keyFieldsMax: 16,
  /** Parameters that a route's query list names. */
  queryNamesMax: 100,
  /** Parameters of one query; one with more is not cached where the route chooses among them. */
  queryParametersMax: 256,
  /** Entity tags of one conditional request. */
  validatorsMax: 8,
  /** Entity tags of a client's `If-None-Match` that are looked at; with more it is answered as if it had none that match. */
  entityTagsMax: 64,
  /** Tags that a route gives its answers; and tags and groups of one answer beside them, one with more is not stored. */
  tagsMax: 256,
  /** Of these, cache groups: at least 32 (RFC 9875 section 2). */
  groupsMax: 32,
  /** One tag or group; an answer with a longer one is not stored. */
  tagCharsMax: 256,
  /** Targets that one unsafe request makes invalid: its own, `Location`, `Content-Location`. */
  invalidatedMax: 3,
  /** Content of a QUERY that is read for its key. */
  queryContentBytesMax: 65_536,
} as const;
