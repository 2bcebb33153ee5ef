import type { RoutePlan } from "./plan.ts";

/** Every condition and expectation of a part of some routes' aggregates, once. */
export function partConditionsOf(routes: readonly Pick<RoutePlan, "target">[]): readonly string[] {
  const parts = routes.flatMap(({ target }) => (target.kind === "aggregate" ? target.parts : []));
  return [...new Set(parts.flatMap(({ when, expect }) => [when ?? [], expect ?? []].flat()))];
}
