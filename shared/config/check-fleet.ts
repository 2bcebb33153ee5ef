/** Checks of what a document asks of the whole fleet. */
import { limits } from "../limits.ts";
import { USUAL_LIVES } from "../policy/issuance.ts";
import type { Cursor } from "./cursor.ts";
import { type DocumentProblem, warning } from "./problem.ts";
import { formatDuration, parseDurationMs } from "./units.ts";

/** A budget that agents which wait for their renewal never have would be an alarm for ever. */
export function checkFleet(top: Cursor): DocumentProblem[] {
  const budget = top.get("mesh", "outageBudget");
  if (typeof budget.value !== "string") return [];
  const lifetime = top.get("mesh", "certificates", "lifetime");
  const lifeMs = (typeof lifetime.value === "string" && parseDurationMs(lifetime.value)) || USUAL_LIVES.certificateMs;
  const mostMs = Math.floor(lifeMs * limits.fleet.outageShare);
  const askedMs = parseDurationMs(budget.value);
  if (askedMs === undefined || askedMs <= mostMs || askedMs > limits.fleet.outageMsMax) return [];
  const message =
    `an agent whose renewal is due has ${formatDuration(mostMs)} left of its certificate's ${formatDuration(lifeMs)}: ` +
    "with more than that the alarm is never off";
  return [warning("SLV3270", budget.path, message)];
}
