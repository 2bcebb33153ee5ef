/** A route in a few words, by its plan. */
import type { AuthSettings } from "../shared/auth/compose.ts";
import { formatDuration } from "../shared/config/units.ts";
import { describeTarget } from "../shared/plan/describe-target.ts";
import type { RoutePlan, RouteTarget } from "../shared/plan/plan.ts";
import type { RateLimitSettings } from "../shared/policy/settings.ts";
import { conditionsOf } from "../shared/route/value-test.ts";

/** `GET,PUT shop.example/orders/* header x-canary`. */
export function describeMatch({ match }: Pick<RoutePlan, "match">): { methods: string; path: string } {
  const conditions = conditionsOf(match).map((one) => (one.on === "ip" ? "ip" : `${one.on} ${one.name}`));
  const asked = [...conditions, ...(match.identity === undefined ? [] : ["identity"])];
  const path = `${match.hosts.join(",")}${match.path.text}`;
  return {
    methods: match.methods.length === 0 ? "any" : match.methods.join(","),
    path: asked.length === 0 ? path : `${path} (${asked.join(", ")})`,
  };
}

/** Where requests go, or what answers them. */
export function describeRouteTarget(target: RouteTarget): string {
  switch (target.kind) {
    case "forward":
      return describeTarget(target.to);
    case "respond":
      return `answer ${target.answer.status}`;
    case "redirect":
      return `redirect ${target.to.status}`;
    case "handler":
      return `code ${target.code.file}`;
    case "aggregate":
      return `aggregate of ${target.parts.map(({ name }) => name).join(", ")}`;
  }
}

/** What stands between a request and its target, in the order in which it is asked. */
export function describePolicies(route: RoutePlan): string[] {
  const { quarantine, lifeCycle, auth, rateLimits, cache, validation, policies = [] } = route;
  const present = (name: string, value: unknown): string[] => (value === undefined ? [] : [name]);
  return [
    ...present("quarantined", quarantine),
    ...(lifeCycle?.deprecatedAtMs === undefined ? [] : ["deprecated"]),
    auth === undefined ? "public" : describeAuth(auth),
    ...rateLimits.map(describeLimit),
    ...present(shadowed("idempotency", route.idempotency?.mode === "shadow"), route.idempotency),
    ...(validation === undefined ? [] : [shadowed(`contract ${validation.name}`, validation.requests === "shadow")]),
    ...present(shadowed("graphql", route.graphql?.shadow === true), route.graphql),
    ...policies.map(({ file }) => `code ${file}`),
    ...(cache === undefined ? [] : [cache.shared === true ? "cache shared" : "cache"]),
    ...present("reshape", route.reshape),
    ...present("transcode", route.transcode),
    ...present("traffic", route.traffic),
    ...present("mirror", route.mirror),
    ...present("faults", route.faults),
    ...present("upgrades", route.upgrades),
  ];
}

const shadowed = (name: string, isShadow: boolean): string => (isShadow ? `${name} (shadow)` : name);

function describeAuth({ any, all = [], optional, scopes, when, decision, mode }: AuthSettings): string {
  const who = [...all, ...(any.length === 0 ? [] : [any.join("|")])].join("&");
  const more = [
    ...(optional ? ["optional"] : []),
    ...(scopes.length > 0 ? [`scopes ${scopes.join(" ")}`] : []),
    ...(when === undefined ? [] : ["when"]),
    ...(decision === undefined ? [] : [shadowed("decision", decision.mode === "shadow")]),
    ...(mode === undefined ? [] : ["shadow: open"]),
  ];
  return more.length === 0 ? `auth ${who}` : `auth ${who} (${more.join(", ")})`;
}

function describeLimit({ limit, windowMs, window, counts, by, shadow }: RateLimitSettings): string {
  const time = window === "month" ? "month" : formatDuration(windowMs);
  const much = counts === "concurrent" ? `${limit} at once` : `${limit}/${time}`;
  const parts = (Array.isArray(by) ? by : [by]).map((part) => (typeof part === "string" ? part : Object.keys(part)[0]));
  return `limit ${much} by ${parts.join("+")}${shadow ? " (shadow)" : ""}`;
}
