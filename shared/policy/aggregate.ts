/**
 * Which parts of an aggregate may start, and what becomes of their results. The host performs the calls; a part waits for
 * those that its path names, a part whose source failed fails without a call, the first failed required part ends it all.
 */
import { limits } from "../limits.ts";
import type { AggregatePart } from "./settings.ts";

export type PartResult =
  | { readonly ok: true; readonly value: unknown }
  /** `status`: what a client should be told when the part is required. */
  | { readonly ok: false; readonly status: 502 | 503 | 504; readonly reason: string };

export interface AggregateState {
  readonly waiting: Set<string>;
  readonly running: Set<string>;
  readonly done: Map<string, PartResult>;
}

export function newAggregate(parts: readonly AggregatePart[]): AggregateState {
  return { waiting: new Set(parts.map((part) => part.name)), running: new Set(), done: new Map() };
}

/** Parts to call now; they count as running from here on. */
export function startParts(state: AggregateState, parts: readonly AggregatePart[]): AggregatePart[] {
  failDependents(state, parts);
  const started: AggregatePart[] = [];
  for (const part of parts) {
    if (state.running.size >= limits.gateway.aggregateConcurrencyMax) break;
    if (!state.waiting.has(part.name)) continue;
    if (!part.dependsOn.every((name) => state.done.get(name)?.ok)) continue;
    state.waiting.delete(part.name);
    state.running.add(part.name);
    started.push(part);
  }
  return started;
}

export function finishPart(state: AggregateState, part: AggregatePart, result: PartResult): void {
  state.running.delete(part.name);
  state.done.set(part.name, result.ok && part.pick !== undefined ? pick(result.value, part.pick) : result);
}

/** A required part that failed, with its result: the aggregate has failed and nothing more is started. */
export function failedPart(
  state: AggregateState,
  parts: readonly AggregatePart[],
): { readonly name: string; readonly result: Extract<PartResult, { ok: false }> } | undefined {
  for (const { name, optional } of parts) {
    const result = state.done.get(name);
    if (!optional && result !== undefined && !result.ok) return { name, result };
  }
  return undefined;
}

/** True when every part has its result. */
export function isComplete(state: AggregateState): boolean {
  return state.waiting.size === 0 && state.running.size === 0;
}

/** The answer: every part in the order of the document, `null` for those missing, which are named besides. */
export function composeAnswer(
  state: AggregateState,
  parts: readonly AggregatePart[],
): { readonly body: Readonly<Record<string, unknown>>; readonly missing: readonly string[] } {
  const entries: [string, unknown][] = [];
  const missing: string[] = [];
  for (const { name } of parts) {
    const result = state.done.get(name);
    if (result?.ok) entries.push([name, result.value]);
    else {
      entries.push([name, null]);
      missing.push(name);
    }
  }
  return { body: Object.fromEntries(entries), missing };
}

function failDependents(state: AggregateState, parts: readonly AggregatePart[]): void {
  for (let changed = true; changed; ) {
    changed = false;
    for (const part of parts) {
      const source = state.waiting.has(part.name)
        ? part.dependsOn.find((name) => state.done.get(name)?.ok === false)
        : undefined;
      if (source === undefined) continue;
      const cause = state.done.get(source) as Extract<PartResult, { ok: false }>;
      state.waiting.delete(part.name);
      state.done.set(part.name, { ok: false, status: cause.status, reason: `waits for ${source}, which failed` });
      changed = true;
    }
  }
}

function pick(value: unknown, names: readonly string[]): PartResult {
  if (typeof value !== "object" || value === null || Array.isArray(value))
    return { ok: false, status: 502, reason: "pick needs an object" };
  const kept = names.filter((name) => Object.hasOwn(value, name));
  return { ok: true, value: Object.fromEntries(kept.map((name) => [name, (value as Record<string, unknown>)[name]])) };
}
