/** Which route takes a request, and why no other one does. */
import type { Path } from "../config/problem.ts";
import { compileRegexes } from "../route/compile-regexes.ts";
import { explainRoutes, type RouteVerdict } from "../route/explain-routes.ts";
import { compileRoutes, matchRoute, type RouteTable } from "../route/match-route.ts";
import { fieldsWithVersion, VERSION_FIELD } from "../route/requested-version.ts";
import { type Condition, describeMisfit, type Found, type Regexes } from "../route/value-test.ts";
import type { Fields } from "./explain-fields.ts";
import { explainSiblings } from "./explain-siblings.ts";
import { type ExplainRequest, type ExplainStep, type Explanation, headerOf, step } from "./explain-step.ts";
import type { GatewayPlan, RoutePlan } from "./plan.ts";
import { siblingsOf } from "./siblings.ts";

/** A route that a request has come to. */
export interface ChosenRoute {
  readonly route: RoutePlan;
  readonly at: Path;
  /** Of its path. */
  readonly params: Readonly<Record<string, string>>;
}

export interface FoundRoute extends ChosenRoute {
  readonly otherRoutes: Explanation["otherRoutes"];
  /** All that only who asks tells apart, this one among them. */
  readonly siblings?: readonly RoutePlan[] | undefined;
}

interface MissedRoute {
  readonly route?: never;
  readonly miss: ExplainStep;
  readonly otherRoutes: Explanation["otherRoutes"];
}

/** The routes of a plan, ready to be matched. */
export interface PreparedRoutes {
  readonly gateway: GatewayPlan;
  readonly table: RouteTable<RoutePlan>;
  readonly regexes: Regexes;
  readonly groups: ReturnType<typeof siblingsOf>["groups"];
  /** Whether it is told of each other route why it lost. */
  readonly tellsOthers: boolean;
}

export function prepareRoutes(gateway: GatewayPlan, tellsOthers: boolean): PreparedRoutes {
  const { routes, hosts } = gateway;
  const { regexes } = compileRegexes(routes);
  const { leading, groups } = siblingsOf(routes);
  return { gateway, table: compileRoutes(leading, hosts, regexes), regexes, groups, tellsOthers };
}

/** @param path normalised */
export function findRoute(prepared: PreparedRoutes, request: ExplainRequest, path: string): FoundRoute | MissedRoute {
  const { gateway, table, regexes, groups, tellsOthers } = prepared;
  const { routes, hosts, versioning } = gateway;
  const ofRequest = (name: string): string | undefined => headerOf(request, name);
  const { host, method, query, clientIp } = request;
  const question = {
    ...{ host, method, path, query, ...(clientIp !== undefined && { clientIp }) },
    header: fieldsWithVersion(versioning, ofRequest, query),
  };
  const found = matchRoute(table, question);
  const explained = tellsOthers ? explainRoutes(routes, hosts, question, regexes) : [];
  const otherRoutes = explained.flatMap(({ route, verdict }, at) =>
    verdict.kind === "matched"
      ? []
      : [{ name: route.name, why: describeVerdict(verdict), path: ["gateway", "routes", at] }],
  );
  if (found.route !== undefined) {
    const { route, params } = found;
    const at = ["gateway", "routes", routes.indexOf(route)];
    return { route, at, params, otherRoutes, siblings: groups?.get(route) };
  }
  const texts = {
    unknown_host: `${request.host} is not served: the hosts are ${hosts.join(", ")}`,
    no_route: "no route matches",
    method_not_allowed: `${request.method} is not allowed here: ${found.allow?.join(", ")}`,
  };
  const at: Path = found.missing === "unknown_host" ? ["gateway", "hosts"] : ["gateway", "routes"];
  return { miss: step("route", "deny", texts[found.missing], at, found.missing), otherRoutes };
}

type TakenRoute = Omit<FoundRoute, "siblings"> & {
  /** Why it is this one of its siblings. */
  readonly told?: ExplainStep;
};

/**
 * Of routes that only who asks tells apart the one that takes the request.
 * @param request with its normalised path
 * @param fields those that go on inside
 */
export function takeSibling(
  gateway: GatewayPlan,
  { siblings, ...found }: FoundRoute,
  request: ExplainRequest,
  fields: Fields,
  nowMs: number,
):
  | TakenRoute
  | { readonly route?: never; readonly steps: ExplainStep[]; readonly otherRoutes: Explanation["otherRoutes"] } {
  if (siblings === undefined) return found;
  const chosen = explainSiblings(gateway, found.route, siblings, found.otherRoutes, request, fields, nowMs);
  if (chosen === undefined || chosen.route === undefined) return chosen ?? found;
  const { route, otherRoutes, told } = chosen;
  return { route, at: ["gateway", "routes", gateway.routes.indexOf(route)], params: found.params, otherRoutes, told };
}

function describeCondition(condition: Condition, found: Found): string {
  if (condition.on !== "header" || condition.name !== VERSION_FIELD) return describeMisfit(condition, found);
  return `version ${String(found ?? "none")} is asked for, this is ${String(condition.test)}`;
}

function describeVerdict(verdict: Exclude<RouteVerdict, { kind: "matched" }>): string {
  if (verdict.kind === "host") return `host is none of ${verdict.hosts.join(", ")}`;
  if (verdict.kind === "path") return `path does not match ${verdict.pattern}`;
  if (verdict.kind === "method") return `method is none of ${verdict.methods.join(", ")}`;
  if (verdict.kind === "condition") return describeCondition(verdict.condition, verdict.found);
  return verdict.kind === "later" ? `equal to ${verdict.than}, but later` : `less specific than ${verdict.than}`;
}
