/**
 * What is in use of what a source says. The last good list stays while the source is silent or fails, and against an empty answer,
 * each for a bounded time; changes that come close together are taken as one. A host steps it with everything that it hears, and with
 * `time` at what `dueMs` says.
 */
import type { Network } from "../http/address-list.ts";
import { sameEndpoint, type ViewEndpoint } from "../policy/endpoint.ts";
import { admitEndpoints, type NamedEndpoint } from "./admit.ts";

/** Times are milliseconds since the epoch, so that they outlive a process. */
export interface SourceState {
  /** In use. */
  endpoints: readonly ViewEndpoint[];
  /** When the source last said, or confirmed, what there is; undefined: it never did. */
  goodAtMs: number | undefined;
  /** Since when it says that there is nothing, against what is in use. */
  emptySinceMs: number | undefined;
  /** A change that waits for others. */
  pending:
    | { readonly endpoints: readonly ViewEndpoint[]; readonly sinceMs: number; readonly dueMs: number }
    | undefined;
  /** Questions without an answer, in a row. */
  failures: number;
  error: string | undefined;
  /** Endpoints of the last answer that are not called, and why. */
  refused: number;
  refusedWhy: string | undefined;
}

export type SourceEvent =
  | { readonly type: "answer"; readonly endpoints: readonly NamedEndpoint[] }
  /** What it said last still holds. */
  | { readonly type: "same" }
  | { readonly type: "failed"; readonly reason: string }
  | { readonly type: "time" };

export interface SourceRules {
  readonly keepMs: number;
  readonly keepEmptyMs: number;
  readonly settleMs: number;
  readonly settleMaxMs: number;
  /** Special addresses that may be called. */
  readonly allowed: readonly Network[];
}

/** @param kept the last good list of an earlier run */
export function newSource(kept?: {
  readonly endpoints: readonly ViewEndpoint[];
  readonly goodAtMs: number;
}): SourceState {
  return {
    endpoints: kept?.endpoints ?? [],
    goodAtMs: kept?.goodAtMs,
    emptySinceMs: undefined,
    pending: undefined,
    failures: 0,
    error: undefined,
    refused: 0,
    refusedWhy: undefined,
  };
}

/**
 * Applies one event to `state` in place.
 * @returns whether other endpoints are in use now
 */
export function stepSource(state: SourceState, event: SourceEvent, nowMs: number, rules: SourceRules): boolean {
  if (event.type === "answer") takeAnswer(state, event.endpoints, nowMs, rules);
  else if (event.type === "same") isWell(state, nowMs);
  else if (event.type === "failed") fail(state, event.reason);
  return settle(state, nowMs, rules);
}

/** When something changes without a word of the source; Infinity: nothing will. */
export function dueMs(state: SourceState, { keepMs, keepEmptyMs }: SourceRules): number {
  const { pending, emptySinceMs, endpoints, failures, goodAtMs } = state;
  const isKept = endpoints.length > 0;
  return Math.min(
    pending?.dueMs ?? Number.POSITIVE_INFINITY,
    isKept && emptySinceMs !== undefined ? emptySinceMs + keepEmptyMs : Number.POSITIVE_INFINITY,
    isKept && failures > 0 && goodAtMs !== undefined ? goodAtMs + keepMs : Number.POSITIVE_INFINITY,
  );
}

function isWell(state: SourceState, nowMs: number): void {
  state.goodAtMs = nowMs;
  state.failures = 0;
  state.error = undefined;
}

function fail(state: SourceState, reason: string): void {
  state.failures++;
  state.error = reason;
}

function takeAnswer(state: SourceState, named: readonly NamedEndpoint[], nowMs: number, rules: SourceRules): void {
  const { endpoints, refused, reason } = admitEndpoints(named, rules.allowed);
  state.refused = refused;
  state.refusedWhy = reason;
  // An answer that cannot be used is none.
  if (endpoints.length === 0 && refused > 0) {
    fail(state, `nothing of the answer can be used: ${reason}`);
    return;
  }
  isWell(state, nowMs);
  if (endpoints.length === 0) {
    state.pending = undefined;
    state.emptySinceMs ??= nowMs;
    return;
  }
  state.emptySinceMs = undefined;
  if (sameEndpoints(endpoints, state.endpoints)) {
    state.pending = undefined;
    return;
  }
  const sinceMs = state.pending?.sinceMs ?? nowMs;
  // Whoever has nobody to call does not wait.
  const isFirst = state.endpoints.length === 0;
  const dueMs = isFirst ? nowMs : Math.min(sinceMs + rules.settleMaxMs, nowMs + rules.settleMs);
  state.pending = { endpoints, sinceMs, dueMs };
}

function settle(state: SourceState, nowMs: number, rules: SourceRules): boolean {
  const { pending } = state;
  if (pending !== undefined && nowMs >= pending.dueMs) {
    state.endpoints = pending.endpoints;
    state.pending = undefined;
    return true;
  }
  if (pending !== undefined || state.endpoints.length === 0 || nowMs < dueMs(state, rules)) return false;
  state.endpoints = [];
  return true;
}

function sameEndpoints(some: readonly ViewEndpoint[], others: readonly ViewEndpoint[]): boolean {
  return (
    some.length === others.length &&
    some.every((one, at) => one.instance === others[at]?.instance && sameEndpoint(one, others[at]))
  );
}
