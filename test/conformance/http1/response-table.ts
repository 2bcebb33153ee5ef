import { rareAccepted, rareRefused } from "./rare-response-cases.ts";
import { accepted, type ResponseCase, refused } from "./response-cases.ts";

/** Answers that are passed on. */
export const acceptedAnswers: readonly ResponseCase[] = [...accepted, ...rareAccepted];

/** All answers of the table. */
export const responseTable: readonly ResponseCase[] = [...acceptedAnswers, ...refused, ...rareRefused];
