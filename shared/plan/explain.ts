/**
 * A dry run: what would become of a request, by the same pure functions that decide real ones. Nothing is counted, sent
 * or looked up; what only a host can know (a token's signature, counts, healthy instances) is left out and said so.
 */
import type { Path } from "../config/problem.ts";
import { formatDuration, formatSize } from "../config/units.ts";
import { inspectHead, refuseMethod } from "../http/inspect-head.ts";
import { parseRequestTarget } from "../http/request-target.ts";
import { corsFields, preflightFields } from "../policy/cors.ts";
import { isEmptyEdit } from "../policy/header-edits.ts";
import { priorityOf } from "../policy/load-shedding.ts";
import type { Reshaper } from "../policy/reshaper.ts";
import type { HeaderEdits } from "../policy/settings.ts";
import { WEBSOCKET } from "../policy/upgrade.ts";
import { hostWithoutPort } from "../route/compare-routes.ts";
import { normalisePath } from "../route/normalise-path.ts";
import { explainAuth } from "./explain-auth.ts";
import { explainCache } from "./explain-cache.ts";
import { explainClientIp } from "./explain-client-ip.ts";
import { explainHandler, explainPolicies } from "./explain-code.ts";
import { explainDecision } from "./explain-decision.ts";
import { explainEdgeTraffic, explainEdgeTrouble } from "./explain-edge-traffic.ts";
import { bareHost, editFields, endCredentials, explainBounds, passedFields } from "./explain-fields.ts";
import { explainGraphql } from "./explain-graphql.ts";
import { explainIdempotency } from "./explain-idempotency.ts";
import { explainLifeCycle } from "./explain-life-cycle.ts";
import { explainLimits } from "./explain-limits.ts";
import { explainLogin } from "./explain-login.ts";
import { explainMetadata, explainTold } from "./explain-outward.ts";
import { explainAnswerEdits, explainOwnAnswer, explainRequestEdits, NO_IDS, reshaperFor } from "./explain-reshape.ts";
import { drawnResult, resultOf, withAborts, withSent, withShadows } from "./explain-result.ts";
import { type ChosenRoute, findRoute, type PreparedRoutes, prepareRoutes, takeSibling } from "./explain-route.ts";
import { explainShedding } from "./explain-shedding.ts";
import { type ExplainRequest, type ExplainStep, type Explanation, headerOf, step } from "./explain-step.ts";
import { explainUpgrade } from "./explain-streams.ts";
import { explainTarget, tryPath } from "./explain-target.ts";
import { explainValidation } from "./explain-validation.ts";
import { KnownArtifacts } from "./known-artifacts.ts";
import type { GatewayPlan, Plan, RegexRewrite, RoutePlan } from "./plan.ts";

/** A plan to explain requests by: what is the same for all of them is made once. */
export interface PreparedPlan {
  readonly plan: Plan;
  readonly routes: PreparedRoutes;
  readonly reshaper: Reshaper;
  /** Names of routes that ask who it is. */
  readonly asking: ReadonlySet<string>;
  readonly artifacts: KnownArtifacts | undefined;
}

/** @param tellsOthers whether explanations say of each other route why it lost, which costs as much as there are routes */
export function preparePlan(plan: Plan, artifacts: KnownArtifacts | undefined, tellsOthers = true): PreparedPlan {
  const { gateway } = plan;
  const asking = new Set(gateway.routes.flatMap(({ name, auth }) => (auth === undefined ? [] : [name])));
  return { plan, routes: prepareRoutes(gateway, tellsOthers), reshaper: reshaperFor(gateway), asking, artifacts };
}

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
  return explainBy(preparePlan(plan, artifacts && new KnownArtifacts(artifacts)), request, nowMs);
}

/** The same, for many requests by one plan. @param nowMs for the times of a token */
export function explainBy(prepared: PreparedPlan, request: ExplainRequest, nowMs: number): Explanation {
  return withShadows(follow(prepared, request, nowMs));
}

