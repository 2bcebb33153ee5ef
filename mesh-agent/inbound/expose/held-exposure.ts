/** What a plan says of the outside, ready to decide by. */
import type { Condition, KeyExpression } from "../../../shared/auth/condition.ts";
import { type Network, parseNetworks } from "../../../shared/http/address-list.ts";
import { type ClientIpRules, clientIpRules } from "../../../shared/http/client-ip.ts";
import { believedFields } from "../../../shared/plan/believed-fields.ts";
import type { ExposePlan, RoutePlan } from "../../../shared/plan/plan.ts";
import { routeExpressions } from "../../../shared/plan/route-expressions.ts";
import { compileRoutes, type RouteTable } from "../../../shared/route/match-route.ts";
import { hasRegex, noRegexes, type Regexes } from "../../../shared/route/value-test.ts";
import type { KnownPlan } from "../../control/known-plan.ts";

/** Requests hold on to the one that they began with. */
export interface HeldExposure {
  readonly known: KnownPlan;
  readonly plan: ExposePlan;
  readonly table: RouteTable<RoutePlan>;
  readonly clientIp: ClientIpRules | undefined;
  /** Whose connections begin with a header of the PROXY protocol. */
  readonly proxies: readonly Network[];
  /** Fields that are others' to say, lower case. */
  readonly believed: readonly string[];
  /** Expressions of its routes by their text. */
  readonly conditions: ReadonlyMap<string, Condition>;
  readonly keyExpressions: ReadonlyMap<string, KeyExpression>;
}

/**
 * @returns undefined when the plan shows nothing to the outside
 * @throws with a reason for operators when it cannot be used
 */
export async function holdExposure(known: KnownPlan): Promise<HeldExposure | undefined> {
  const plan = known.plan.inbound?.expose;
  if (plan === undefined) return undefined;
  return {
    known,
    plan,
    table: compileRoutes(plan.routes, plan.hosts, await regexesOf(plan)),
    clientIp: plan.clientIp && clientIpRules(plan.clientIp),
    proxies: parseNetworks(plan.proxyProtocol ?? []),
    believed: believedFields(plan),
    ...(await expressionsOf(plan)),
  };
}

/** The engine is loaded by the first plan that has a regular expression: most have none. */
async function regexesOf({ routes }: ExposePlan): Promise<Regexes> {
  if (!routes.some(({ match }) => hasRegex(match))) return noRegexes;
  const { compileRegexes } = await import("../../../shared/route/compile-regexes.ts");
  return compileRegexes(routes).regexes;
}

/** The evaluator is loaded by the first plan that has an expression: most have none. */
async function expressionsOf({ routes }: ExposePlan): Promise<Pick<HeldExposure, "conditions" | "keyExpressions">> {
  const conditions = new Map<string, Condition>();
  const keyExpressions = new Map<string, KeyExpression>();
  const { whens, keys } = routeExpressions(routes);
  if (whens.length + keys.length === 0) return { conditions, keyExpressions };
  const { parseCondition, parseKeyExpression } = await import("../../../shared/auth/condition.ts");
  for (const text of whens) conditions.set(text, usable(text, parseCondition(text)));
  for (const text of keys) keyExpressions.set(text, usable(text, parseKeyExpression(text)));
  return { conditions, keyExpressions };
}

function usable<Parsed extends object>(text: string, parsed: Parsed | string): Parsed {
  if (typeof parsed === "string") throw new Error(`the expression ${text}: ${parsed}`);
  return parsed;
}
