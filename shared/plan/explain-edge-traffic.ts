import type { Path } from "../config/problem.ts";
import { identityKey } from "../identity/identity.ts";
import { chooseVariant, type EdgeTrafficRule, type StickySource, type VariantChoice } from "../policy/edge-traffic.ts";
import { matches, type TrafficRequest } from "../policy/traffic.ts";
import { describeTarget } from "./describe-target.ts";
import { faultStep } from "./explain-faults.ts";
import type { Forwarded } from "./explain-forwarded.ts";
import { type ExplainStep, step } from "./explain-step.ts";
import { describeConditions } from "./explain-traffic.ts";
import type { RoutePlan } from "./plan.ts";

/** Where the route's traffic rules send a request, as far as that is not drawn. */
export interface ExplainedTraffic {
  readonly steps: readonly ExplainStep[];
  /** The target that the request goes to; of several one is drawn. */
  readonly ways: readonly Way[];
}

export interface Way {
  readonly name: string;
  readonly percent: number;
  /** The route with this target. */
  readonly route: RoutePlan;
}

/** @param clientIp the client's, where it is known */
export function explainEdgeTraffic(
  route: RoutePlan,
  at: Path,
  request: Forwarded,
  clientIp: string | undefined,
): ExplainedTraffic {
  const { traffic, target } = route;
  const own = { name: route.name, percent: 100, route };
  if (traffic === undefined || target.kind !== "forward") return { steps: [], ways: [own] };
  const { identity } = request;
  const known = identity.method === "anonymous" ? undefined : identityKey(identity);
  const header = (name: string): string | undefined => request.header(name);
  const client = { identity: known, ip: clientIp };
  const choice = chooseVariant(traffic, route.name, askedOf(request), client, header, 0);
  if (choice === undefined)
    return { steps: [step("traffic", "pass", "no traffic rule matches: the route's own target", at)], ways: [own] };
  const rule = traffic[choice.rule] as EdgeTrafficRule;
  const place = [...at, "traffic", choice.rule];
  const conditions = describeConditions(rule);
  const why = `rule ${choice.rule + 1}: ${conditions.length === 0 ? "every request" : conditions.join(", ")}`;
  const wayTo = ({ name, to }: EdgeTrafficRule["variants"][number], percent: number): Way => ({
    ...{ name, percent },
    route: { ...route, target: { ...target, to } },
  });
  if (rule.variants.length > 1 && !isSettled(rule.sticky, client, choice, header)) {
    const ways = sharesOf(rule).map(({ variant, percent }) => wayTo(variant, percent));
    const text = `${ways.map(({ name, percent }) => `${percent} % to ${name}`).join(", ")} (${why}), drawn for each request`;
    return { steps: [step("traffic", "note", text, place)], ways };
  }
  const kept = rule.sticky === undefined || rule.variants.length === 1 ? "" : ", where this client stays";
  const text = `${choice.variant.name}${kept} (${why})`;
  return { steps: [step("traffic", "pass", text, place)], ways: [wayTo(choice.variant, 100)] };
}

/** What the route's own trouble and copies do to the request. @param nowMs milliseconds since the epoch */
export function explainEdgeTrouble(
  { faults = [], mirror = [] }: RoutePlan,
  at: Path,
  request: Forwarded,
  nowMs: number,
): ExplainStep[] {
  const asked = askedOf(request);
  const header = (name: string): string | undefined => request.header(name);
  const steps: ExplainStep[] = [];
  const fault = faults.findIndex((one) => nowMs < one.untilMs && matches(one, asked, header));
  const hit = faults[fault];
  if (hit !== undefined) steps.push(faultStep(hit, [...at, "faults", fault]));
  const copy = mirror.findIndex((one) => matches(one, asked, header));
  const copied = mirror[copy];
  if (copied !== undefined) {
    const to = describeTarget(copied.to);
    steps.push(
      step("mirror", "note", `${copied.percent} % are also sent to ${to}, whose answers are dropped`, [
        ...at,
        "mirror",
        copy,
      ]),
    );
  }
  return steps;
}

/** As the transaction token says it. */
function askedOf({ method, path, route, scopes, identity, context }: Forwarded): TrafficRequest {
  if (identity.method === "anonymous") return { method, path, scopes: undefined, claims: undefined };
  return { method, path, scopes, claims: { sub: identity.sub, tctx: { route, ...context } } };
}

/** Whether it is known where a client of a split stays. */
function isSettled(
  sticky: StickySource | undefined,
  { identity, ip }: { readonly identity: string | undefined; readonly ip: string | undefined },
  { cookie }: VariantChoice,
  header: (name: string) => string | undefined,
): boolean {
  if (sticky === undefined) return false;
  if ("header" in sticky) return Boolean(header(sticky.header));
  // Who shows none that holds a share is given one.
  if ("cookie" in sticky) return cookie === undefined;
  return (sticky.by === "ip" ? ip : identity) !== undefined;
}

/** What has no weight is never drawn. */
function sharesOf({ variants }: EdgeTrafficRule) {
  const total = variants.reduce((sum, { weight }) => sum + weight, 0);
  return variants
    .filter(({ weight }) => weight > 0)
    .map((variant) => ({ variant, percent: Number(((100 * variant.weight) / total).toFixed(2)) }));
}
