import { conditionsOf, hasRegex } from "../route/value-test.ts";
import { MATCH_PLAN_FORMAT, PLAN_FORMAT, type RoutePlan } from "./plan.ts";

/** The format of a plan with these routes: a newer one only where it is needed, so that older hosts serve what they can. */
export function routeFormat(routes: readonly RoutePlan[]): typeof PLAN_FORMAT | typeof MATCH_PLAN_FORMAT {
  return routes.some(isNew) ? MATCH_PLAN_FORMAT : PLAN_FORMAT;
}

/** Hosts of before know of headers, and of their exact texts alone, and of no route that is out of service. */
function isNew({ match, quarantine }: RoutePlan): boolean {
  const isOld = conditionsOf(match).every((one) => one.on === "header" && typeof one.test === "string");
  return quarantine !== undefined || !isOld || hasRegex(match);
}
