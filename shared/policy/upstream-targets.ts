/**
 * The targets of an upstream as one isolate knows them: which of them gets a request, and what becomes of how it went. Groups come in
 * their order, by what share of each is healthy (`zones.ts`); within a group `balance.ts` chooses among those that neither checks
 * nor failures (`outlier.ts`) keep out.
 *
 * Panic: where the checks leave too few targets (none, unless the document says more), they are passed over; where failures leave none,
 * the target that failed the longest ago is used. So no check and no breaker alone makes an upstream unreachable.
 */
import { type BalanceQuestion, type BalancerState, balanceStep, GRADE, newBalancer } from "./balance.ts";
import { type BreakerEvent, leastRecentlyFailed } from "./breaker.ts";
import { answerSampleMs, latencyMsAt, type MutableLoad, newEndpointLoad, observeLatency } from "./endpoint-load.ts";
import { type HedgeState, newHedge, noteHedgeLatency } from "./hedge.ts";
import {
  newOutlier,
  newServiceHealth,
  type OutlierState,
  outlierEnd,
  outlierSend,
  outlierVerdict,
  recountHealth,
  type ServiceHealth,
} from "./outlier.ts";
import { newRetryBudget, type RetryBudgetState } from "./retry-budget.ts";
import type { TargetSettings, UpstreamSettings } from "./upstream-settings.ts";
import { chooseLevel, type LevelState, newLevels } from "./zones.ts";

export interface TargetState {
  readonly settings: TargetSettings;
  readonly load: MutableLoad;
  readonly outlier: OutlierState;
  /** Its checks fail. */
  isUnwell: boolean;
  /** Other isolates have ejected it until then; 0: they have not. */
  heldUntilMs: number;
}

export interface UpstreamState {
  readonly settings: UpstreamSettings;
  readonly targets: readonly TargetState[];
  readonly health: ServiceHealth;
  readonly budget: RetryBudgetState;
  readonly hedge: HedgeState;
  /** Of one choice; filled in anew for each. */
  readonly question: BalanceQuestion & { readonly loads: readonly MutableLoad[] };
  readonly balancer: BalancerState;
  readonly grades: number[];
  /** Undefined: there is one group. */
  readonly levels: LevelState | undefined;
}

/** @param before the same upstream by older settings: targets that stay keep what is known of them */
export function newUpstream(settings: UpstreamSettings, nowMs: number, before?: UpstreamState): UpstreamState {
  const targets = settings.targets.map((target) => newTarget(target, nowMs, before));
  const loads = targets.map(({ load }) => load);
  const outliers = targets.map(({ outlier }) => outlier);
  const health = before?.health ?? newServiceHealth();
  recountHealth(health, outliers);
  const groups = settings.targets.map(({ group }) => group);
  return {
    settings,
    targets,
    health,
    budget: before?.budget ?? newRetryBudget(),
    hedge: before?.hedge ?? newHedge(),
    question: { loads, grades: undefined, settings: settings.balance, random: 0, nowMs: 0, key: undefined },
    balancer: newBalancer(loads, settings.balance),
    grades: targets.map(() => GRADE.good),
    levels: groups.every((group) => group === 0) ? undefined : newLevels(groups),
  };
}

function newTarget(settings: TargetSettings, nowMs: number, before: UpstreamState | undefined): TargetState {
  const known = before?.targets.find((one) => one.settings.name === settings.name);
  const { name, weight } = settings;
  if (known === undefined)
    return {
      settings,
      load: newEndpointLoad(name, weight, nowMs),
      outlier: newOutlier(),
      isUnwell: false,
      heldUntilMs: 0,
    };
  // Requests under way give their places back to the load that they know.
  const load = known.load.weight === weight ? known.load : Object.assign(known.load, { weight });
  return { ...known, settings, load };
}

export interface TargetQuestion {
  /** Targets of this request's earlier attempts; they come last. */
  readonly tried: ReadonlySet<TargetState>;
  /** Hash of what keeps requests together; undefined: nothing does. */
  readonly key: number | undefined;
  readonly nowMs: number;
  /** At least 0, below 1. */
  readonly random: number;
}

/**
 * The target of a request's next attempt, which is taken note of; `leaveTarget` gives its place back.
 * @returns undefined when each has as many requests as it may
 */
export function enterTarget(state: UpstreamState, question: TargetQuestion): TargetState | undefined {
  const target = pick(state, question);
  if (target === undefined) return undefined;
  outlierSend(target.outlier, question.nowMs, state.settings.breaker);
  target.load.pending++;
  return target;
}

/** An attempt is no more in flight. */
export function leaveTarget({ load }: TargetState): void {
  load.pending = Math.max(0, load.pending - 1);
}

/** Whether an attempt could go to a target that this request has not tried and that is in use. */
export function hasUntried(state: UpstreamState, { tried, nowMs }: TargetQuestion): boolean {
  gradeAll(state, nowMs, tried);
  return state.grades.some((grade) => grade === GRADE.good);
}

/** Whether no target is in use by what is known of them, so that a choice goes against it. */
export function isPanic(state: UpstreamState, nowMs: number): boolean {
  return state.targets.every((target) => isOut(state, target, nowMs, false));
}

/** How an attempt went. */
export interface TargetOutcome {
  readonly event: BreakerEvent;
  /** When `enterTarget` chose it. */
  readonly sentAtMs: number;
  readonly tookMs: number;
  /** What the target asks for (`Retry-After`); undefined: it is not too busy. */
  readonly pauseMs?: number;
}

