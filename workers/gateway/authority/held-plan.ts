import type { Condition, KeyExpression } from "../../../shared/auth/condition.ts";
import { noRevocations, type RevocationIndex } from "../../../shared/auth/revocations.ts";
import { type ClientIpRules, clientIpRules } from "../../../shared/http/client-ip.ts";
import { believedFields } from "../../../shared/plan/believed-fields.ts";
import { canonicalJson } from "../../../shared/plan/canonical-json.ts";
import { partConditionsOf } from "../../../shared/plan/part-conditions.ts";
import {
  type GatewayPlan,
  HELD_PLAN_FORMAT,
  IDENTITY_PLAN_FORMAT,
  MATCH_PLAN_FORMAT,
  PLAN_FORMAT,
  type RoutePlan,
} from "../../../shared/plan/plan.ts";
import { routeExpressions } from "../../../shared/plan/route-expressions.ts";
import { type Siblings, siblingsOf } from "../../../shared/plan/siblings.ts";
import type { PartCondition } from "../../../shared/policy/part-condition.ts";
import type { Reshaper } from "../../../shared/policy/reshaper.ts";
import { compileRoutes, type RouteTable } from "../../../shared/route/match-route.ts";
import { hasRegex, noRegexes, type Regexes } from "../../../shared/route/value-test.ts";
import { sha256Hex } from "../upstream/sha256.ts";
import { withCode } from "./held-code.ts";
import { holdEdits } from "./held-edits.ts";
import type { HeldIngress } from "./held-ingress.ts";
import type { HopSigner } from "./hop-signer.ts";
import type { SigningKey } from "./signing-key.ts";

/** A plan ready to decide by. Requests hold on to the one that they began with; a new one never changes it. */
export interface HeldPlan {
  /** 0: the one that the Worker was deployed with. */
  readonly version: number;
  /** It decides a share of the requests beside the live version. */
  readonly isCanary?: true;
  /** SHA-256 of the canonical JSON, hex. */
  readonly hash: string;
  readonly plan: GatewayPlan;
  readonly table: RouteTable<RoutePlan>;
  /** Routes that match the same requests, by the one of them that is in `table`. Absent: no route asks who it is. */
  readonly siblings?: NonNullable<Siblings["groups"]>;
  /** Expressions of the plan's routes by their text. */
  readonly conditions: ReadonlyMap<string, Condition>;
  /** Conditions of parts of aggregates by their text. */
  readonly partConditions: ReadonlyMap<string, PartCondition>;
  /** Expressions that limits count by, by their text. */
  readonly keyExpressions: ReadonlyMap<string, KeyExpression>;
  /** Carries out edits that depend on requests, and makes own answers. Absent: the plan has none. */
  readonly reshaper?: Reshaper;
  /** `believedFields` of it. */
  readonly believed: readonly string[];
  /** Absent: no proxy is trusted. */
  readonly clientIp?: ClientIpRules;
  readonly revocations: RevocationIndex;
  /** Absent: calls into the mesh cannot be signed. */
  readonly signingKey?: SigningKey;
  /** Absent: calls into the mesh cannot be proven. */
  readonly hop?: HopSigner;
  /** Absent: the mesh is reached by its fixed address. */
  readonly ingress?: HeldIngress;
}

const FORMATS: readonly unknown[] = [PLAN_FORMAT, MATCH_PLAN_FORMAT, IDENTITY_PLAN_FORMAT, HELD_PLAN_FORMAT];

