/**
 * A dry run: what would become of a request, by the same pure functions that decide real ones. Nothing is counted, sent
 * or looked up; what only a host can know (a token's signature, counts, healthy instances) is left out and said so.
 */
import type { Path } from "../config/problem.ts";
import { formatDuration, formatSize } from "../config/units.ts";
import { errorTable } from "../errors.ts";
import { inspectHead } from "../http/inspect-head.ts";
import { corsFields, preflightFields } from "../policy/cors.ts";
import { applyHeaderEdits, isEmptyEdit } from "../policy/header-edits.ts";
import { forgedFields } from "../policy/identity-headers.ts";
import { priorityOf } from "../policy/load-shedding.ts";
import type { HeaderEdits } from "../policy/settings.ts";
import { hostWithoutPort } from "../route/compare-routes.ts";
import { compileRegexes } from "../route/compile-regexes.ts";
import { explainRoutes, type RouteVerdict } from "../route/explain-routes.ts";
import { compileRoutes, matchRoute } from "../route/match-route.ts";
import { normalisePath } from "../route/normalise-path.ts";
import { requestedVersion, VERSION_FIELD } from "../route/requested-version.ts";
import { type Condition, describeMisfit, type Found } from "../route/value-test.ts";
import { believedFields } from "./believed-fields.ts";
import { describeTarget } from "./describe-target.ts";
import { explainAuth } from "./explain-auth.ts";
import { explainCache } from "./explain-cache.ts";
import { explainClientIp } from "./explain-client-ip.ts";
import { explainHandler, explainPolicies } from "./explain-code.ts";
import { explainDecision } from "./explain-decision.ts";
import { explainEdgeTraffic, explainEdgeTrouble } from "./explain-edge-traffic.ts";
import { explainIdempotency } from "./explain-idempotency.ts";
import { explainLifeCycle } from "./explain-life-cycle.ts";
import { explainLimits } from "./explain-limits.ts";
import { explainLogin } from "./explain-login.ts";
import { explainMetadata, explainTold, type Told } from "./explain-outward.ts";
import { explainAnswerEdits, explainOwnAnswer, explainRequestEdits, NO_IDS, reshaperFor } from "./explain-reshape.ts";
import { explainShedding } from "./explain-shedding.ts";
import { explainSiblings } from "./explain-siblings.ts";
import {
  type ExplainRequest,
  type ExplainStep,
  type Explanation,
  headerOf,
  joinedHeaders,
  type SentOn,
  step,
} from "./explain-step.ts";
import { explainUpgrade } from "./explain-streams.ts";
import { explainTarget, pathFor, queryMembers } from "./explain-target.ts";
import { explainValidation } from "./explain-validation.ts";
import type { Plan, RegexRewrite, RoutePlan } from "./plan.ts";
import { siblingsOf } from "./siblings.ts";

/**
 * @param nowMs for the times of a token
 * @param artifacts what the plan needs beside it, by digest, as far as it is at hand
 */
