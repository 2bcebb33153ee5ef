import type { MiddlewareHandler } from "hono";
import { SelvageError } from "../../../shared/errors.ts";
import type { PlanLease } from "../authority/plan-lease.ts";
import type { GatewayEnv } from "../upstream/exchange.ts";

/** Takes the plan that the whole request is decided by. */
export function leasePlan(lease: PlanLease): MiddlewareHandler<GatewayEnv> {
  return async (c, next) => {
    const taken = lease.take(c.env, c.executionCtx, c.get("arrivedAtMs"));
    const held = taken instanceof Promise ? await taken : taken;
    if (held === undefined) throw new SelvageError("plan_missing", "no plan was deployed, applied or kept");
    c.set("held", held);
    await next();
  };
}
