import { hex } from "../../../shared/http/hex.ts";
import { canonicalJson } from "../../../shared/plan/canonical-json.ts";
import { type GatewayPlan, PLAN_FORMAT, type RoutePlan } from "../../../shared/plan/plan.ts";
import { compileRoutes, type RouteTable } from "../../../shared/route/match-route.ts";
import type { SigningKey } from "./signing-key.ts";

/** A plan ready to decide by. Requests hold on to the one that they began with; a new one never changes it. */
export interface HeldPlan {
  /** 0: the one that the Worker was deployed with. */
  readonly version: number;
  /** SHA-256 of the canonical JSON, hex. */
  readonly hash: string;
  readonly plan: GatewayPlan;
  readonly table: RouteTable<RoutePlan>;
  /** Absent: calls into the mesh cannot be signed. */
  readonly signingKey?: SigningKey;
}

/** @throws with a reason for operators when the hash is another or the plan cannot be used */
export async function holdPlan(version: number, hash: string, plan: GatewayPlan): Promise<HeldPlan> {
  const found = await planHash(plan);
  if (plan.format !== PLAN_FORMAT) throw new Error(`plan of format ${plan.format}, this gateway reads ${PLAN_FORMAT}`);
  if (found !== hash) throw new Error(`hash of the plan is ${found}, announced was ${hash}`);
  return { version, hash, plan, table: compileRoutes(plan.routes, plan.hosts) };
}

export async function planHash(plan: GatewayPlan): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(canonicalJson(plan)));
  return hex(new Uint8Array(digest));
}
