/** Regular expressions of a document: the cost of a match is at most the size of the program times the length of the text. */
export const regex = {
  /** Characters of the expression. */
  charsMax: 512,
  /** Instructions of the compiled program: what is repeated counts as often as it is repeated. */
  programMax: 512,
  /** Characters of a text that is looked at; in a longer one nothing is found. */
  textCharsMax: 8_192,
} as const;

/** Matching of routes. */
export const route = {
  /** Different regular expressions in what routes match. Those at one place of the paths are tried one by one. */
  regexesMax: 256,
  /** Members of a list in a condition: texts, networks. */
  membersMax: 64,
  /** Conditions on headers, query parameters and cookies of one route, each. */
  conditionsMax: 16,
  /** Routes of one host and path that are asked one after the other; with more of them an index is made. */
  askedOneByOneMax: 8,
  /** Routes that match the same requests but for who asks: they are asked one after the other. */
  siblingsMax: 64,
} as const;
