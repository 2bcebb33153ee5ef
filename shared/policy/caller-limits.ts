/** The limits of a route with the numbers that hold for who calls. */
import type { Identity } from "../identity/identity.ts";
import { limits } from "../limits.ts";
import { BoundedMap } from "./bounded-map.ts";
import { type ChosenRow, chooseRow, type LimitRows, withRow } from "./limit-rows.ts";
import type { RateLimitSettings } from "./settings.ts";

type Limits = readonly RateLimitSettings[];

interface RowsOfPlan {
  readonly limitRows?: Readonly<Record<string, LimitRows>>;
}

/** By the list of a route, which is the same as long as its plan lives, and by the rows of it that were chosen. */
const known = new WeakMap<Limits, BoundedMap<Limits>>();

/** @returns the same list for the same rows; a limit that is lifted is not in it */
export function limitsFor({ limitRows }: RowsOfPlan, all: Limits, identity: Identity): Limits {
  if (limitRows === undefined || all.every(({ rows }) => rows === undefined)) return all;
  const chosen = all.map(({ rows }): ChosenRow | undefined => {
    const own = rows === undefined ? undefined : limitRows[rows];
    return own && chooseRow(own, identity);
  });
  const key = chosen.map((one) => (one === undefined ? "" : `${one.by} ${one.name}`)).join("\n");
  const ofRoute = known.get(all) ?? new BoundedMap<Limits>(limits.rateLimit.chosenRowsMax);
  known.set(all, ofRoute);
  const found = ofRoute.get(key) ?? all.flatMap((one, at) => rowed(one, chosen[at]));
  if (ofRoute.get(key) === undefined) ofRoute.set(key, found);
  return found;
}

function rowed(settings: RateLimitSettings, chosen: ChosenRow | undefined): RateLimitSettings | [] {
  if (chosen === undefined) return settings;
  return withRow(settings, chosen.row) ?? [];
}