/** @throws with a reason for operators when the hash is another or the plan cannot be used */
export async function holdPlan(version: number, hash: string, plan: GatewayPlan): Promise<HeldPlan> {
  const found = await planHash(plan);
  if (!FORMATS.includes(plan.format))
    throw new Error(`plan of format ${String(plan.format)}, this gateway reads ${FORMATS.join(", ")}`);
  if (found !== hash) throw new Error(`hash of the plan is ${found}, announced was ${hash}`);
  const expressions = await expressionsOf(plan);
  const routes = await withCode(plan.routes.map((route) => withFault(route, expressions.faults)));
  const { leading, groups: siblings } = siblingsOf(routes);
  const table = compileRoutes(leading, plan.hosts, await regexesOf(plan));
  const clientIp = plan.clientIp && clientIpRules(plan.clientIp);
  const reshaper = await holdEdits(plan);
  const partConditions = await conditionsOfParts(plan);
  const { conditions, keyExpressions } = expressions;
  const held = {
    ...{ version, hash, plan, table, conditions, keyExpressions, partConditions },
    believed: believedFields(plan),
    revocations: noRevocations,
  };
  return {
    ...held,
    ...(clientIp !== undefined && { clientIp }),
    ...(reshaper !== undefined && { reshaper }),
    ...(siblings !== undefined && { siblings }),
  };
}

/** A route of which something cannot be used by this release is out of service alone: the others serve. */
function withFault(route: RoutePlan, faults: ReadonlyMap<string, string>): RoutePlan {
  if (faults.size === 0) return route;
  const { whens, keys } = routeExpressions([route]);
  const text = [...whens, ...keys].find((one) => faults.has(one));
  if (text === undefined) return route;
  const quarantine = `the expression ${text}: ${faults.get(text)}`;
  console.warn(JSON.stringify({ kind: "plan", route: route.name, reason: quarantine, answered: "route_quarantined" }));
  return { ...route, quarantine };
}

async function conditionsOfParts({ routes }: GatewayPlan): Promise<HeldPlan["partConditions"]> {
  const conditions = new Map<string, PartCondition>();
  const texts = partConditionsOf(routes);
  if (texts.length === 0) return conditions;
  const { parsePartCondition } = await import("../../../shared/policy/part-condition.ts");
  for (const text of texts) conditions.set(text, usable(text, parsePartCondition(text)));
  return conditions;
}

function usable<Parsed extends object>(text: string, parsed: Parsed | string): Parsed {
  if (typeof parsed === "string") throw new Error(`the expression ${text}: ${parsed}`);
  return parsed;
}

/** The engine is loaded by the first plan that has a regular expression: most have none. */
async function regexesOf({ routes }: GatewayPlan): Promise<Regexes> {
  if (!routes.some(({ match }) => hasRegex(match))) return noRegexes;
  const { compileRegexes } = await import("../../../shared/route/compile-regexes.ts");
  const { regexes, faults } = compileRegexes(routes);
  // What such a route matches is not known: it takes no request.
  for (const [regex, reason] of faults)
    console.warn(JSON.stringify({ kind: "plan", regex, reason, answered: "no_route" }));
  return regexes;
}

interface Expressions extends Pick<HeldPlan, "conditions" | "keyExpressions"> {
  /** Texts that cannot be used, with the reason. */
  readonly faults: ReadonlyMap<string, string>;
}

/** The evaluator is loaded by the first plan that has an expression: most have none. */
async function expressionsOf({ routes }: GatewayPlan): Promise<Expressions> {
  const conditions = new Map<string, Condition>();
  const keyExpressions = new Map<string, KeyExpression>();
  const faults = new Map<string, string>();
  const { whens, keys } = routeExpressions(routes);
  if (whens.length === 0 && keys.length === 0) return { conditions, keyExpressions, faults };
  const { parseCondition, parseKeyExpression } = await import("../../../shared/auth/condition.ts");
  const keep = <Parsed extends object>(into: Map<string, Parsed>, text: string, parsed: Parsed | string): void => {
    if (typeof parsed === "string") faults.set(text, parsed);
    else into.set(text, parsed);
  };
  for (const text of whens) keep(conditions, text, parseCondition(text));
  for (const text of keys) keep(keyExpressions, text, parseKeyExpression(text));
  return { conditions, keyExpressions, faults };
}

export const planHash = (plan: GatewayPlan): Promise<string> => sha256Hex(canonicalJson(plan));