function follow(prepared: PreparedPlan, request: ExplainRequest, nowMs: number): Explanation {
  const { plan, routes, reshaper, artifacts } = prepared;
  const head = explainHead(request);
  if (head !== undefined) return finish([head], []);
  const client = explainClientIp(plan.gateway, request);
  const steps: ExplainStep[] = [...client.steps];
  const metadata = explainMetadata(plan.gateway.resources, hostWithoutPort(request.host) ?? "", request.path);
  if (metadata !== undefined) return { otherRoutes: [], steps, result: { outcome: "answer", text: metadata } };
  const preflight = explainCors(plan, request, steps);
  if (preflight !== undefined)
    return { otherRoutes: [], steps, result: { outcome: "answer", text: preflight, status: 204 } };
  const login = explainLogin(plan.gateway, request);
  if (login !== undefined)
    return { otherRoutes: [], steps: [...steps, login], result: { outcome: "answer", text: "would be answered here" } };
  const fields = passedFields(plan.gateway, request, client.address);
  const { path, refused } = normalisePath(request.path);
  if (path === undefined)
    return finish([...steps, step("path", "deny", `the path ${refused}`, undefined, "ambiguous_path")], []);
  const found = findRoute(routes, withClient(request, client.address), path);
  if (found.route === undefined) return finish([...steps, found.miss], found.otherRoutes);
  const early = explainEarly(plan.gateway, found, request);
  if (early.some(isDenial)) return finish([...steps, ...early], found.otherRoutes, chosenOf(found));
  const taken = takeSibling(plan.gateway, found, { ...request, path }, fields, nowMs);
  if (taken.route === undefined) return finish([...steps, ...early, ...taken.steps], taken.otherRoutes);
  const { route, at, params, otherRoutes } = taken;
  const chosen = chosenOf(taken);
  steps.push(...explainOwner(route, at), ...early);
  if (route.quarantine !== undefined) return finish(steps, otherRoutes, chosen);
  if (early.some(({ stage, verdict }) => stage === "upgrade" && verdict === "pass")) fields.set("upgrade", WEBSOCKET);
  const { identity, steps: authSteps } = explainAuth(route, at, plan.gateway, { ...request, path }, fields, nowMs);
  steps.push(...authSteps, ...(taken.told === undefined ? [] : [taken.told]));
  if (authSteps.some(isDenial)) return finish(steps, otherRoutes, chosen);
  const query = route.auth === undefined ? request.query : endCredentials(plan.gateway, fields, request.query);
  const lifeCycle = explainLifeCycle(route, at, params, nowMs);
  steps.push(...lifeCycle);
  if (lifeCycle.some(isDenial)) return finish(steps, otherRoutes, chosen);
  const { address: clientIp } = client;
  const host = bareHost(request.host);
  const inside = { ...request, host, query, headers: [...fields] };
  const limits = explainLimits(plan.gateway, route, at, { identity, clientIp, params, request: inside, path });
  steps.push(...limits);
  if (limits.some(isDenial)) return finish(steps, otherRoutes, chosen);
  const graphql = explainGraphql(route, at, inside);
  steps.push(...graphql);
  if (graphql.some(isDenial)) return finish(steps, otherRoutes, chosen);
  const facts = {
    ...withClient(inside, clientIp),
    ...{ identity, route: route.name, path, params, headers: Object.fromEntries(fields) },
  };
  const decision = explainDecision(plan.gateway, route, at, facts);
  steps.push(...decision);
  if (decision.some(isDenial)) return finish(steps, otherRoutes, chosen);
  const rewrite = (to: RegexRewrite, from: string): string => reshaper.rewrite(to, from);
  const sent = (): string | ExplainStep =>
    route.target.kind === "forward" ? tryPath(route.target, at, { path, params, rewrite }) : path;
  const contract = explainValidation(route, at, { method: request.method, path, sent }, artifacts);
  steps.push(...contract);
  if (contract.some(isDenial)) return finish(steps, otherRoutes, chosen);
  const keySteps = explainIdempotency(route, at, identity, request.method, (name) => headerOf(request, name));
  steps.push(...keySteps);
  if (keySteps.some(isDenial)) return finish(steps, otherRoutes, chosen, route);
  steps.push(...explainShedding(plan, route, identity));
  const { method, scheme = "https" } = request;
  const shape = { identity, params, method, host, path, query, clientIp, ...NO_IDS };
  const requestFacts = { ...shape, scheme, authority: request.host, fields };
  editFields(fields, route.transform.request);
  const edited = explainRequestEdits(route, at, reshaper, requestFacts, fields);
  const told = explainTold(route, at, identity, params, query);
  for (const [name, value] of told.fields) fields.set(name, value);
  const edits = [...explainEdits(route, at), ...edited.steps, ...explainAnswerEdits(route, at)];
  steps.push(...edits, ...told.steps, explainTimes(route, at));
  if ([...edits, ...told.steps].some(isDenial)) return finish(steps, otherRoutes, chosen);
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
      ...finish([...steps, own.step], otherRoutes, chosen, route),
      result: { outcome: "answer", text: `would be answered here: ${own.step.text}`, status: own.status },
    };
  const { scopes } = identity;
  const header = (name: string): string | undefined => fields.get(name);
  const forwarded = {
    ...{ method, path, query, params, scopes, identity, route: route.name, nowMs, header, context: told.context },
    priority: priorityOf(identity.plan, route.priority, plan.gateway.shedding),
    rewrite,
    artifacts,
  };
  const traffic = explainEdgeTraffic(route, at, forwarded, clientIp);
  const going = {
    ...forwarded,
    method: edited.reshaped?.method ?? method,
    query: edited.reshaped?.query?.(query) ?? query,
  };
  const cached = { method, host: request.host, path, query, identity, header, told: told.fields };
  const cache = explainCache(route, at, cached);
  steps.push(...traffic.steps, ...cache);
  if (cache.some(({ code }) => code === "not_stored")) {
    const text = "would be answered here, by what is stored, which is not known now, or with 504";
    return { route: chosen, otherRoutes, steps, result: { outcome: "answer", text } };
  }
  const trouble = explainEdgeTrouble(route, at, forwarded, nowMs);
  steps.push(...trouble);
  const ways = traffic.ways.map((way) => {
    const taking = explainTarget(plan, way.route, at, going);
    const result = withSent(resultOf(taking, way.route), way.route, going, fields);
    return { ...way, steps: taking, results: withAborts([{ name: way.name, percent: way.percent, result }], taking) };
  });
  for (const { name, steps: own } of ways)
    steps.push(...(ways.length === 1 ? own : own.map((one) => ({ ...one, variant: name }))));
  const among = withAborts(
    ways.flatMap(({ results }) => results),
    trouble,
  );
  return { route: chosen, otherRoutes, steps, result: drawnResult(among) };
}

