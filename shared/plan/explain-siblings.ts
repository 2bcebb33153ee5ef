import { identityMisfit } from "../auth/identity-match.ts";
import type { Path } from "../config/problem.ts";
import type { Identity } from "../identity/identity.ts";
import { explainAuth, isKnownInPart } from "./explain-auth.ts";
import type { Fields } from "./explain-fields.ts";
import { type ExplainRequest, type ExplainStep, type Explanation, step } from "./explain-step.ts";
import type { GatewayPlan, RoutePlan } from "./plan.ts";
import { siblingFor } from "./siblings.ts";

/** Which of the routes that match the request but for who asks takes it, or the steps up to where none does. */
export type ChosenSibling = Pick<Explanation, "otherRoutes"> &
  (
    | { readonly route: RoutePlan; readonly told: ExplainStep }
    | { readonly route?: never; readonly steps: ExplainStep[] }
  );

/**
 * @param siblings of `leader`, in the order of the document
 * @param otherRoutes the routes that were not found; of siblings their own reason is told here
 * @returns undefined where the request gets no further than to being asked who it is of: nothing is chosen then
 */
export function explainSiblings(
  gateway: GatewayPlan,
  leader: RoutePlan,
  siblings: readonly RoutePlan[],
  otherRoutes: Explanation["otherRoutes"],
  request: ExplainRequest,
  fields: Fields,
  nowMs: number,
): ChosenSibling | undefined {
  const { routes } = gateway;
  const pathOf = (route: RoutePlan): Path => ["gateway", "routes", routes.indexOf(route)];
  if (leader.quarantine !== undefined) return undefined;
  const { identity, steps } = explainAuth(leader, pathOf(leader), gateway, request, fields, nowMs);
  if (steps.some(({ verdict }) => verdict === "deny")) return undefined;
  const route = siblingFor(siblings, identity);
  const names = new Set(siblings.map(({ name }) => name));
  const others = [
    ...otherRoutes.filter(({ name }) => !names.has(name)),
    ...siblings
      .filter((one) => one !== route)
      .map((one) => ({ name: one.name, why: whyNot(one, route, identity), path: pathOf(one) })),
  ];
  const unknown = isKnownInPart(identity) ? "; what nobody has looked up counts as not there" : "";
  if (route === undefined) {
    const text = `no route with this match takes ${identity.sub}${unknown}`;
    return { otherRoutes: others, steps: [...steps, step("identity", "deny", text, pathOf(leader), "no_route")] };
  }
  const why = route.match.identity === undefined ? "whom no other one takes" : "as its match asks for";
  const told = step("identity", "pass", `${identity.sub} is ${why}${unknown}`, [...pathOf(route), "match", "identity"]);
  return { route, otherRoutes: others, told };
}

function whyNot({ match }: RoutePlan, chosen: RoutePlan | undefined, identity: Identity): string {
  const misfit = match.identity && identityMisfit(match.identity, identity);
  return misfit === undefined ? `the same match as ${chosen?.name}, but later` : `identity: ${misfit}`;
}
