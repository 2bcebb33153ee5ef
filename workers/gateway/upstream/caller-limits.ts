/** The limits of a route with the numbers that hold for who calls. */
import type { Identity } from "../../../shared/identity/identity.ts";
import { limits } from "../../../shared/limits.ts";
import type { GatewayPlan } from "../../../shared/plan/plan.ts";
import { BoundedMap } from "../../../shared/policy/bounded-map.ts";
import { chooseRows, withRows } from "../../../shared/policy/limit-rows.ts";
import type { RateLimitSettings } from "../../../shared/policy/settings.ts";

type Limits = readonly RateLimitSettings[];

/** By the list of a route, which is the same as long as its plan lives, and by the rows of it that were chosen. */
const known = new WeakMap<Limits, BoundedMap<Limits>>();

/** @returns the same list for the same rows; a limit that is lifted is not in it */
export function limitsFor({ limitRows }: GatewayPlan, all: Limits, identity: Identity): Limits {
  if (limitRows === undefined || all.every(({ rows }) => rows === undefined)) return all;
  const chosen = chooseRows(limitRows, all, identity);
  const key = chosen.map((one) => (one === undefined ? "" : `${one.by} ${one.name}`)).join("\n");
  const ofRoute = known.get(all) ?? new BoundedMap<Limits>(limits.rateLimit.chosenRowsMax);
  known.set(all, ofRoute);
  const found = ofRoute.get(key) ?? withRows(all, chosen);
  if (ofRoute.get(key) === undefined) ofRoute.set(key, found);
  return found;
}
