/**
 * What the control plane keeps of records. Of each route's drawn requests a weighted sample (A-Res: P. S. Efraimidis, P. G. Spirakis,
 * "Weighted random sampling with a reservoir", Information Processing Letters 97(5), 2006) in which newer ones weigh more (G. Cormode,
 * V. Shkapenyuk, D. Srivastava, B. Xu, "Forward Decay", ICDE 2009): each has a rank that is drawn once, and the lowest ranks stay. So
 * old ones leave while new ones come, what came in one moment is a fair sample of it, and hardly a row is written for a route that is
 * known well. Of what failed, was asked for, and of agents' hops the youngest stay.
 */
import { records as bounds } from "../limits/records.ts";
import type { KeptBecause } from "./request-record.ts";
import { type TapRate, takeRate } from "./tap-source.ts";

export type ShelfKind = KeptBecause | "hop";

export interface ShelfRecord {
  /** Row of the storage. */
  readonly id: number;
  readonly kind: ShelfKind;
  readonly traceId: string;
  /** Empty: none. */
  readonly route: string;
  readonly atMs: number;
  readonly untilMs: number;
  /** Of what was drawn: the lowest stay. */
  readonly rank: number;
  readonly chars: number;
}

export interface Shelf {
  /** By kind and route, in the order in which they came. */
  readonly groups: Map<string, ShelfRecord[]>;
  /** How many records of the gateway each trace has, and how many hops. */
  readonly traces: Map<string, number>;
  readonly hopsOf: Map<string, number>;
  readonly counts: Record<ShelfKind, number>;
  /** What may still be taken, by what is bounded. */
  readonly rates: Map<string, TapRate>;
  readonly free: number[];
  nextId: number;
  chars: number;
}

export interface Offered extends Pick<ShelfRecord, "kind" | "traceId" | "route" | "chars"> {
  /** When it was asked, by the clock of its source. */
  readonly atMs: number;
  /** How many requests it stands for. */
  readonly weight: number;
  readonly keepMs: number;
  /** Drawn ones of its route. */
  readonly perRoute: number;
}

/** What is to be stored; a row of `dropped` that is not written anew is to be deleted. */
export interface ShelfVerdict {
  /** Undefined: it is not kept. */
  readonly put?: ShelfRecord;
  readonly dropped: readonly number[];
}

export function newShelf(): Shelf {
  return {
    ...{ groups: new Map(), traces: new Map(), hopsOf: new Map(), rates: new Map(), free: [], nextId: 1, chars: 0 },
    counts: { asked: 0, failed: 0, drawn: 0, hop: 0 },
  };
}

const countsFor = ({ traces, hopsOf }: Shelf, kind: ShelfKind): Map<string, number> =>
  kind === "hop" ? hopsOf : traces;

/** A record that is stored already. */
export function putBack(shelf: Shelf, record: ShelfRecord): void {
  groupOf(shelf, record.kind, record.route).push(record);
  shelf.counts[record.kind]++;
  const counts = countsFor(shelf, record.kind);
  counts.set(record.traceId, (counts.get(record.traceId) ?? 0) + 1);
  shelf.chars += record.chars;
  shelf.nextId = Math.max(shelf.nextId, record.id + 1);
}

/** @param random from 0 up to 1 */
export function offerRecord(shelf: Shelf, offered: Offered, random: number, nowMs: number): ShelfVerdict {
  const { kind, traceId, route, chars, keepMs } = offered;
  const atMs = Math.min(Math.max(offered.atMs, nowMs - bounds.skewMsMax), nowMs) || nowMs;
  const rank = kind === "drawn" ? rankOf(offered, random, atMs) : 0;
  if (!isWanted(shelf, offered, rank, nowMs)) return { dropped: [] };
  const dropped = makeRoom(shelf, offered);
  const id = dropped[0] ?? shelf.free.pop() ?? shelf.nextId;
  const put = { id, kind, traceId, route, atMs, untilMs: atMs + keepMs, rank, chars };
  putBack(shelf, put);
  shelf.free.push(...dropped.slice(1));
  return { put, dropped };
}

/** The logarithm of an exponential variate by the weight, which doubles with each half-life. */
function rankOf({ weight, keepMs }: Offered, random: number, atMs: number): number {
  const halfLives = atMs / (keepMs * bounds.halfLifeShare);
  return Math.log(-Math.log(Math.max(random, Number.MIN_VALUE))) - Math.log(weight) - halfLives * Math.LN2;
}

