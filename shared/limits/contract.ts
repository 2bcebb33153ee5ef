/** Bounds of validation by JSON Schema. */

const KiB = 1024;

export const contract = {
  /** Violations that one validation tells. */
  violationsDefault: 20,
  violationsMax: 100,
  /**
   * Schemas entered and members looked at in one validation: a fraction of a second. Schemas can ask for work that
   * grows exponentially with the depth of a value.
   */
  stepsMax: 500_000,
  /** Choices (`anyOf`, `oneOf`) within choices whose branches are compared, to tell what a value lacks for the closest. */
  choicesToldMax: 3,
  /** Schemas within schemas that one validation is in at a time; the stack holds several times as many. */
  depthMax: 600,
  /** Text of schemas that stay parsed, of one contract; those that were not used for longest go. */
  parsedCharsMax: 4 * KiB * KiB,
  /** Digits, and power of ten, of a number that no double holds. */
  numberDigitsMax: 1_000,
  numberExponentMax: 100_000,
  /** Nesting of a schema's own text. */
  schemaDepthMax: 400,
  /** Schemas that are walked in all documents together, those within others counted: aliases of YAML can be many times the text. */
  placesMax: 300_000,
  /** Schemas that one contract may have in all, and characters of their texts together. */
  schemasMax: 20_000,
  schemasCharsMax: 16 * KiB * KiB,
} as const;

/** Regular expressions of schemas: longer than those of routes, since a repeated class counts each time. */
export const schemaRegex = {
  /** Characters of the expression. */
  charsMax: 4 * KiB,
  /** Instructions of the compiled program. */
  programMax: 10_000,
  /** Characters of a text that is looked at. */
  textCharsMax: 1024 * KiB,
  /** Characters of a text times instructions of the program that count as one step. */
  workPerStep: 64,
} as const;
