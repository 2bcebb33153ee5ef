/**
 * What all isolates counted in the last minutes, in slots of time, each report of each isolate once. Plain state and a
 * step; the host stores the rows that a step touched.
 */
import { limits } from "../limits.ts";
import { addCounts, type CounterReport, OTHERS, type SeriesCounts, seriesKey } from "./counters.ts";

const bounds = limits.counters;

type Counts = Record<string, number>;
interface SlotSeries {
  readonly kind: string;
  readonly labels: readonly string[];
  readonly counts: Counts;
}

export interface CounterWindow {
  /** By the start of a slot in milliseconds since the epoch, then by `seriesKey`. */
  readonly slots: Map<number, Map<string, SlotSeries>>;
  /** The last report of each isolate, in the order of when they were heard. */
  readonly heard: Map<string, { readonly seq: number; readonly atMs: number }>;
}

export interface WindowChange {
  /** False: it was counted before. */
  readonly counted: boolean;
  /** Slot, and keys of its series that changed. */
  readonly slotMs: number;
  readonly touched: readonly string[];
}

export const newCounterWindow = (): CounterWindow => ({ slots: new Map(), heard: new Map() });

/** Counts a report in the slot of now, unless it was counted before, and forgets what is too old. */
export function addReport(window: CounterWindow, isolate: string, report: CounterReport, nowMs: number): WindowChange {
  forget(window, nowMs);
  const slotMs = Math.floor(nowMs / bounds.slotMs) * bounds.slotMs;
  const last = window.heard.get(isolate);
  if (last !== undefined && report.seq <= last.seq) return { counted: false, slotMs, touched: [] };
  window.heard.delete(isolate);
  window.heard.set(isolate, { seq: report.seq, atMs: nowMs });
  const slot = window.slots.get(slotMs) ?? new Map<string, SlotSeries>();
  window.slots.set(slotMs, slot);
  const touched = new Set<string>();
  for (const told of report.series) touched.add(addSeries(slot, told));
  return { counted: true, slotMs, touched: [...touched] };
}

/** Sums of the window that ends now. */
export function windowSums(window: CounterWindow, nowMs: number): SeriesCounts[] {
  const sums = new Map<string, SlotSeries>();
  for (const [slotMs, slot] of window.slots) {
    if (slotMs + bounds.slotMs <= nowMs - bounds.windowMs || slotMs > nowMs) continue;
    for (const [key, { kind, labels, counts }] of slot) {
      const sum = sums.get(key) ?? { kind, labels, counts: {} };
      sums.set(key, sum);
      addCounts(sum.counts, counts);
    }
  }
  return [...sums.keys()].sort().flatMap((key) => sums.get(key) ?? []);
}

/** Start of the oldest slot that still counts. */
export function oldestSlotMs(nowMs: number): number {
  return Math.floor((nowMs - bounds.windowMs) / bounds.slotMs) * bounds.slotMs;
}

function forget({ slots, heard }: CounterWindow, nowMs: number): void {
  const oldest = oldestSlotMs(nowMs);
  for (const slotMs of slots.keys()) if (slotMs < oldest || slotMs > nowMs + bounds.slotMs) slots.delete(slotMs);
  for (const [isolate, { atMs }] of heard) {
    if (heard.size < bounds.isolatesMax && atMs + bounds.heardForMs > nowMs) break;
    heard.delete(isolate);
  }
}

/** @returns key of the series in which it was counted */
function addSeries(slot: Map<string, SlotSeries>, { kind, labels, counts }: SeriesCounts): string {
  const key = seriesKey(kind, labels);
  const known = slot.get(key);
  if (known !== undefined) {
    addCounts(known.counts, counts);
    return key;
  }
  if (slot.size >= bounds.windowSeriesMax && labels.some((label) => label !== OTHERS))
    return addSeries(slot, { kind, labels: labels.map(() => OTHERS), counts });
  slot.set(key, { kind, labels: [...labels], counts: { ...counts } });
  return key;
}
