/**
 * Usage in slots of minutes, hours and days, each report of each isolate once. Plain state and steps; the host stores what a
 * step touched. A report is stored as it came; when its minute is over, the sums of the minute go into those of the hour, the
 * day and of all time, and the reports go: few rows are written, and none is needed twice.
 */
import { limits } from "../limits.ts";
import { addCounts, type CounterReport, OTHERS, type SeriesCounts, seriesKey } from "./counters.ts";

const bounds = limits.usage;

/** `total`: since the object was made, for counters that only grow. */
export const RESOLUTIONS = ["minute", "hour", "day", "total"] as const;
export type Resolution = (typeof RESOLUTIONS)[number];

/** Sums of one slot, by `seriesKey`. */
export type Slot = Map<string, { readonly kind: string; readonly labels: readonly string[]; counts: Counts }>;
type Counts = Record<string, number>;

export interface RollupState {
  /** Start of the minute that grows, since the epoch; undefined: nothing was counted since the last one was closed. */
  minuteMs: number | undefined;
  minute: Slot;
  /** The last report of each isolate, in the order of when they were heard. */
  readonly heard: Map<string, { readonly seq: number; readonly atMs: number }>;
}

/** Kinds of counters that are of use over days; others have a memory of their own. */
const KEPT: ReadonlySet<string> = new Set([
  ...["usage", "call", "edge", "limit", "upstream", "cache", "fault", "mirror", "validation"],
  ...["shadow", "serviceShadow"],
]);

export const newRollup = (): RollupState => ({ minuteMs: undefined, minute: new Map(), heard: new Map() });

/** Whether a series is kept here. */
export const isKept = ({ kind }: Pick<SeriesCounts, "kind">): boolean => KEPT.has(kind);

/** Whether a report was not counted before. */
export function isNews({ heard }: RollupState, isolate: string, { seq }: Pick<CounterReport, "seq">): boolean {
  return seq > (heard.get(isolate)?.seq ?? 0);
}

/** Whether the minute that grows is over, and is to be closed before anything is counted. */
export function isOver({ minuteMs }: RollupState, nowMs: number): boolean {
  return minuteMs !== undefined && slotStartMs("minute", nowMs) > minuteMs;
}

/** Counts a report that is news, in the minute of now, which is the one that grows. */
export function addUsage(state: RollupState, isolate: string, report: CounterReport, nowMs: number): void {
  state.minuteMs ??= slotStartMs("minute", nowMs);
  for (const series of report.series) if (isKept(series)) addToSlot(state.minute, series);
  state.heard.delete(isolate);
  state.heard.set(isolate, { seq: report.seq, atMs: nowMs });
  for (const [known, { atMs }] of state.heard) {
    if (state.heard.size <= bounds.isolatesMax && atMs + limits.counters.heardForMs > nowMs) break;
    state.heard.delete(known);
  }
}

/**
 * Closes the minute.
 * @param stored sums of a slot as the host has them; undefined: none yet
 * @returns each slot with its sums, to be stored in place of what was
 */
export function closeMinute(
  state: RollupState,
  stored: (of: Resolution, startMs: number) => readonly SeriesCounts[] | undefined,
): { readonly of: Resolution; readonly startMs: number; readonly series: readonly SeriesCounts[] }[] {
  const { minuteMs, minute } = state;
  if (minuteMs === undefined) return [];
  const closed = RESOLUTIONS.map((of) => {
    const startMs = slotStartMs(of, minuteMs);
    const slot = slotOf(stored(of, startMs) ?? []);
    for (const series of minute.values()) addToSlot(slot, series);
    return { of, startMs, series: [...slot.values()] };
  });
  state.minuteMs = undefined;
  state.minute = new Map();
  return closed;
}

/** Start of the slot that a time lies in. */
export function slotStartMs(of: Resolution, atMs: number): number {
  if (of === "total") return 0;
  const { slotMs } = bounds.resolutions[of];
  return Math.floor(atMs / slotMs) * slotMs;
}

/** Start of the oldest slot that is kept. */
export function oldestKeptMs(of: Resolution, nowMs: number): number {
  return of === "total" ? 0 : slotStartMs(of, nowMs - bounds.resolutions[of].keptMs);
}

/** The finest resolution that is kept for as long as a window. @param windowMs longer than any: that of the longest */
export function resolutionFor(windowMs: number): Exclude<Resolution, "total"> {
  const { minute, hour } = bounds.resolutions;
  if (windowMs <= minute.keptMs) return "minute";
  return windowMs <= hour.keptMs ? "hour" : "day";
}

export function slotOf(series: readonly SeriesCounts[]): Slot {
  const slot: Slot = new Map();
  for (const one of series) addToSlot(slot, one);
  return slot;
}

/** Adds to the series of these labels. Beyond the bound the first label is kept (the route), and beyond its double none. */
export function addToSlot(slot: Slot, { kind, labels, counts }: SeriesCounts): void {
  const key = seriesKey(kind, labels);
  const known = slot.get(key);
  const labelsKept = known === undefined ? foldedLabels(slot.size, labels) : labels;
  if (known !== undefined) addCounts(known.counts, counts);
  else if (labelsKept.some((label, at) => label !== labels[at])) addToSlot(slot, { kind, labels: labelsKept, counts });
  else slot.set(key, { kind, labels: [...labels], counts: { ...counts } });
}

function foldedLabels(size: number, labels: readonly string[]): readonly string[] {
  const max = bounds.slotSeriesMax;
  if (size < max) return labels;
  return labels.map((label, at) => (at === 0 && size < 2 * max ? label : OTHERS));
}