export function explain(
  plan: Plan,
  request: ExplainRequest,
  nowMs: number,
  artifacts?: ReadonlyMap<string, Uint8Array>,
): Explanation {
  const head = explainHead(request);
  if (head !== undefined) return finish([head], []);
  const client = explainClientIp(plan.gateway, request);
  const steps: ExplainStep[] = [...client.steps];
  const metadata = explainMetadata(plan.gateway.resources, hostWithoutPort(request.host) ?? "", request.path);
  if (metadata !== undefined) return { otherRoutes: [], steps, result: { outcome: "answer", text: metadata } };
  const preflight = explainCors(plan, request, steps);
  if (preflight !== undefined) return { otherRoutes: [], steps, result: { outcome: "answer", text: preflight } };
  const login = explainLogin(plan.gateway, request);
  if (login !== undefined)
    return { otherRoutes: [], steps: [...steps, login], result: { outcome: "answer", text: "would be answered here" } };
  const { path, refused } = normalisePath(request.path);
  if (path === undefined)
    return finish([...steps, step("path", "deny", `the path ${refused}`, undefined, "ambiguous_path")], []);
  const found = findRoute(plan, withClient(request, client.address), path, nowMs);
  if (found.route === undefined) return finish([...steps, ...found.miss], found.otherRoutes);
  const { route, at, params, otherRoutes } = found;
  const chosen = { name: route.name, path: at, params };
  steps.push(...explainOwner(route, at));
  if (route.quarantine !== undefined) return finish(steps, otherRoutes, chosen);
  const upgrade = explainUpgrade(plan.gateway, route, at, request);
  steps.push(...upgrade);
  if (upgrade.some(({ verdict }) => verdict === "deny")) return finish(steps, otherRoutes, chosen);
  const { identity, steps: authSteps } = explainAuth(route, at, plan.gateway.identity, { ...request, path }, nowMs);
  steps.push(...authSteps, ...(found.told ?? []));
  if (authSteps.some(({ verdict }) => verdict === "deny")) return finish(steps, otherRoutes, chosen);
  const lifeCycle = explainLifeCycle(route, at, params, nowMs);
  steps.push(...lifeCycle);
  if (lifeCycle.some(({ verdict }) => verdict === "deny")) return finish(steps, otherRoutes, chosen);
  const { address: clientIp } = client;
  const authenticated = route.auth !== undefined;
  const limits = explainLimits(plan.gateway, route, at, { identity, clientIp, params, request, path, authenticated });
  steps.push(...limits);
  if (limits.some(({ verdict }) => verdict === "deny")) return finish(steps, otherRoutes, chosen);
  if (route.graphql !== undefined)
    steps.push(step("graphql", "note", "its document is judged, of which nothing is known here", [...at, "graphql"]));
  const facts = {
    ...withClient(request, clientIp),
    ...{ identity, route: route.name, path, params, headers: joinedHeaders(request) },
  };
  const decision = explainDecision(plan.gateway, route, at, facts);
  steps.push(...decision);
  if (decision.some(({ verdict }) => verdict === "deny")) return finish(steps, otherRoutes, chosen);
  const reshaper = reshaperFor(plan.gateway);
  const rewrite = (to: RegexRewrite, from: string): string => reshaper.rewrite(to, from);
  const sent = (): string =>
    route.target.kind === "forward" ? pathFor(route.target, { path, params, rewrite }) : path;
  const contract = explainValidation(route, at, { method: request.method, path, sent }, artifacts);
  steps.push(...contract);
  if (contract.some(({ verdict }) => verdict === "deny")) return finish(steps, otherRoutes, chosen);
  const keySteps = explainIdempotency(route, at, identity, request.method, (name) => headerOf(request, name));
  steps.push(...keySteps);
  if (keySteps.some(({ verdict }) => verdict === "deny")) return finish(steps, otherRoutes, chosen, route);
  steps.push(...explainShedding(plan, route, identity));
  const told = explainTold(route, at, identity, params, queryMembers(request.query));
  const headers = forwardedHeaders(plan, request, route, told.fields);
  const { method, query, host } = request;
  const shape = { identity, params, method, host: hostWithoutPort(host) ?? host, path, query, clientIp, ...NO_IDS };
  const requestFacts = { ...shape, scheme: "https" as const, authority: host, fields: new Map(headers) };
  const edited = explainRequestEdits(route, at, reshaper, requestFacts, headers);
  const edits = [...explainEdits(route, at), ...edited.steps, ...explainAnswerEdits(route, at)];
  steps.push(...edits, ...told.steps, explainBounds(route, at));
  if ([...edits, ...told.steps].some(({ verdict }) => verdict === "deny")) return finish(steps, otherRoutes, chosen);
  steps.push(...explainPolicies(route, at));
  const handled = explainHandler(route, at);
  if (handled.length > 0)
    return {
      ...finish([...steps, ...handled], otherRoutes, chosen, route),
      result: { outcome: "answer", text: "would be answered here, by code" },
    };
  const own = explainOwnAnswer(route, at, reshaper, requestFacts);
  if (own !== undefined)
    return {
      ...finish([...steps, own], otherRoutes, chosen, route),
      result: { outcome: "answer", text: `would be answered here: ${own.text}` },
    };
  const { scopes } = identity;
  const header = (name: string): string | undefined => headers.get(name);
  const forwarded = {
    ...{ method, path, query, params, scopes, identity, route: route.name, nowMs, header },
    priority: priorityOf(identity.plan, route.priority, plan.gateway.shedding),
    rewrite,
    artifacts,
  };
  const traffic = explainEdgeTraffic(route, at, forwarded, clientIp);
  const asked = { method: edited.reshaped?.method ?? method, query: edited.reshaped?.query?.(query) ?? query };
  steps.push(
    ...traffic.steps,
    ...explainCache(route, at, { method, host, path, query, identity, header, told: told.fields }),
    ...explainEdgeTrouble(route, at, forwarded, nowMs),
    ...explainTarget(plan, traffic.route, at, { ...forwarded, ...asked }),
  );
  const upstream = sentOn(traffic.route, { ...forwarded, ...asked }, headers);
  return { ...finish(steps, otherRoutes, chosen, route), ...(upstream !== undefined && { upstream }) };
}

