import { SelvageError } from "../../../shared/errors.ts";
import type { CounterState } from "../../../shared/policy/counters.ts";
import type { HeldPlan } from "../authority/held-plan.ts";
import type { PlanLease } from "../authority/plan-lease.ts";
import type { Soon } from "../cache/cache-store.ts";
import type { Tracing } from "../telemetry/tracing.ts";
import type { Stage } from "../upstream/stages.ts";

/** Takes the plan that the whole request is decided by, of two versions one of them, and counts how both do. */
export function leasePlan(lease: PlanLease, counters: CounterState, tracing: Tracing): Stage {
  return {
    enter: (c) => {
      const decideBy = (live: HeldPlan | undefined): Soon<undefined> => {
        if (live === undefined) throw new SelvageError("plan_missing", "no plan was deployed, applied or kept");
        c.set("held", lease.canary === undefined ? live : lease.canary.choose(c, live));
        return tracing.begin(c);
      };
      const taken = lease.take(c.env, c.executionCtx, c.get("arrivedAtMs"));
      return taken instanceof Promise ? taken.then(decideBy) : decideBy(taken);
    },
    leave: (c) => {
      if (lease.canary === undefined) return;
      lease.canary.count(c, counters);
      lease.reportSoon(c.env, c.executionCtx);
    },
  };
}
