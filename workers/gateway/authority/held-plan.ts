import type { Condition, KeyExpression } from "../../../shared/auth/condition.ts";
import { noRevocations, type RevocationIndex } from "../../../shared/auth/revocations.ts";
import { type ClientIpRules, clientIpRules } from "../../../shared/http/client-ip.ts";
import { hex } from "../../../shared/http/hex.ts";
import { believedFields } from "../../../shared/plan/believed-fields.ts";
import { canonicalJson } from "../../../shared/plan/canonical-json.ts";
import { type GatewayPlan, PLAN_FORMAT, type RoutePlan } from "../../../shared/plan/plan.ts";
import { routeExpressions } from "../../../shared/plan/route-expressions.ts";
import type { Reshaper } from "../../../shared/policy/reshaper.ts";
import { compileRoutes, type RouteTable } from "../../../shared/route/match-route.ts";
import { holdEdits } from "./held-edits.ts";
import type { HopSigner } from "./hop-signer.ts";
import type { SigningKey } from "./signing-key.ts";

/** A plan ready to decide by. Requests hold on to the one that they began with; a new one never changes it. */
export interface HeldPlan {
  /** 0: the one that the Worker was deployed with. */
  readonly version: number;
  /** SHA-256 of the canonical JSON, hex. */
  readonly hash: string;
  readonly plan: GatewayPlan;
  readonly table: RouteTable<RoutePlan>;
  /** Expressions of the plan's routes by their text. */
  readonly conditions: ReadonlyMap<string, Condition>;
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
}

/** @throws with a reason for operators when the hash is another or the plan cannot be used */
export async function holdPlan(version: number, hash: string, plan: GatewayPlan): Promise<HeldPlan> {
  const found = await planHash(plan);
  if (plan.format !== PLAN_FORMAT) throw new Error(`plan of format ${plan.format}, this gateway reads ${PLAN_FORMAT}`);
  if (found !== hash) throw new Error(`hash of the plan is ${found}, announced was ${hash}`);
  const table = compileRoutes(plan.routes, plan.hosts);
  const clientIp = plan.clientIp && clientIpRules(plan.clientIp);
  const reshaper = await holdEdits(plan);
  const believed = believedFields(plan);
  const held = { version, hash, plan, table, believed, ...(await expressionsOf(plan)), revocations: noRevocations };
  return { ...held, ...(clientIp !== undefined && { clientIp }), ...(reshaper !== undefined && { reshaper }) };
}

/** The evaluator is loaded by the first plan that has an expression: most have none. */
async function expressionsOf({ routes }: GatewayPlan): Promise<Pick<HeldPlan, "conditions" | "keyExpressions">> {
  const conditions = new Map<string, Condition>();
  const keyExpressions = new Map<string, KeyExpression>();
  const { whens, keys } = routeExpressions(routes);
  if (whens.length === 0 && keys.length === 0) return { conditions, keyExpressions };
  const { parseCondition, parseKeyExpression } = await import("../../../shared/auth/condition.ts");
  for (const text of whens) conditions.set(text, usable(text, parseCondition(text)));
  for (const text of keys) keyExpressions.set(text, usable(text, parseKeyExpression(text)));
  return { conditions, keyExpressions };
}

function usable<Parsed extends object>(text: string, parsed: Parsed | string): Parsed {
  if (typeof parsed === "string") throw new Error(`the expression ${text}: ${parsed}`);
  return parsed;
}

export async function planHash(plan: GatewayPlan): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(canonicalJson(plan)));
  return hex(new Uint8Array(digest));
}