function isWanted(shelf: Shelf, { kind, route, traceId, perRoute }: Offered, rank: number, nowMs: number): boolean {
  if (kind === "asked") return true;
  if (kind === "hop") return isHopWanted(shelf, traceId, nowMs);
  if (kind === "failed") return isAllowed(shelf, `failed ${route}`, bounds.failedPerMinute, nowMs);
  const group = groupOf(shelf, kind, route);
  return group.length < perRoute || rank < highestOf(group).rank;
}

/** A client may give many requests one trace. */
function isHopWanted(shelf: Shelf, traceId: string, nowMs: number): boolean {
  if ((shelf.hopsOf.get(traceId) ?? 0) >= bounds.hopsOfTraceMax) return false;
  return shelf.traces.has(traceId) || isAllowed(shelf, "hop", bounds.hopsPerMinute, nowMs);
}

function isAllowed({ rates }: Shelf, of: string, perMinute: number, nowMs: number): boolean {
  const rate = rates.get(of) ?? { left: perMinute, atMs: nowMs / 60 };
  rates.set(of, rate);
  // Of minutes, where others count by seconds.
  return takeRate(rate, perMinute, nowMs / 60);
}

/** @returns rows that are free by now */
function makeRoom(shelf: Shelf, { kind, route, perRoute, chars }: Offered): number[] {
  const dropped: number[] = [];
  const drop = (record: ShelfRecord | undefined): void => {
    if (record === undefined) return;
    remove(shelf, record);
    dropped.push(record.id);
  };
  const group = groupOf(shelf, kind, route);
  if (kind === "drawn") while (group.length >= perRoute) drop(highestOf(group));
  else if (group.length >= ofRouteMax(kind)) drop(group[0]);
  if (shelf.counts[kind] >= OF_KIND[kind]) drop(oldest(shelf, kind));
  while (shelf.chars + chars > bounds.charsMax && shelf.chars > 0) drop(oldest(shelf));
  return dropped;
}

const OF_KIND: Readonly<Record<ShelfKind, number>> = {
  asked: bounds.askedMax,
  failed: bounds.failedMax,
  drawn: bounds.drawnMax,
  hop: bounds.hopsMax,
};

const ofRouteMax = (kind: ShelfKind): number => (kind === "failed" ? bounds.failedOfRouteMax : OF_KIND[kind]);

/** @param kind absent: of all */
function oldest({ groups }: Shelf, kind?: ShelfKind): ShelfRecord | undefined {
  let found: ShelfRecord | undefined;
  for (const [first] of groups.values())
    if (first !== undefined && (kind === undefined || first.kind === kind) && first.atMs < (found?.atMs ?? Infinity))
      found = first;
  return found;
}

/** Not of an empty group. */
const highestOf = (group: readonly ShelfRecord[]): ShelfRecord =>
  group.reduce((highest, one) => (one.rank > highest.rank ? one : highest));

function remove(shelf: Shelf, record: ShelfRecord): void {
  const { kind, route, traceId, chars } = record;
  const group = groupOf(shelf, kind, route);
  group.splice(group.indexOf(record), 1);
  shelf.counts[kind]--;
  shelf.chars -= chars;
  const counts = countsFor(shelf, kind);
  const left = (counts.get(traceId) ?? 1) - 1;
  if (left === 0) counts.delete(traceId);
  else counts.set(traceId, left);
}

/** Takes away what is over. @returns their rows */
export function sweepShelf(shelf: Shelf, nowMs: number): number[] {
  const over = [...recordsOn(shelf)].filter(({ untilMs }) => untilMs <= nowMs);
  for (const record of over) remove(shelf, record);
  for (const [name, group] of shelf.groups) if (group.length === 0) shelf.groups.delete(name);
  shelf.rates.clear();
  shelf.free.push(...over.map(({ id }) => id));
  return over.map(({ id }) => id);
}

export function* recordsOn({ groups }: Shelf): Generator<ShelfRecord> {
  for (const group of groups.values()) yield* group;
}

function groupOf({ groups }: Shelf, kind: ShelfKind, route: string): ShelfRecord[] {
  // Hops say no route of the gateway.
  const name = kind === "hop" ? kind : `${kind} ${route}`;
  const known = groups.get(name);
  if (known !== undefined) return known;
  const group: ShelfRecord[] = [];
  groups.set(name, group);
  return group;
}
