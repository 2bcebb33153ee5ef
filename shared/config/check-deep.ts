/** Findings that only the whole document shows: settings that are right by themselves, and without effect or against each other. */
import { checkAccessCover } from "./check-access-cover.ts";
import { checkBreakers } from "./check-breaker.ts";
import { checkCalls } from "./check-calls.ts";
import { checkInertRetries } from "./check-inert-retries.ts";
import { checkRetryLayers } from "./check-retry-layers.ts";
import { checkRouteTimes } from "./check-route-times.ts";
import { checkSubsets } from "./check-subsets.ts";
import { checkUnused } from "./check-unused.ts";
import { Cursor } from "./cursor.ts";
import type { DocumentProblem } from "./problem.ts";

/** Advice for whoever writes it: warnings all of them. @param document without errors */
export function checkDeep(document: unknown): DocumentProblem[] {
  const top = new Cursor(document);
  return [
    ...checkRouteTimes(top),
    ...checkRetryLayers(top),
    ...checkBreakers(top),
    ...checkInertRetries(top),
    ...checkUnused(top),
    ...checkSubsets(top),
    ...checkAccessCover(top),
    ...checkCalls(top),
  ];
}
