/**
 * Which requests of a route an isolate keeps until its next report: some of all by chance, each as likely as any other, by
 * Algorithm L (K.-H. Li, "Reservoir-Sampling Algorithms of Time Complexity O(n(1 + log(N/n)))", ACM TOMS 20(4), 1994), which
 * says beforehand how many are passed over; and of those that failed the ones with the lowest trace ids, so that all hops of a
 * mesh keep the same when there are more than they may.
 */
import { records } from "../limits/records.ts";

export interface RouteDraw<Item> {
  /** Requests since the last report. */
  seen: number;
  /** The number of the request that is drawn next. */
  next: number;
  /** Of Algorithm L: the largest of the random numbers that are kept, as if each request had one. */
  largest: number;
  /** How many are drawn. */
  readonly max: number;
  /** With holes: what failed is kept there. */
  readonly drawn: (Item | undefined)[];
  readonly failed: FailedItem<Item>[];
}

export interface FailedItem<Item> {
  readonly traceId: string;
  /** Undefined: it is being made. */
  item: Item | undefined;
}

export function newDraw<Item>(max: number = records.drawnOfReport): RouteDraw<Item> {
  return { seen: 0, next: 1, largest: 1, max, drawn: [], failed: [] };
}

/**
 * One request of the route.
 * @param random numbers from 0 up to 1, as `Math.random`; asked for only when something is drawn
 * @returns the place in `drawn` where it belongs; undefined: it is passed over
 */
export function drawRequest<Item>(draw: RouteDraw<Item>, random: () => number): number | undefined {
  if (++draw.seen !== draw.next) return undefined;
  const { max } = draw;
  if (draw.seen < max) {
    draw.next++;
    return draw.seen - 1;
  }
  const place = draw.seen === max ? max - 1 : Math.floor(random() * max);
  draw.largest *= Math.exp(Math.log(positive(random())) / max);
  draw.next += 1 + Math.floor(Math.log(positive(random())) / Math.log1p(-draw.largest));
  return place;
}

/** A logarithm of nothing would be drawn never again. */
const positive = (random: number): number => (random > 0 ? random : Number.MIN_VALUE);

/** A request that failed. @returns its place in the list; undefined: others are kept */
export function failedPlace(
  failed: readonly { readonly traceId: string }[],
  traceId: string,
  max: number = records.failedOfReport,
): number | undefined {
  if (failed.length < max) return failed.length;
  let highest = 0;
  for (let at = 1; at < failed.length; at++) if (rankAt(failed, at) > rankAt(failed, highest)) highest = at;
  return rankOf(traceId) < rankAt(failed, highest) ? highest : undefined;
}

const rankAt = (failed: readonly { readonly traceId: string }[], at: number): string =>
  rankOf(failed[at]?.traceId ?? "");
/** The digits that are random with every tracer (W3C Trace Context level 2, section 5.1). */
const rankOf = (traceId: string): string => traceId.slice(-14);

/** What an isolate has kept, with how many requests each that was drawn stands for. */
export function takeDrawn<Item>({ seen, drawn, failed }: RouteDraw<Item>): WeighedItem<Item>[] {
  // Holes stand for as many requests as the others do.
  const weight = drawn.length === 0 ? 1 : Math.max(1, seen / drawn.length);
  return [
    ...Array.from(drawn, (item) => ({ weight, item })),
    ...failed.map(({ item }) => ({ weight: 1, item })),
  ].filter((one): one is WeighedItem<Item> => one.item !== undefined);
}

export interface WeighedItem<Item> {
  readonly weight: number;
  readonly item: Item;
}

/**
 * How many of a route are drawn from now on: fewer where the control plane keeps hardly any, for it has enough of them.
 * @param sent how many it was sent, of which it has `taken` some
 */
export function nextDrawn(max: number, sent: number, taken: number): number {
  if (sent === 0) return max;
  return taken * 4 < sent ? Math.max(records.drawnOfReportMin, max >> 1) : Math.min(records.drawnOfReport, max * 2);
}
