/** Bounds of hedging, `hedge` of a service. */
export const hedge = {
  /** Attempts beside the first that one request can have under way. */
  max: 1,
  maxMax: 3,
  /** Hedges for a hundred requests that may be hedged. */
  budgetPercent: 10,
  budgetPercentMax: 100,
  /** Hedges that quiet times can save up. */
  savedMax: 10,
  afterMsMin: 1,
  afterMsMax: 60_000,
  /** A delay by percentile is not known before so many answers. */
  answersMin: 100,
  /** Answers that a percentile is of: of what came before, half is forgotten each time that there are so many. */
  answersMax: 2_000,
  /** The percentile is found anew after so many answers. */
  answersBetween: 50,
} as const;
