/** A route's cache as the plan carries it. Absent members mean what their text says, so that a plan stays canonical. */
export interface CacheSettings {
  /** Freshness of good answers that say nothing of it themselves (RFC 9111 section 4.2.1); absent: the heuristic alone. */
  readonly ttlMs?: number;
  /** `ttlMs` goes before the lifetime that answers state. What they forbid stays forbidden. */
  readonly override?: true;
  /**
   * Freshness of errors that say nothing of it themselves, by status or class: `404`, `5xx`. Those about who asks or how often
   * are in no class, and 401 and 407 are never fresh by it. Absent: none.
   */
  readonly errorTtlMs?: Readonly<Record<string, number>>;
  /** For answers that do not say (RFC 5861); absent: 0. */
  readonly staleWhileRevalidateMs?: number;
  /** For answers that do not say. Absent: an unreachable upstream alone, for `limits.cache.unreachableStaleMs`. */
  readonly staleIfErrorMs?: number;
  /** Which parameters of the query tell answers apart; the others are not sent to the upstream. Absent: all. */
  readonly query?: QuerySettings;
  /**
   * Request fields that tell answers apart, lower case, beside those of `Vary`: the document's, and those that the target's
   * `traffic` rules match on. Absent: none.
   */
  readonly keyFields?: readonly string[];
  /** Request fields that the route itself sets, lower case, such as identity headers: no client's word, so they are sent. Absent: none. */
  readonly ownFields?: readonly string[];
  /** What answers say is for everybody is shared by all identities. */
  readonly shared?: true;
  /** Answers do not depend on cookies, and no cookie is sent to the upstream where an answer could be stored. */
  readonly ignoreCookies?: true;
  /** Of each answer of this route. Absent: none. */
  readonly tags?: readonly string[];
  /** `Cache-Control` and `Pragma` of requests mean nothing. */
  readonly ignoreClient?: true;
}

export interface QuerySettings {
  /** Every parameter but these, or these alone. */
  readonly ignore?: readonly string[];
  readonly only?: readonly string[];
  /** In the order of their names; those of one name keep theirs. */
  readonly sort?: true;
}
