/** The taps that are open, and what waits for whoever reads them: the control plane's side. */
import { taps as bounds } from "../limits/taps.ts";
import type { TapEntry } from "./tap-entry.ts";
import { compileTapFilter, type TapMatch } from "./tap-filter.ts";
import { type TapRate, type TapReport, type TapsAnswer, type ToldTap, takeRate } from "./tap-source.ts";

/** What outlives the memory. */
export interface TapRecord extends Omit<ToldTap, "leaseMs"> {
  /** Subject of the token that opened it, and may read it. */
  readonly by: string;
  readonly endsAtMs: number;
  /** Unless it is read before. */
  leaseEndsAtMs: number;
}

interface OpenTap {
  readonly record: TapRecord;
  readonly matches: TapMatch;
  readonly rate: TapRate;
  pending: TapEntry[];
  seen: number;
  dropped: number;
  /** Until when other hops of a trace are asked for. */
  readonly traces: Map<string, number>;
}

export type TapDesk = Map<string, OpenTap>;

/** One read: requests that came since the last, and what was seen and dropped since then. */
export interface TapNews {
  readonly entries: readonly TapEntry[];
  readonly seen: number;
  readonly dropped: number;
  readonly endsInMs: number;
}

/** @returns false: there are as many as may be */
export function openTap(desk: TapDesk, record: TapRecord, nowMs: number): boolean {
  sweepTaps(desk, nowMs);
  if (desk.size >= bounds.max) return false;
  desk.set(record.id, {
    record,
    matches: compileTapFilter(record.filter),
    rate: { left: record.perSecond, atMs: nowMs },
    ...{ pending: [], seen: 0, dropped: 0, traces: new Map<string, number>() },
  });
  return true;
}

/** Forgets taps that are over or that nobody reads. @returns their ids */
export function sweepTaps(desk: TapDesk, nowMs: number): string[] {
  const over = [...desk.values()].filter(({ record }) => leaseMsOf(record, nowMs) <= 0);
  for (const { record } of over) desk.delete(record.id);
  return over.map(({ record }) => record.id);
}

/** How long a tap goes on unless it is read. */
function leaseMsOf({ endsAtMs, leaseEndsAtMs }: TapRecord, nowMs: number): number {
  return Math.min(endsAtMs, leaseEndsAtMs) - nowMs;
}

/** A read renews the lease. @returns undefined: there is no such tap of theirs, or no longer */
export function readTap(desk: TapDesk, id: string, by: string, nowMs: number): TapNews | undefined {
  sweepTaps(desk, nowMs);
  const tap = desk.get(id);
  if (tap === undefined || tap.record.by !== by) return undefined;
  tap.record.leaseEndsAtMs = nowMs + bounds.leaseMs;
  const { pending: entries, seen, dropped, record } = tap;
  tap.pending = [];
  tap.seen = tap.dropped = 0;
  return { entries, seen, dropped, endsInMs: record.endsAtMs - nowMs };
}

/** What a source has seen. @returns what it is answered */
export function reportTaps(desk: TapDesk, reports: readonly TapReport[], nowMs: number): TapsAnswer {
  sweepTaps(desk, nowMs);
  const going: TapsAnswer["taps"][number][] = [];
  for (const report of reports) {
    const tap = desk.get(report.id);
    if (tap === undefined) continue;
    tap.seen += report.seen;
    tap.dropped += report.dropped;
    for (const entry of report.entries) take(tap, entry, nowMs);
    going.push({ id: report.id, leaseMs: leaseMsOf(tap.record, nowMs), traces: tracesOf(tap, nowMs) });
  }
  return { taps: going };
}

/** Other hops do not count against the rate: there are a few for each request that is shown. */
function take(tap: OpenTap, entry: TapEntry, nowMs: number): void {
  const isMatch = tap.matches(entry);
  if (tap.pending.length >= bounds.pendingMax || (isMatch && !takeRate(tap.rate, tap.record.perSecond, nowMs))) {
    if (isMatch) tap.dropped++;
    return;
  }
  tap.pending.push(entry);
  if (!isMatch || !tap.record.joined || entry.traceId === "") return;
  tap.traces.delete(entry.traceId);
  tap.traces.set(entry.traceId, nowMs + bounds.traceMs);
}

/** The youngest; older ones come first in the map. */
function tracesOf({ traces }: OpenTap, nowMs: number): string[] {
  for (const [trace, untilMs] of traces) if (untilMs <= nowMs || traces.size > bounds.tracesMax) traces.delete(trace);
  return [...traces.keys()];
}

/** As sources are told of all. */
export function toldTaps(desk: TapDesk, nowMs: number): ToldTap[] {
  return [...desk.values()].map(({ record }) => {
    const { id, filter, perSecond, joined, reveal } = record;
    return { id, filter, perSecond, joined, reveal, leaseMs: leaseMsOf(record, nowMs) };
  });
}
