/** Regular expressions of a document: the cost of a match is at most the size of the program times the length of the text. */
export const regex = {
  /** Characters of the expression. */
  charsMax: 512,
  /** Instructions of the compiled program: what is repeated counts as often as it is repeated. */
  programMax: 512,
  /** Characters of a text that is looked at; in a longer one nothing is found. */
  textCharsMax: 8_192,
} as const;