function sentOn(
  { target, transcode }: RoutePlan,
  asked: Parameters<typeof pathFor>[1] & { readonly method: string; readonly query: string },
  headers: ReadonlyMap<string, string>,
): SentOn | undefined {
  if (target.kind !== "forward" || transcode !== undefined) return undefined;
  const path = pathFor(target, asked) + asked.query;
  const shown = [...headers].map(([name, value]) => [name, CREDENTIALS.has(name) ? HIDDEN : value]);
  return { to: describeTarget(target.to), method: asked.method, path, headers: Object.fromEntries(shown) };
}

/** Fields whose values are nobody's to read, also where they go on. */
const CREDENTIALS: ReadonlySet<string> = new Set([
  "authorization",
  "proxy-authorization",
  "cookie",
  "dpop",
  "txn-token",
  "x-api-key",
]);
const HIDDEN = "(not shown)";

function finish(
  steps: readonly ExplainStep[],
  otherRoutes: Explanation["otherRoutes"],
  chosen?: NonNullable<Explanation["route"]>,
  route?: RoutePlan,
): Explanation {
  const base = { ...(chosen !== undefined && { route: chosen }), otherRoutes, steps };
  const denied = steps.find((one) => one.verdict === "deny" && one.optional !== true);
  if (denied === undefined) return { ...base, result: { outcome: "forward", text: "would be forwarded" } };
  const denial = denied.code ?? "internal";
  // What a part of a composed answer is refused with stays inside; the client hears that a part is missing.
  const code = route?.target.kind === "aggregate" && denied.stage !== "aggregate" ? "aggregate_part_failed" : denial;
  const { status, title } = errorTable[code];
  return { ...base, result: { outcome: "refuse", code, status, text: `${status} ${title}: ${denied.text}` } };
}

function explainHead({ headers, path, query }: ExplainRequest): ExplainStep | undefined {
  const { refused } = inspectHead(headers, path.length + query.length);
  return refused === undefined ? undefined : step("head", "deny", refused.reason, undefined, refused.code);
}

/** @returns the text of the answer when the gateway itself answers: a preflight */
function explainCors(plan: Plan, request: ExplainRequest, steps: ExplainStep[]): string | undefined {
  const { cors } = plan.gateway;
  const origin = headerOf(request, "origin");
  if (cors === undefined || origin === undefined) return undefined;
  const at: Path = ["gateway", "cors"];
  const method = request.method === "OPTIONS" ? headerOf(request, "access-control-request-method") : undefined;
  if (method !== undefined) {
    const headers = headerOf(request, "access-control-request-headers");
    const allowed = preflightFields(cors, { origin, method, headers }).some(
      ([name]) => name === "access-control-allow-origin",
    );
    const text = allowed ? `preflight: ${origin} may use ${method}` : `preflight: ${origin} may not use ${method}`;
    steps.push(step("cors", allowed ? "pass" : "note", text, at));
    return `would be answered here with 204; a browser would ${allowed ? "send" : "refuse"} the request`;
  }
  const allowed = corsFields(cors, origin).some(([name]) => name === "access-control-allow-origin");
  steps.push(
    step(
      "cors",
      "note",
      allowed ? `${origin} may read the answer` : `${origin} may not read the answer in a browser`,
      at,
    ),
  );
  return undefined;
}

/** @param address the client's, by whom the document believes; absent: nobody knows it */
function withClient({ clientIp: _, ...request }: ExplainRequest, address: string | undefined): ExplainRequest {
  return address === undefined ? request : { ...request, clientIp: address };
}

type FoundRoute =
  | {
      route: RoutePlan;
      at: Path;
      params: Readonly<Record<string, string>>;
      otherRoutes: Explanation["otherRoutes"];
      /** Why it is this one of its siblings. */
      told?: readonly ExplainStep[];
    }
  | { route?: never; miss: readonly ExplainStep[]; otherRoutes: Explanation["otherRoutes"] };

