/** Which secrets of a plan the gateway does not have: found once for each plan, outside of requests. */
import { limits } from "../../../shared/limits.ts";
import type { GatewayPlan } from "../../../shared/plan/plan.ts";
import { planSecrets } from "../../../shared/plan/plan-secrets.ts";
import type { Env } from "../env.ts";

const known = new WeakMap<GatewayPlan, readonly string[]>();

/** @returns names in the order of the alphabet, as many as are told */
export function missingSecrets(plan: GatewayPlan, env: Env): readonly string[] {
  let missing = known.get(plan);
  if (missing === undefined) {
    // A binding stays as it is for as long as the isolate lives.
    missing = planSecrets(plan).filter((name) => env[`SECRET_${name}`] === undefined);
    missing = missing.slice(0, limits.gateway.missingSecretsMax);
    known.set(plan, missing);
  }
  return missing;
}
