import type { RoutePlan } from "../../../shared/plan/plan.ts";
import { codeOf } from "../../../shared/policy/custom-code.ts";

/**
 * The routes of a plan as this Worker can serve them: one whose code it was not deployed with is out of service alone. Code comes with
 * a deployment, plans at any time, so either may be ahead.
 */
export async function withCode(routes: readonly RoutePlan[]): Promise<readonly RoutePlan[]> {
  if (!routes.some(({ policies, target }) => policies !== undefined || target.kind === "handler")) return routes;
  const { modules } = await import("../code/deployed-code.mjs");
  return routes.map((route) => {
    const missing = codeOf(route).find(({ file }) => !Object.hasOwn(modules, file));
    if (missing === undefined || route.quarantine !== undefined) return route;
    const quarantine = `this gateway was deployed without the code ${missing.file}`;
    console.warn(
      JSON.stringify({ kind: "plan", route: route.name, reason: quarantine, answered: "route_quarantined" }),
    );
    return { ...route, quarantine };
  });
}