function findRoute({ gateway }: Plan, request: ExplainRequest, path: string, nowMs: number): FoundRoute {
  const { routes, hosts, versioning } = gateway;
  const ofRequest = (name: string): string | undefined => headerOf(request, name);
  const asked = versioning && requestedVersion(versioning, ofRequest, request.query);
  const { host, method, query, clientIp } = request;
  const question = {
    ...{ host, method, path, query, ...(clientIp !== undefined && { clientIp }) },
    header: (name: string) => (name === VERSION_FIELD ? asked : headerOf(request, name)),
  };
  const { regexes } = compileRegexes(routes);
  const { leading, groups } = siblingsOf(routes);
  const found = matchRoute(compileRoutes(leading, hosts, regexes), question);
  const explained = explainRoutes(routes, hosts, question, regexes);
  const otherRoutes = explained.flatMap(({ route, verdict }, at) =>
    verdict.kind === "matched"
      ? []
      : [{ name: route.name, why: describeVerdict(verdict), path: ["gateway", "routes", at] }],
  );
  if (found.route !== undefined) {
    const { params } = found;
    const siblings = groups?.get(found.route);
    const chosen =
      siblings && explainSiblings(gateway, found.route, siblings, otherRoutes, { ...request, path }, nowMs);
    if (chosen !== undefined && chosen.route === undefined)
      return { miss: chosen.steps, otherRoutes: chosen.otherRoutes };
    const route = chosen?.route ?? found.route;
    const at = ["gateway", "routes", routes.indexOf(route)];
    return { route, at, params, otherRoutes, ...(chosen && { otherRoutes: chosen.otherRoutes, told: [chosen.told] }) };
  }
  const texts = {
    unknown_host: `${request.host} is not served: the hosts are ${hosts.join(", ")}`,
    no_route: "no route matches",
    method_not_allowed: `${request.method} is not allowed here: ${found.allow?.join(", ")}`,
  };
  const at: Path = found.missing === "unknown_host" ? ["gateway", "hosts"] : ["gateway", "routes"];
  return { miss: [step("route", "deny", texts[found.missing], at, found.missing)], otherRoutes };
}

function describeCondition(condition: Condition, found: Found): string {
  if (condition.on !== "header" || condition.name !== VERSION_FIELD) return describeMisfit(condition, found);
  return `version ${String(found ?? "none")} is asked for, this is ${String(condition.test)}`;
}

function explainOwner({ owner, quarantine }: RoutePlan, at: Path): ExplainStep[] {
  const owned = owner === undefined ? [] : [step("owner", "note", `the route is of ${owner}`, [...at, "owner"])];
  if (quarantine === undefined) return owned;
  const text = `out of service: ${quarantine}`;
  return [...owned, step("quarantine", "deny", text, [...at, "quarantine"], "route_quarantined")];
}

function describeVerdict(verdict: Exclude<RouteVerdict, { kind: "matched" }>): string {
  if (verdict.kind === "host") return `host is none of ${verdict.hosts.join(", ")}`;
  if (verdict.kind === "path") return `path does not match ${verdict.pattern}`;
  if (verdict.kind === "method") return `method is none of ${verdict.methods.join(", ")}`;
  if (verdict.kind === "condition") return describeCondition(verdict.condition, verdict.found);
  return verdict.kind === "later" ? `equal to ${verdict.than}, but later` : `less specific than ${verdict.than}`;
}

function explainEdits({ transform }: RoutePlan, at: Path): ExplainStep[] {
  return (["request", "response"] as const).flatMap((side) => {
    const edits = transform[side];
    if (isEmptyEdit(edits)) return [];
    return [step(`${side} headers`, "pass", describeEdits(edits), [...at, "transform", side])];
  });
}

function describeEdits({ remove, set, add }: HeaderEdits): string {
  const pairs = (edits: Readonly<Record<string, string>>): string =>
    Object.entries(edits)
      .map(([name, value]) => `${name}: ${value}`)
      .join(", ");
  return [
    ...(remove.length > 0 ? [`remove ${remove.join(", ")}`] : []),
    ...(Object.keys(set).length > 0 ? [`set ${pairs(set)}`] : []),
    ...(Object.keys(add).length > 0 ? [`add ${pairs(add)}`] : []),
  ].join("; ");
}

function explainBounds({ timeoutMs, bodyBytesMax }: RoutePlan, at: Path): ExplainStep {
  return step(
    "bounds",
    "note",
    `answer within ${formatDuration(timeoutMs)}, body up to ${formatSize(bodyBytesMax)}`,
    at,
  );
}

/** What of the request's headers goes on, with the route's edits; secrets stay references. */
function forwardedHeaders(
  { gateway }: Plan,
  request: ExplainRequest,
  route: RoutePlan,
  told: Told["fields"],
): Map<string, string> {
  const names = request.headers.map(([name]) => name);
  const forged = forgedFields(believedFields(gateway), names);
  const dropped = new Set([...inspectHead(request.headers, 0).dropped, ...forged]);
  const headers = new Map<string, string>();
  const append = (name: string, value: string): void => {
    const before = headers.get(name);
    headers.set(name, before === undefined ? value : `${before}, ${value}`);
  };
  for (const [name, value] of request.headers) if (!dropped.has(name)) append(name, value);
  const fields = {
    append,
    set: (name: string, value: string) => headers.set(name, value),
    delete: (name: string) => headers.delete(name),
  };
  applyHeaderEdits(fields, route.transform.request, (name) => `\${secret:${name}}`);
  for (const [name, value] of told) headers.set(name, value);
  return headers;
}
