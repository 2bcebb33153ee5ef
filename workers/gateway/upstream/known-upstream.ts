import type { Series } from "../../../shared/policy/counters.ts";
import type { TargetState, UpstreamState } from "../../../shared/policy/upstream-targets.ts";
import type { TargetKnowledge } from "./target-knowledge.ts";

/** One upstream as this isolate knows it. */
export interface KnownUpstream {
  readonly name: string;
  state: UpstreamState;
  readonly counts: Series<"upstream">["counts"];
  readonly knowledge: TargetKnowledge;
  /** Attempts, and when each must be over; one whose isolate was cut off ends by this. */
  readonly open: Map<object, { readonly target: TargetState; readonly endsAtMs: number }>;
  sweptAtMs: number;
}
