import { conditionsOf, hasRegex } from "../route/value-test.ts";
import {
  HELD_PLAN_FORMAT,
  IDENTITY_PLAN_FORMAT,
  MATCH_PLAN_FORMAT,
  PLAN_FORMAT,
  type RoutePlan,
  type RoutesFormat,
} from "./plan.ts";

/** The format of a plan with these routes: a newer one only where it is needed, so that older hosts serve what they can. */
export function routeFormat(routes: readonly RoutePlan[]): RoutesFormat {
  if (routes.some(({ validation }) => validation?.of !== undefined)) return HELD_PLAN_FORMAT;
  if (routes.some(({ match }) => match.identity !== undefined)) return IDENTITY_PLAN_FORMAT;
  return routes.some(isNew) ? MATCH_PLAN_FORMAT : PLAN_FORMAT;
}

/** Hosts of before know of headers, and of their exact texts alone, of no route that is out of service, and of no code that may refuse. */
function isNew({ match, quarantine, policies }: RoutePlan): boolean {
  const isOld = conditionsOf(match).every((one) => one.on === "header" && typeof one.test === "string");
  return quarantine !== undefined || policies !== undefined || !isOld || hasRegex(match);
}
