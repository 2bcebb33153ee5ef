import type { UpstreamTarget } from "../policy/settings.ts";
import type { RoutePlan, RouteTarget } from "./plan.ts";

/** Upstreams that a route leads to; none where the gateway answers itself. */
function upstreamsOf(target: RouteTarget): UpstreamTarget[] {
  if (target.kind === "forward") return [target.to];
  return target.kind === "aggregate" ? target.parts.map((part) => part.target) : [];
}

/** The same, with what the code of a route may call. */
export function reachedFrom({ target, calls = {} }: Pick<RoutePlan, "target" | "calls">): UpstreamTarget[] {
  return [...upstreamsOf(target), ...Object.values(calls)];
}
