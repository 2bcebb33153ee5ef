/** What is wrong with a schema, and where. */
export interface SchemaProblem {
  /**
   * `schema`: it says what no schema may say, or what does not exist. `pattern`: a regular expression that RE2 cannot match without
   * backtracking; the schema is compiled without it, and then allows more than it says.
   */
  readonly kind: "schema" | "pattern";
  /** Name of the document, as it was given. */
  readonly document: string;
  /** JSON pointer (RFC 6901) into it. */
  readonly pointer: string;
  /** One sentence, without the place. */
  readonly reason: string;
  /** What to write instead. */
  readonly advice?: string;
}