const chosenOf = ({ route, at, params }: ChosenRoute): NonNullable<Explanation["route"]> => ({
  name: route.name,
  path: at,
  params,
});

/** What is decided before it is known who asks: the same for all routes that only that tells apart. */
function explainEarly(gateway: GatewayPlan, { route, at }: ChosenRoute, request: ExplainRequest): ExplainStep[] {
  if (route.quarantine !== undefined) return [];
  return [...explainBounds(route, request), ...explainUpgrade(gateway, route, at, request)];
}

const isDenial = ({ verdict }: ExplainStep): boolean => verdict === "deny";

function finish(
  steps: readonly ExplainStep[],
  otherRoutes: Explanation["otherRoutes"],
  chosen?: NonNullable<Explanation["route"]>,
  route?: RoutePlan,
): Explanation {
  return { ...(chosen !== undefined && { route: chosen }), otherRoutes, steps, result: resultOf(steps, route) };
}

function explainHead({ headers, host, method, path, query }: ExplainRequest): ExplainStep | undefined {
  if (parseRequestTarget(`http://${host}${path}`) === undefined)
    return step("head", "deny", "host or target of the request is malformed", undefined, "bad_request");
  const length = headers.find(([name]) => name === "content-length")?.[1];
  const refused =
    inspectHead(headers, path.length + query.length).refused ??
    refuseMethod(method, length !== undefined && length !== "0");
  return refused && step("head", "deny", refused.reason, undefined, refused.code);
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

function explainOwner({ owner, quarantine }: RoutePlan, at: Path): ExplainStep[] {
  const owned = owner === undefined ? [] : [step("owner", "note", `the route is of ${owner}`, [...at, "owner"])];
  if (quarantine === undefined) return owned;
  const text = `out of service: ${quarantine}`;
  return [...owned, step("quarantine", "deny", text, [...at, "quarantine"], "route_quarantined")];
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

function explainTimes({ timeoutMs, bodyBytesMax }: RoutePlan, at: Path): ExplainStep {
  return step(
    "bounds",
    "note",
    `answer within ${formatDuration(timeoutMs)}, body up to ${formatSize(bodyBytesMax)}`,
    at,
  );
}
