/**
 * A source of a tap, the gateway or an agent: it judges its own requests, holds what fits until it is reported, and keeps some of
 * the others for a moment, in case another hop of their trace is shown.
 */
import type { AccessLogEntry } from "../http/access-log.ts";
import { taps } from "../limits/taps.ts";
import { type TapDetail, type TapEntry, tapEntry } from "./tap-entry.ts";
import { compileTapFilter, type TapFilter, type TapMatch } from "./tap-filter.ts";

/** A tap as sources are told of it. */
export interface ToldTap {
  readonly id: string;
  readonly filter: TapFilter;
  /** Requests that match, of one source. */
  readonly perSecond: number;
  /** It is over after that, unless it is told again. */
  readonly leaseMs: number;
  /** Other hops of a trace that is shown are wanted too. */
  readonly joined: boolean;
  /** Values of queries and headers are shown. */
  readonly reveal: boolean;
}

export interface TapReport {
  readonly id: string;
  /** Requests of the filter's hops since the last report, and those that fit but went beyond the rate or the room. */
  readonly seen: number;
  readonly dropped: number;
  readonly entries: readonly TapEntry[];
}

/** To a report: the taps that go on, and the traces of which they want all hops. */
export interface TapsAnswer {
  readonly taps: readonly { readonly id: string; readonly leaseMs: number; readonly traces: readonly string[] }[];
}

interface SourceTap extends ToldTap {
  readonly hops: ReadonlySet<string>;
  readonly matches: TapMatch;
  readonly rate: TapRate;
  endsAtMs: number;
  seen: number;
  dropped: number;
  queue: TapEntry[];
  /** The youngest of those that did not match, in no order. */
  ring: TapEntry[];
  ringAt: number;
  /** Traces that other hops have shown. */
  wanted: Set<string>;
}

export interface TapSource {
  taps: SourceTap[];
}

export interface TapRate {
  left: number;
  atMs: number;
}

/** Takes one of `perSecond`, of which a second's worth may come at once. @returns whether there was one */
export function takeRate(rate: TapRate, perSecond: number, nowMs: number): boolean {
  const passedMs = Math.max(0, nowMs - rate.atMs);
  rate.left = Math.min(perSecond, rate.left + (passedMs * perSecond) / 1_000);
  rate.atMs = nowMs;
  if (rate.left < 1) return false;
  rate.left -= 1;
  return true;
}

/** Taps that were told; those that are known live on, those that are not named go on until their lease ends. */
export function tellTaps(source: TapSource, told: readonly ToldTap[], nowMs: number): void {
  endTaps(source, nowMs);
  for (const tap of told) {
    const known = source.taps.find(({ id }) => id === tap.id);
    if (known !== undefined) known.endsAtMs = nowMs + tap.leaseMs;
    else if (source.taps.length < taps.max) source.taps.push(newTap(tap, nowMs));
  }
}

function newTap(tap: ToldTap, nowMs: number): SourceTap {
  return {
    ...tap,
    hops: new Set(tap.filter.hops),
    matches: compileTapFilter(tap.filter),
    rate: { left: tap.perSecond, atMs: nowMs },
    endsAtMs: nowMs + tap.leaseMs,
    ...{ seen: 0, dropped: 0, queue: [], ring: [], ringAt: 0, wanted: new Set<string>() },
  };
}

/** Forgets those whose lease is over. @returns whether some are left */
export function endTaps(source: TapSource, nowMs: number): boolean {
  if (source.taps.some(({ endsAtMs }) => endsAtMs <= nowMs))
    source.taps = source.taps.filter(({ endsAtMs }) => endsAtMs > nowMs);
  return source.taps.length > 0;
}

/** One request that has ended. @param detail is asked for where it is shown, or may be */
export function seeRequest(source: TapSource, entry: AccessLogEntry, detail: () => TapDetail, nowMs: number): void {
  for (const tap of source.taps) {
    if (tap.endsAtMs <= nowMs) continue;
    if (tap.hops.has(entry.hop)) tap.seen++;
    if (tap.matches(entry)) {
      if (tap.queue.length < taps.queuedMax && takeRate(tap.rate, tap.perSecond, nowMs))
        tap.queue.push(tapEntry(entry, detail(), tap.reveal));
      else tap.dropped++;
    } else if (tap.joined) keep(tap, tapEntry(entry, detail(), tap.reveal));
  }
}

function keep(tap: SourceTap, entry: TapEntry): void {
  if (tap.wanted.has(entry.traceId)) {
    if (tap.queue.length < taps.queuedMax) tap.queue.push(entry);
    return;
  }
  tap.ring[tap.ringAt] = entry;
  tap.ringAt = (tap.ringAt + 1) % taps.ringMax;
}

/** What to report now, one for each tap, also when there is nothing new: the answer says whether it goes on. */
export function takeReports(source: TapSource): TapReport[] {
  return source.taps.map((tap) => {
    const { id, seen, dropped, queue: entries } = tap;
    tap.seen = tap.dropped = 0;
    tap.queue = [];
    return { id, seen, dropped, entries };
  });
}

/** What was reported did not arrive: its requests are dropped, and counted with the next. */
export function lostReports(source: TapSource, reports: readonly TapReport[]): void {
  for (const { id, seen, dropped, entries } of reports) {
    const tap = source.taps.find((one) => one.id === id);
    if (tap === undefined) continue;
    tap.seen += seen;
    tap.dropped += dropped + entries.filter((entry) => tap.matches(entry)).length;
  }
}

/** Takes over what the control plane answered: taps that it does not name are over. */
export function takeAnswer(source: TapSource, { taps: going }: TapsAnswer, nowMs: number): void {
  source.taps = source.taps.filter((tap) => {
    const told = going.find(({ id }) => id === tap.id);
    if (told === undefined) return false;
    tap.endsAtMs = nowMs + told.leaseMs;
    if (tap.joined) want(tap, told.traces);
    return true;
  });
}

function want(tap: SourceTap, traces: readonly string[]): void {
  tap.wanted = new Set(traces);
  if (tap.wanted.size === 0) return;
  const rest: TapEntry[] = [];
  // From the oldest on: the place that is written next.
  for (const entry of [...tap.ring.slice(tap.ringAt), ...tap.ring.slice(0, tap.ringAt)])
    if (tap.wanted.has(entry.traceId) && tap.queue.length < taps.queuedMax) tap.queue.push(entry);
    else rest.push(entry);
  tap.ring = rest;
  tap.ringAt = rest.length % taps.ringMax;
}

/** Whether a report would say anything new. */
export function hasNews(source: TapSource): boolean {
  return source.taps.some(({ seen, queue }) => seen > 0 || queue.length > 0);
}
