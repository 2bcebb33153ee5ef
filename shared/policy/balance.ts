/**
 * Which endpoint gets a request. `peak-ewma` and `least-request` draw two at random, by weight, and take the one of lower cost
 * (power of two choices); `round-robin` is nginx's smooth weighted one; `consistent-hash` is rendezvous hashing.
 */
import { costOf, type EndpointLoad, freshShare } from "./endpoint-load.ts";
import { rankFor, weightedRankFor } from "./rendezvous.ts";
import type { BalanceSettings } from "./settings.ts";

/** What says how requests are spread; what keeps them together is asked for as a key. */
export type SpreadSettings = Pick<BalanceSettings, "policy" | "boundedLoad" | "slowStart">;

/** Of one choice among the same endpoints in the same order. */
export interface BalancerState {
  /** Round robin: what each endpoint is owed. */
  readonly turns: number[];
  /** All weights are alike and nobody starts slowly. */
  readonly even: boolean;
}

export function newBalancer(loads: readonly EndpointLoad[], settings: SpreadSettings): BalancerState {
  const even = settings.slowStart === undefined && loads.every(({ weight }) => weight === 1);
  return { turns: loads.map(() => 0), even };
}

/** How good a candidate is: those of the best grade that there is share the requests. Above `good` are those that are preferred. */
export const GRADE = { out: 0, tried: 1, good: 2 } as const;

/** Made once for its candidates; what is not read-only is asked for anew each time. */
export interface BalanceQuestion {
  readonly loads: readonly EndpointLoad[];
  readonly settings: SpreadSettings;
  /** By candidate, of GRADE or above it; undefined: all are good. */
  grades: readonly number[] | undefined;
  /** At least 0, below 1. */
  random: number;
  nowMs: number;
  /** Hash of what keeps requests together; undefined: nothing does, then it is as `peak-ewma`. */
  key: number | undefined;
}

/** @returns index of the endpoint, or -1 when none is usable */
export function balanceStep(state: BalancerState, question: BalanceQuestion): number {
  const { loads, grades, settings, key } = question;
  const count = loads.length;
  if (count <= 1) return count - 1 < 0 || grades?.[0] === GRADE.out ? -1 : 0;
  const best = bestGrade(grades, count);
  if (best === GRADE.out) return -1;
  if (settings.policy === "round-robin") return nextTurn(state, question, best);
  if (settings.policy === "consistent-hash" && key !== undefined) return highestRank(state, question, best, key);
  return state.even && grades === undefined ? twoOfAll(question) : twoByWeight(question, best);
}

function bestGrade(grades: readonly number[] | undefined, count: number): number {
  if (grades === undefined) return GRADE.good;
  let best: number = GRADE.out;
  for (let at = 0; at < count; at++) if ((grades[at] as number) > best) best = grades[at] as number;
  return best;
}

/** One random number is enough for two indices: what the first leaves of it is as random. */
function twoOfAll({ loads, settings, random, nowMs }: BalanceQuestion): number {
  const scaled = random * loads.length;
  const first = Math.floor(scaled);
  const drawn = Math.floor((scaled - first) * (loads.length - 1));
  const second = drawn >= first ? drawn + 1 : drawn;
  return cheaper(loads, first, second, settings, nowMs);
}

function cheaper(loads: readonly EndpointLoad[], a: number, b: number, settings: SpreadSettings, nowMs: number) {
  const { policy } = settings;
  const one = costOf(loads[a] as EndpointLoad, policy, nowMs);
  return one <= costOf(loads[b] as EndpointLoad, policy, nowMs) ? a : b;
}

/** Weight of a candidate now; 0 for those that are not of the best grade. */
function weightAt({ loads, grades, settings, nowMs }: BalanceQuestion, best: number, at: number): number {
  if (grades !== undefined && grades[at] !== best) return 0;
  const load = loads[at] as EndpointLoad;
  return load.weight * freshShare(load, settings.slowStart, nowMs);
}

/** Both are drawn by weight; when every weight is 0, candidates are alike. */
function twoByWeight(question: BalanceQuestion, best: number): number {
  const { loads, grades, settings, random, nowMs } = question;
  let total = 0;
  for (let at = 0; at < loads.length; at++) total += weightAt(question, best, at);
  if (total === 0) return firstOf(grades, best);
  const first = drawn(question, best, -1, random * total);
  const own = weightAt(question, best, first);
  const rest = total - own;
  if (rest <= total * 1e-9) return first;
  let before = 0;
  for (let at = 0; at < first; at++) before += weightAt(question, best, at);
  const left = Math.min(Math.max((random * total - before) / own, 0), 1);
  return cheaper(loads, first, drawn(question, best, first, left * rest), settings, nowMs);
}

/** @param except candidate that is passed over; -1: none */
function drawn(question: BalanceQuestion, best: number, except: number, offset: number): number {
  let left = offset;
  let last = -1;
  for (let at = 0; at < question.loads.length; at++) {
    const weight = at === except ? 0 : weightAt(question, best, at);
    if (weight === 0) continue;
    last = at;
    left -= weight;
    if (left < 0) return at;
  }
  return last;
}

function firstOf(grades: readonly number[] | undefined, best: number): number {
  return grades === undefined ? 0 : grades.indexOf(best);
}

function nextTurn({ turns }: BalancerState, question: BalanceQuestion, best: number): number {
  let total = 0;
  let chosen = -1;
  for (let at = 0; at < turns.length; at++) {
    const weight = weightAt(question, best, at);
    if (weight === 0) continue;
    total += weight;
    turns[at] = (turns[at] as number) + weight;
    if (chosen < 0 || (turns[at] as number) > (turns[chosen] as number) + 1e-9) chosen = at;
  }
  if (chosen < 0) return firstOf(question.grades, best);
  turns[chosen] = (turns[chosen] as number) - total;
  return chosen;
}

/** The first of the key's ranking that has not more than its part of the load, else the first. */
function highestRank({ even }: BalancerState, question: BalanceQuestion, best: number, key: number): number {
  const { loads, grades, settings } = question;
  const most = mostPending(loads, settings.boundedLoad);
  let chosen = -1;
  let chosenRank = -1;
  let free = -1;
  let freeRank = -1;
  for (let at = 0; at < loads.length; at++) {
    if (grades !== undefined && grades[at] !== best) continue;
    const load = loads[at] as EndpointLoad;
    const rank = even ? rankFor(key, load.hash) : weightedRankFor(key, load.hash, load.weight);
    if (rank > chosenRank) {
      chosen = at;
      chosenRank = rank;
    }
    if (load.pending >= most || rank <= freeRank) continue;
    free = at;
    freeRank = rank;
  }
  return free >= 0 ? free : chosen;
}

/** Requests at once that each may have: the mean, with the one that comes, times what the document allows. */
function mostPending(loads: readonly EndpointLoad[], boundedLoad: number | undefined): number {
  if (boundedLoad === undefined) return Number.POSITIVE_INFINITY;
  let pending = 1;
  for (const load of loads) pending += load.pending;
  return Math.ceil((boundedLoad * pending) / loads.length);
}
