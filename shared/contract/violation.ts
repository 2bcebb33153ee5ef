/** What a value has that its schema does not allow, or the other way round. */
export interface Violation {
  /** JSON pointer (RFC 6901) into the value; "" is the whole. */
  readonly pointer: string;
  /** Of the schema: `required`, `type`, `pattern`. */
  readonly keyword: string;
  /** JSON pointer of the keyword within its schema, after the schema's name: `Pet#/properties/age/type`. */
  readonly at: string;
  /** For people, without the value itself: "must be an integer". */
  readonly message: string;
}
