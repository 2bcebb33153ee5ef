import type { Identity } from "../identity/identity.ts";
import { priorityOf } from "../policy/load-shedding.ts";
import { type ExplainStep, step } from "./explain-step.ts";
import type { GatewayPlan, RoutePlan } from "./plan.ts";

/** With what priority a request meets an upstream that is overloaded. Whether it is, only a gateway knows. */
export function explainShedding(
  { shedding }: GatewayPlan,
  { priority: stated }: RoutePlan,
  { plan }: Identity,
): ExplainStep[] {
  if (shedding === undefined) return [];
  const priority = priorityOf(plan, stated, shedding);
  const isOfPlan = plan !== undefined && Object.hasOwn(shedding.plans, plan);
  const by = isOfPlan ? `of plan ${plan}` : stated === undefined ? "the default" : "of the route";
  const mode = shedding.mode === "shadow" ? "; in shadow: nobody is refused" : "";
  const text = `${priority} priority (${by}) where the upstream is overloaded, which is not known here${mode}`;
  return [step("shedding", "note", text, ["gateway", "shedding"])];
}
