import { SelvageError } from "../../../shared/errors.ts";
import type { CounterState } from "../../../shared/policy/counters.ts";
import type { HeldPlan } from "../authority/held-plan.ts";
import type { PlanLease } from "../authority/plan-lease.ts";
import type { Stage } from "../upstream/stages.ts";

/** Takes the plan that the whole request is decided by, of two versions one of them, and counts how both do. */
export function leasePlan(lease: PlanLease, counters: CounterState): Stage {
  return {
    enter: (c) => {
      const decideBy = (held: HeldPlan | undefined): undefined => {
        if (held === undefined) throw new SelvageError("plan_missing", "no plan was deployed, applied or kept");
        c.set("held", lease.canary === undefined ? held : lease.canary.choose(c, held));
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
