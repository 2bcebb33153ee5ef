import type { Path } from "../config/problem.ts";
import type { Identity } from "../identity/identity.ts";
import { type ConcurrencySettings, priorityOf } from "../policy/load-shedding.ts";
import { type ExplainStep, step } from "./explain-step.ts";
import type { Plan, RoutePlan, ServicePlan } from "./plan.ts";
import { reachedFrom } from "./route-targets.ts";

/** With what priority a request meets an upstream that is overloaded. Whether it is, only a gateway or an agent knows. */
export function explainShedding(plan: Plan, route: RoutePlan, { plan: customers }: Identity): ExplainStep[] {
  const { shedding } = plan.gateway;
  const services = reachedFrom(route).flatMap((target): [Path, ConcurrencySettings][] => {
    const name = "service" in target ? target.service : "";
    const settings = Object.hasOwn(plan.mesh.services, name) ? sheddingOf(plan.mesh.services[name]) : undefined;
    return settings === undefined ? [] : [[["mesh", "services", name, "shedding"], settings]];
  });
  const priority = priorityOf(customers, route.priority, shedding);
  const isOfPlan = customers !== undefined && shedding !== undefined && Object.hasOwn(shedding.plans, customers);
  const by = isOfPlan ? `of plan ${customers}` : route.priority === undefined ? "the default" : "of the route";
  const say = (path: Path, { mode }: ConcurrencySettings, where: string): ExplainStep => {
    const shadow = mode === "shadow" ? "; in shadow: would refuse, and nobody is refused" : "";
    const text = `${priority} priority (${by}) where ${where} is overloaded, which is not known here${shadow}`;
    return { ...step("shedding", "note", text, path), facts: { priority, shadow: mode === "shadow" || undefined } };
  };
  return [
    ...(shedding === undefined ? [] : [say(["gateway", "shedding"], shedding, "the upstream")]),
    ...services.map(([path, settings]) => say(path, settings, `an instance of ${path[2]}`)),
  ];
}

const sheddingOf = (service: ServicePlan | undefined): ConcurrencySettings | undefined => service?.shedding;
