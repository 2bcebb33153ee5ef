import { keyPartsOf } from "../policy/rate-limit-key.ts";
import type { RoutePlan } from "./plan.ts";

/** Every expression in CEL of some routes, once: conditions, and what limits count by. */
export function routeExpressions(routes: readonly Pick<RoutePlan, "auth" | "rateLimits">[]): {
  readonly whens: readonly string[];
  readonly keys: readonly string[];
} {
  const whens = routes.flatMap(({ auth }) => auth?.when ?? []);
  const parts = routes.flatMap(({ rateLimits }) => rateLimits.flatMap(({ by }) => keyPartsOf(by)));
  const keys = parts.flatMap((part) => (typeof part === "object" && "cel" in part ? part.cel : []));
  return { whens: [...new Set(whens)], keys: [...new Set(keys)] };
}
