/** Bounds how much load retries add: so many at once for the requests in flight, but always a few (Envoy's rule). */
import { limits } from "../limits.ts";

export interface RetryBudgetState {
  /** Requests in flight, each counted once whatever its attempts. */
  active: number;
  /** Attempts in flight that are retries. */
  retrying: number;
}

export const newRetryBudget = (): RetryBudgetState => ({ active: 0, retrying: 0 });

/** `retry` asks for leave to start one; each granted one is given back by `retried`. */
export type RetryBudgetEvent = "started" | "ended" | "retry" | "retried";

/** @returns for `retry` whether it may start now; true for all others */
export function retryBudgetStep(state: RetryBudgetState, event: RetryBudgetEvent): boolean {
  if (event === "started") state.active++;
  else if (event === "ended") state.active--;
  else if (event === "retried") state.retrying--;
  else {
    const allowed = Math.max(limits.agent.retryBudgetFloor, Math.floor(state.active * limits.agent.retryBudgetShare));
    if (state.retrying >= allowed) return false;
    state.retrying++;
  }
  return true;
}
