import type { AgentPlan } from "../../shared/plan/plan.ts";

/** A plan as the control plane told it. */
export interface KnownPlan {
  readonly version: number;
  readonly hash: string;
  readonly plan: AgentPlan;
}