/** @returns whether the target was ejected by it */
export function noteOutcome(state: UpstreamState, target: TargetState, outcome: TargetOutcome, nowMs: number): boolean {
  const { event, sentAtMs, tookMs, pauseMs } = outcome;
  const { load, outlier } = target;
  const { breaker, hedge } = state.settings;
  // Settings that have replaced these count their own targets.
  if (!state.targets.some((one) => one.outlier === outlier)) return false;
  if (hedge !== undefined) noteHedgeLatency(state.hedge, tookMs, hedge);
  const failed = event === "failure" || pauseMs !== undefined;
  if (event !== "abandoned") observeLatency(load, answerSampleMs(load, tookMs, failed, pauseMs ?? 0, nowMs), nowMs);
  // Nobody knows how long it would have taken, but that it would have been longer.
  else if (tookMs > latencyMsAt(load, nowMs)) observeLatency(load, tookMs, nowMs);
  const before = outlier.ejectedUntilMs;
  if (outlierEnd(outlier, state.health, event, sentAtMs, nowMs, breaker)) load.freshSinceMs = nowMs;
  return event === "failure" && outlier.ejectedUntilMs !== before;
}

function pick(state: UpstreamState, by: TargetQuestion): TargetState | undefined {
  const probe = gradeAll(state, by.nowMs, by.tried);
  const { question, grades, targets, levels } = state;
  const random = levels === undefined ? by.random : preferGroup(state, levels, by);
  // By hash a target is probed by requests of its own. One of a group that gets none needs no probe.
  const isWanted =
    probe !== undefined && probe.settings.group <= (levels === undefined || levels.level < 0 ? 0 : levels.level);
  if (isWanted && state.settings.balance.policy !== "consistent-hash") return probe;
  question.grades = grades;
  question.key = by.key;
  question.nowMs = by.nowMs;
  question.random = random;
  const picked = targets[balanceStep(state.balancer, question)];
  if (picked !== undefined) return picked;
  return lastResort(state, by);
}

/** Of those that may get a request at all, the one that failed the longest ago. */
function lastResort(state: UpstreamState, { tried }: TargetQuestion): TargetState | undefined {
  const usable = state.targets.filter((target) => !isFull(state, target) && !isIdle(target));
  const outliers = usable.map(({ outlier }) => outlier);
  return usable[leastRecentlyFailed(outliers, (at) => tried.has(usable[at] as TargetState))];
}

const isFull = ({ settings }: UpstreamState, { load }: TargetState): boolean =>
  load.pending >= settings.breaker.maxRequests;

/** It is there to take nothing for now. */
const isIdle = ({ settings }: TargetState): boolean => settings.weight === 0;

function isOut(
  { health, settings }: UpstreamState,
  target: TargetState,
  nowMs: number,
  ignoresChecks: boolean,
): boolean {
  if (isIdle(target) || nowMs < target.heldUntilMs) return true;
  if (target.isUnwell && !ignoresChecks) return true;
  return outlierVerdict(target.outlier, health, nowMs, settings.breaker) === "no";
}

/** @returns a target that waits for its probe */
function gradeAll(state: UpstreamState, nowMs: number, tried: ReadonlySet<TargetState>): TargetState | undefined {
  const ignoresChecks = areTooFewWell(state);
  let probe: TargetState | undefined;
  for (let at = 0; at < state.targets.length; at++) {
    const target = state.targets[at] as TargetState;
    const out = isOut(state, target, nowMs, ignoresChecks) || isFull(state, target);
    state.grades[at] = out ? GRADE.out : tried.has(target) ? GRADE.tried : GRADE.good;
    if (out || tried.has(target) || target.outlier.ejectedUntilMs === 0) continue;
    if (outlierVerdict(target.outlier, state.health, nowMs, state.settings.breaker) === "probe") probe ??= target;
  }
  return probe;
}

function areTooFewWell({ targets, settings }: UpstreamState): boolean {
  let [all, well] = [0, 0];
  for (const target of targets) {
    if (isIdle(target)) continue;
    all++;
    if (!target.isUnwell) well++;
  }
  return well === 0 || well * 100 < all * settings.breaker.panicPercent;
}

/** Raises the grades of the group that the request is for, then those of earlier ones. @returns the rest of the random number */
function preferGroup({ targets, grades, settings }: UpstreamState, levels: LevelState, by: TargetQuestion): number {
  levels.healthy.fill(0);
  for (let at = 0; at < targets.length; at++) {
    const { group } = (targets[at] as TargetState).settings;
    if (grades[at] !== GRADE.out) levels.healthy[group] = (levels.healthy[group] as number) + 1;
  }
  const { policy } = settings.balance;
  const byKey = policy === "consistent-hash" && by.key !== undefined;
  // A key that goes to the next group always does, as long as as many are healthy.
  chooseLevel(levels, settings.balance, byKey ? (by.key ?? 0) / 2 ** 32 : by.random);
  const count = levels.endpoints.length;
  for (let at = 0; at < targets.length; at++) {
    const { group } = (targets[at] as TargetState).settings;
    if (grades[at] === GRADE.good) grades[at] = GRADE.good + (group === levels.level ? count : count - 1 - group);
  }
  return levels.random;
}
