import { isMeshLimit } from "../policy/call-limits.ts";
import type { AgentPlan } from "./plan.ts";

/**
 * Services whose endpoints an agent is told: those that it may call, and its own where it has to know how many instances share a
 * limit.
 */
export function watchedBy({ service, inbound, outbound }: AgentPlan): string[] {
  const called = Object.keys(outbound);
  const shares = inbound?.rateLimits?.some((limit) => isMeshLimit(limit) && limit.onFailure === undefined) === true;
  return shares && !called.includes(service) ? [...called, service] : called;
}
