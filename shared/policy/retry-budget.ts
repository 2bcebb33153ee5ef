/**
 * Bounds how much load retries add: so many at once for the requests in flight, but always a few (Envoy's rule), and none that
 * repeat what was sent while such ones are in vain. Else a service that fails as a whole would get every attempt of every
 * request, only later, and in a chain of services the product of them all.
 */
import { limits } from "../limits.ts";

export interface RetryBudgetState {
  /** Requests in flight, each counted once whatever its attempts. */
  active: number;
  /** Attempts in flight that are retries. */
  retrying: number;
  /** Repetitions that failed, less what successes made good; 0 to `retriesInVainMax`. */
  inVain: number;
}

export const newRetryBudget = (): RetryBudgetState => ({ active: 0, retrying: 0, inVain: 0 });

/**
 * `retry` asks for leave to start one; each granted one is given back by `retried`. `in-vain`: a repetition failed; `succeeded`: an
 * attempt of any kind did.
 */
export type RetryBudgetEvent = "started" | "ended" | "retry" | "retried" | "in-vain" | "succeeded";

/** Whether repetitions have been of use of late. */
export function isWorthRepeating({ inVain }: RetryBudgetState): boolean {
  return inVain < limits.agent.retriesInVainMax;
}

/** @returns for `retry` whether it may start now; true for all others */
export function retryBudgetStep(state: RetryBudgetState, event: RetryBudgetEvent): boolean {
  if (event === "started") state.active++;
  else if (event === "ended") state.active--;
  else if (event === "retried") state.retrying--;
  else if (event === "in-vain") state.inVain = Math.min(state.inVain + 1, limits.agent.retriesInVainMax);
  else if (event === "succeeded") state.inVain = Math.max(state.inVain - limits.agent.retryBudgetShare, 0);
  else {
    const allowed = Math.max(limits.agent.retryBudgetFloor, Math.floor(state.active * limits.agent.retryBudgetShare));
    if (state.retrying >= allowed) return false;
    state.retrying++;
  }
  return true;
}
