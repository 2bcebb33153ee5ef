/**
 * What the isolates of a gateway share of one upstream: how its targets answer checks, and which of them isolates have ejected. One
 * isolate may be the only one for which a target is away, so a few must say it before the others believe it.
 */
import { limits } from "../limits.ts";
import type { HealthSettings, TargetSettings, UpstreamSettings } from "./upstream-settings.ts";

const bounds = limits.upstreams;

/** Of an isolate, every few seconds while it has requests for the upstream. */
export interface MonitorQuestion {
  /** Its random name. */
  readonly isolate: string;
  /** Version of the plan that the settings are of. */
  readonly version: number;
  readonly targets: UpstreamSettings["targets"];
  readonly health?: HealthSettings | undefined;
  /** What it has ejected by itself, and for how long still. */
  readonly ejected: readonly Ejected[];
}

export interface Ejected {
  /** Name of the target. */
  readonly target: string;
  readonly forMs: number;
}

export interface MonitorAnswer {
  /** Names of targets whose checks fail. */
  readonly unwell: readonly string[];
  /** What enough of the other isolates have ejected. */
  readonly ejected: readonly Ejected[];
}

/** What is thought of one target by its checks. */
export interface CheckState {
  isWell: boolean;
  /** Checks in a row that say the opposite. */
  against: number;
}

export interface MonitorState {
  version: number;
  /** When an isolate with that version asked last. */
  versionHeardAtMs: number;
  targets: readonly TargetSettings[];
  health: HealthSettings | undefined;
  /** By the name of the target. */
  readonly checks: Map<string, CheckState>;
  /** When an isolate asked last; 0: never. */
  askedAtMs: number;
  readonly isolates: Map<string, { heardAtMs: number; untilMs: ReadonlyMap<string, number> }>;
}

export const newMonitor = (): MonitorState => ({
  version: -1,
  versionHeardAtMs: 0,
  targets: [],
  health: undefined,
  checks: new Map(),
  askedAtMs: 0,
  isolates: new Map(),
});

/** Takes note of what an isolate says. @returns whether that changed what is checked */
export function hearIsolate(state: MonitorState, question: MonitorQuestion, nowMs: number): boolean {
  state.askedAtMs = nowMs;
  const { isolate, ejected } = question;
  // The last one to speak is the last in the map.
  state.isolates.delete(isolate);
  const untilMs = new Map(ejected.map(({ target, forMs }) => [target, nowMs + forMs]));
  state.isolates.set(isolate, { heardAtMs: nowMs, untilMs });
  for (const [name, { heardAtMs }] of state.isolates) {
    if (nowMs - heardAtMs <= bounds.heardForMs && state.isolates.size <= bounds.isolatesMax) break;
    state.isolates.delete(name);
  }
  // While a new plan spreads, its settings count; where nobody has it any more, such as after a loss of the control plane, it is over.
  const isOlder = question.version < state.version && nowMs - state.versionHeardAtMs <= bounds.heardForMs;
  if (isOlder) return false;
  state.versionHeardAtMs = nowMs;
  if (question.version === state.version) return false;
  replaceTargets(state, question);
  return true;
}

function replaceTargets(state: MonitorState, { version, targets, health }: MonitorQuestion): void {
  state.version = version;
  state.targets = targets;
  state.health = health;
  const names = new Set(targets.map(({ name }) => name));
  for (const name of state.checks.keys()) if (!names.has(name)) state.checks.delete(name);
}

/** @param isolate who asks: its own word alone is none to itself */
export function answerMonitor(state: MonitorState, isolate: string, nowMs: number): MonitorAnswer {
  const unwell =
    state.health === undefined ? [] : [...state.checks].filter(([, { isWell }]) => !isWell).map(([name]) => name);
  const ejected = state.targets.flatMap(({ name }) => {
    const forMs = agreedForMs(state, name, isolate, nowMs);
    return forMs > 0 ? [{ target: name, forMs }] : [];
  });
  return { unwell, ejected };
}

/** For how long a target is out by the word of isolates; 0: too few say so, or none but the one that asks. */
function agreedForMs({ isolates }: MonitorState, target: string, asker: string, nowMs: number): number {
  let active = 0;
  let saying = 0;
  let forMs = 0;
  for (const [isolate, { heardAtMs, untilMs }] of isolates) {
    if (nowMs - heardAtMs > bounds.heardForMs) continue;
    active++;
    const leftMs = (untilMs.get(target) ?? 0) - nowMs;
    if (leftMs <= 0) continue;
    saying++;
    if (isolate !== asker) forMs = Math.max(forMs, leftMs);
  }
  const needed = Math.min(bounds.agreedMax, Math.max(bounds.agreedMin, Math.ceil(active * bounds.agreedShare)));
  return saying >= needed ? forMs : 0;
}

/** Takes note of a check. @returns whether it changed what is thought of the target */
export function noteCheck({ health, checks, targets }: MonitorState, target: string, isGood: boolean): boolean {
  if (health === undefined || !targets.some(({ name }) => name === target)) return false;
  const known = checks.get(target) ?? { isWell: true, against: 0 };
  checks.set(target, known);
  if (isGood === known.isWell) {
    known.against = 0;
    return false;
  }
  known.against++;
  if (known.against < (isGood ? health.healthyAfter : health.unhealthyAfter)) return false;
  known.isWell = isGood;
  known.against = 0;
  return true;
}

/** Whether anybody still wants to know: checks end a while after the last question, and go on with the next one. */
export function isWatched({ health, askedAtMs }: MonitorState, nowMs: number): boolean {
  if (health === undefined) return false;
  return nowMs - askedAtMs <= Math.max(bounds.checkedForMs, 2 * health.intervalMs);
}
