/** Bounds of the GraphQL guard; those with a default can be changed by a document. */
export const graphql = {
  depthDefault: 12,
  depthMax: 100,
  aliasesDefault: 30,
  rootFieldsDefault: 20,
  countMax: 10_000,
  /** Tokens of one document: what parsing it may cost. */
  tokensDefault: 4_000,
  tokensMax: 50_000,
  batchMax: 100,
  costMax: 1_000_000_000,
  /** Fields with a cost of their own. */
  costsMax: 1_000,
  /** Documents of an allow-list. */
  allowMax: 10_000,
  /** Content of one request: as objects it may take ten times as much. */
  contentBytesMax: 1024 * 1024,
  /** Nesting of a request's JSON, variables included. */
  jsonDepthMax: 64,
} as const;
