import { limits } from "../../../shared/limits.ts";
import type { Env } from "../env.ts";

/** How long a gateway isolate serves without asking, in ms, by the variable `GATEWAY_LEASE_MS`. */
export function gatewayLeaseMs({ GATEWAY_LEASE_MS }: Pick<Env, "GATEWAY_LEASE_MS">): number {
  const told = Number(GATEWAY_LEASE_MS ?? "");
  return Number.isInteger(told) && told >= 1 ? Math.min(told, limits.gateway.planLeaseMs) : limits.gateway.planLeaseMs;
}
