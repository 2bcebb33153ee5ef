/** A request as a cache sees it. */

/** Fields by lower-case name; lines of one name are joined by `, ` (RFC 9110 section 5.2). A platform's `Headers` is one. */
export interface FieldReader {
  get(name: string): string | null | undefined;
}

/** The same, of which everything can be read. */
export interface FieldSet extends FieldReader, Iterable<readonly [name: string, value: string]> {}

export interface CacheRequest {
  readonly method: string;
  readonly scheme: "http" | "https";
  /** Host and port as the client named them, and the host alone, in lower case. */
  readonly authority: string;
  readonly host: string;
  /** Name of its route; and of the target, where the route has several. */
  readonly route: string;
  /** Who is asked, and for which path of its own, as the plan says it: what another version sends elsewhere is another answer. */
  readonly source: string;
  /** As clients name it, in its normal form; what the upstream is asked for follows from it. */
  readonly path: string;
  /** With its `?`; empty when there is none. */
  readonly query: string;
  /** As they would go to the upstream. */
  readonly fields: FieldSet;
  /** Whether it has content; of a GET or HEAD that means nothing (RFC 9110 section 9.3.1), and still an upstream may read it. */
  readonly hasContent: boolean;
  /** `partitionOf` whoever asks; empty: nobody in particular. */
  readonly partition: string;
  /** Whether the upstream sees an `Authorization` of the client that `partition` does not stand for (RFC 9111 section 3.5). */
  readonly authorized: boolean;
  /** Of a QUERY: digest of its content (RFC 10008 section 2.7). Absent: it was not read, and nothing is stored. */
  readonly contentDigest?: string;
}

/** An answer's head as the upstream sent it. */
export interface UpstreamAnswer {
  readonly status: number;
  readonly fields: FieldSet;
}
