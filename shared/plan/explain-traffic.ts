import type { TxnContext } from "../auth/txn-context.ts";
import type { Path } from "../config/problem.ts";
import type { TrafficMatch, TrafficRule } from "../policy/settings.ts";
import { chooseSubset, matches, type TrafficRequest } from "../policy/traffic.ts";
import { type ExplainStep, step } from "./explain-step.ts";
import type { ServicePlan } from "./plan.ts";

/** What of a request its service's `traffic` may ask for. */
export interface Routed {
  readonly method: string;
  readonly path: string;
  readonly route: string;
  readonly context?: TxnContext["values"] | undefined;
  readonly sub: string;
  readonly scopes: readonly string[];
  header(name: string): string | undefined;
}

/** The request as an agent asks its rules about it. */
export function routedRequest({ method, path, route, context, scopes, sub }: Routed): TrafficRequest {
  return { method, path, scopes, claims: { sub, tctx: { route, ...context } } };
}

/** Which subset gets the request. */
export function explainTraffic(service: ServicePlan, at: Path, request: Routed): ExplainStep {
  const asked = routedRequest(request);
  const choice = chooseSubset(service.traffic, asked, (name) => request.header(name), 0);
  if (choice === undefined) {
    const why = service.traffic.length === 0 ? "no traffic rules" : "no traffic rule matches";
    return { ...step("traffic", "pass", `every instance alike (${why})`, at), facts: { subsets: {} } };
  }
  const rule = service.traffic[choice.rule] as TrafficRule;
  const conditions = describeConditions(rule);
  const why = conditions.length === 0 ? "every request" : conditions.join(", ");
  const text = `${describeSplit(rule)} (rule ${choice.rule + 1}: ${why})`;
  const subsets = Object.fromEntries(sharesOf(rule));
  return { ...step("traffic", "pass", text, [...at, "traffic", choice.rule]), facts: { subsets } };
}

/** Which subset gets a copy. */
export function explainMirror({ mirror = [] }: ServicePlan, at: Path, request: Routed): ExplainStep[] {
  const asked = routedRequest(request);
  const index = mirror.findIndex((rule) => matches(rule, asked, (name) => request.header(name)));
  const rule = mirror[index];
  if (rule === undefined) return [];
  const text = `${rule.percent} % are also sent to subset ${rule.subset}, whose answers are dropped`;
  return [step("mirror", "note", text, [...at, "mirror", index])];
}

/** What a rule asks of a request. */
export function describeConditions({ headers, cookies, path, methods, claims, scopes }: TrafficMatch): string[] {
  const pairs = (mapping: Readonly<Record<string, string>>): string[] =>
    Object.entries(mapping).map(([name, value]) => `${name}: ${value}`);
  return [
    ...pairs(headers),
    ...pairs(cookies ?? {}).map((pair) => `cookie ${pair}`),
    ...(path === undefined ? [] : [`path ${path}`]),
    ...(methods === undefined ? [] : [methods.join(" or ")]),
    ...pairs(claims ?? {}),
    ...(scopes ?? []).map((scope) => `scope ${scope}`),
  ];
}

function describeSplit(rule: TrafficRule): string {
  const shares = sharesOf(rule);
  if (shares.length === 0) return "every instance alike";
  return shares.map(([subset, percent]) => `${percent} % to subset ${subset}`).join(", ");
}

/** In percent; none: every instance alike. */
function sharesOf({ split }: TrafficRule): [subset: string, percent: number][] {
  const weights = Object.entries(split);
  const total = weights.reduce((sum, [, weight]) => sum + weight, 0);
  if (total === 0) return [];
  return weights.map(([subset, weight]) => [subset, Number(((100 * weight) / total).toFixed(2))]);
}
