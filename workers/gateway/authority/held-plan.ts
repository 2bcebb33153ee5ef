import type { Condition } from "../../../shared/auth/condition.ts";
import { noRevocations, type RevocationIndex } from "../../../shared/auth/revocations.ts";
import { hex } from "../../../shared/http/hex.ts";
import { canonicalJson } from "../../../shared/plan/canonical-json.ts";
import { type GatewayPlan, PLAN_FORMAT, type RoutePlan } from "../../../shared/plan/plan.ts";
import { compileRoutes, type RouteTable } from "../../../shared/route/match-route.ts";
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
  return { version, hash, plan, table, conditions: await conditionsOf(plan), revocations: noRevocations };
}

/** The evaluator is loaded by the first plan that has an expression: most have none. */
async function conditionsOf({ routes }: GatewayPlan): Promise<ReadonlyMap<string, Condition>> {
  const conditions = new Map<string, Condition>();
  const texts = new Set(routes.flatMap(({ auth }) => auth?.when ?? []));
  if (texts.size === 0) return conditions;
  const { parseCondition } = await import("../../../shared/auth/condition.ts");
  for (const text of texts) {
    const condition = parseCondition(text);
    if (typeof condition === "string") throw new Error(`the condition ${text}: ${condition}`);
    conditions.set(text, condition);
  }
  return conditions;
}

export async function planHash(plan: GatewayPlan): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(canonicalJson(plan)));
  return hex(new Uint8Array(digest));
}
