import { SelvageError } from "../../../shared/errors.ts";
import type { CounterState } from "../../../shared/policy/counters.ts";
import type { HeldPlan } from "../authority/held-plan.ts";
import type { PlanLease } from "../authority/plan-lease.ts";
import type { Stage } from "../upstream/stages.ts";

/** Takes the plan that the whole request is decided by, of two versions one of them, and counts how both do. */
export function leasePlan(lease: PlanLease, counters: CounterState): Stage {
  return {
    span: "lease plan",
    enter: (c) => {
      const decideBy = (live: HeldPlan | undefined): undefined => {
        if (live === undefined) throw new SelvageError("plan_missing", "no plan was deployed, applied or kept");
        const held = lease.canary === undefined ? live : lease.canary.choose(c, live);
        c.set("held", held);
        held.tracer?.begin(c);
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
