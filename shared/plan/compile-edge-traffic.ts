import type { RouteConfig } from "../config/schema.ts";
import type { EdgeMirrorConfig, EdgeTrafficConfig } from "../config/schema-edge-traffic.ts";
import { parseDurationMs } from "../config/units.ts";
import { limits } from "../limits.ts";
import type { EdgeFaultRule, EdgeMirrorRule, EdgeTrafficRule, StickySource } from "../policy/edge-traffic.ts";
import type { UpstreamTarget } from "../policy/settings.ts";
import { compileFault } from "./compile-fault.ts";
import { compileMatch, compileMirror, compileTraffic } from "./compile-traffic.ts";
import type { RoutePlan } from "./plan.ts";

/** @param targetOf what a text of `to` means */
export function compileEdgeTraffic(
  { traffic = [], mirror = [], faults = [] }: Pick<RouteConfig, "traffic" | "mirror" | "faults">,
  targetOf: (to: string) => UpstreamTarget,
): Pick<RoutePlan, "traffic" | "mirror" | "faults"> {
  return {
    ...(traffic.length > 0 && { traffic: traffic.map((rule) => compileRule(rule, targetOf)) }),
    ...(mirror.length > 0 && { mirror: mirror.map((rule) => compileCopies(rule, targetOf)) }),
    ...(faults.length > 0 && { faults: faults.map((fault): EdgeFaultRule => compileFault(fault)) }),
  };
}

/** Every target that requests of a route may go to, as the document names them. */
export function targetsOf({ to, traffic = [] }: Pick<RouteConfig, "to" | "traffic">): string[] {
  const others = traffic.flatMap((rule) => [
    ...(rule.to === undefined ? [] : [rule.to]),
    ...Object.keys(rule.split ?? {}),
  ]);
  return [...new Set([...(to === undefined ? [] : [to]), ...others])];
}

function compileRule(rule: EdgeTrafficConfig, targetOf: (to: string) => UpstreamTarget): EdgeTrafficRule {
  const { sticky } = rule;
  const { split } = compileTraffic(rule);
  const variants = Object.entries(split).map(([name, weight]) => ({ name, to: targetOf(name), weight }));
  return {
    ...compileMatch(rule.match),
    variants,
    ...(sticky !== undefined && variants.length > 1 && { sticky: compileSticky(sticky) }),
  };
}

function compileSticky(sticky: NonNullable<EdgeTrafficConfig["sticky"]>): StickySource {
  if (typeof sticky === "string") return { by: sticky };
  const { header, cookie = "", maxAge } = sticky;
  if (header !== undefined) return { header: header.toLowerCase() };
  return {
    cookie,
    maxAgeMs: (maxAge === undefined ? undefined : parseDurationMs(maxAge)) ?? limits.edgeTraffic.stickyMaxAgeMs,
  };
}

function compileCopies(rule: EdgeMirrorConfig, targetOf: (to: string) => UpstreamTarget): EdgeMirrorRule {
  const { subset, ...rest } = compileMirror(rule);
  return { ...rest, to: targetOf(subset) };
}
