import { expect, test } from "vitest";
import { records as bounds } from "../../../shared/limits/records.ts";
import {
  newShelf,
  type Offered,
  offerRecord,
  putBack,
  recordsOn,
  type Shelf,
  sweepShelf,
} from "../../../shared/policy/record-shelf.ts";
import { seededRandom } from "../../simulation/event-queue.ts";

const HOUR_MS = 3_600_000;
const START_MS = 1_800_000_000_000;
const offered = (more: Partial<Offered> = {}): Offered => ({
  ...{ kind: "drawn", traceId: "t", route: "orders", chars: 100, weight: 1, keepMs: 24 * HOUR_MS, perRoute: 50 },
  atMs: START_MS,
  ...more,
});
const kept = (shelf: Shelf) => [...recordsOn(shelf)];

test("few drawn ones are all kept, and of many as many as were asked for, in rows that are used again", () => {
  const shelf = newShelf();
  for (let at = 0; at < 50; at++) offerRecord(shelf, offered({ traceId: `t${at}` }), 0.5 + at / 1_000, START_MS);
  expect(kept(shelf)).toHaveLength(50);
  let written = 0;
  for (let at = 0; at < 500; at++) {
    const { put, dropped } = offerRecord(shelf, offered({ traceId: `u${at}` }), 0.99, START_MS);
    if (put === undefined) continue;
    written++;
    expect(dropped).toEqual([put.id]);
  }
  expect(written).toBe(50);
  expect(Math.max(...kept(shelf).map(({ id }) => id))).toBe(50);
  expect(kept(shelf).filter(({ traceId }) => traceId.startsWith("u"))).toHaveLength(50);
});

test("of one moment it is a fair sample by weight, old ones leave for new ones, and few rows are written", () => {
  const random = seededRandom(11);
  const shelf = newShelf();
  let written = 0;
  for (let minute = 0; minute < 24 * 60; minute++)
    for (let at = 0; at < 20; at++) {
      const nowMs = START_MS + minute * 60_000;
      const weight = at === 0 ? 20 : 1;
      const one = offered({ atMs: nowMs, weight, traceId: weight === 1 ? "light" : "heavy", perRoute: 200 });
      if (offerRecord(shelf, one, random(), nowMs).put !== undefined) written++;
    }
  const ages = kept(shelf).map(({ atMs }) => (START_MS + 24 * HOUR_MS - atMs) / HOUR_MS);
  expect(ages).toHaveLength(200);
  // Half of the sample is of the last half-life of 6 hours; the standard deviation is 7.
  expect(Math.abs(ages.filter((age) => age <= 6).length - 107)).toBeLessThan(30);
  // One of 20 stands for as many as all others together.
  expect(Math.abs(kept(shelf).filter(({ traceId }) => traceId === "heavy").length - 100)).toBeLessThan(30);
  expect(written).toBeLessThan(2_000);
});

test("what failed is a ring by route, with a bound of rows a minute; hops of what is kept always come", () => {
  const shelf = newShelf();
  const fail = (at: number, nowMs: number) =>
    offerRecord(shelf, offered({ kind: "failed", traceId: `t${at}`, atMs: nowMs }), 0, nowMs).put;
  for (let at = 0; at < 100; at++) fail(at, START_MS);
  expect(kept(shelf)).toHaveLength(bounds.failedPerMinute);
  const hop = (traceId: string) =>
    offerRecord(shelf, offered({ kind: "hop", traceId, route: "" }), 0, START_MS).put !== undefined;
  let taken = 0;
  for (let at = 0; at < 1_000; at++) if (hop(`unknown-${at}`)) taken++;
  expect(taken).toBe(bounds.hopsPerMinute);
  expect([hop("t3"), hop("t99")]).toEqual([true, false]);
  for (let at = 0; at < bounds.failedOfRouteMax; at++) fail(1_000 + at, START_MS + (at + 1) * 60_000);
  const failed = kept(shelf).filter(({ kind }) => kind === "failed");
  expect(failed).toHaveLength(bounds.failedOfRouteMax);
  expect(failed.some(({ traceId }) => traceId === "t0")).toBe(false);
});

test("many hops under one trace do not push out those of others", () => {
  const shelf = newShelf();
  offerRecord(shelf, offered({ kind: "hop", traceId: "other" }), 0, START_MS);
  offerRecord(shelf, offered({ kind: "failed", traceId: "repeated" }), 0, START_MS);
  for (let at = 0; at < 2 * bounds.hopsMax; at++)
    offerRecord(shelf, offered({ kind: "hop", traceId: "repeated" }), 0, START_MS);
  expect(kept(shelf).filter(({ kind, traceId }) => kind === "hop" && traceId === "repeated")).toHaveLength(
    bounds.hopsOfTraceMax,
  );
  expect(shelf.traces.has("other")).toBe(false);
  expect(kept(shelf).some(({ traceId }) => traceId === "other")).toBe(true);
});

test("asked ones have a bound of their own, and characters have one together", () => {
  const shelf = newShelf();
  const ask = (at: number, chars = 1) =>
    offerRecord(shelf, offered({ kind: "asked", traceId: `t${at}`, chars, atMs: START_MS + at }), 0, START_MS + at);
  for (let at = 0; at <= bounds.askedMax; at++) ask(at);
  expect(kept(shelf)).toHaveLength(bounds.askedMax);
  ask(9_999, bounds.charsMax - 10);
  expect(kept(shelf).length).toBeLessThanOrEqual(11);
  expect(shelf.chars).toBeLessThanOrEqual(bounds.charsMax);
});

test("what is over leaves, its rows are used again, and a shelf that is read again is the same", () => {
  const shelf = newShelf();
  offerRecord(shelf, offered({ keepMs: HOUR_MS, traceId: "short" }), 0.5, START_MS);
  offerRecord(shelf, offered({ traceId: "long" }), 0.5, START_MS);
  expect(sweepShelf(shelf, START_MS + 2 * HOUR_MS)).toEqual([1]);
  expect(kept(shelf).map(({ traceId }) => traceId)).toEqual(["long"]);
  const again = newShelf();
  for (const one of kept(shelf)) putBack(again, one);
  expect(offerRecord(again, offered({ traceId: "new" }), 0.5, START_MS).put?.id).toBe(3);
  expect(offerRecord(shelf, offered({ traceId: "new" }), 0.5, START_MS).put?.id).toBe(1);
});

test("a source whose clock is wrong makes nothing that is never over", () => {
  const shelf = newShelf();
  for (const atMs of [START_MS * 2, Number.NaN, 0])
    offerRecord(shelf, offered({ atMs, keepMs: HOUR_MS }), 0.5, START_MS);
  for (const { untilMs } of kept(shelf)) {
    expect(untilMs).toBeLessThanOrEqual(START_MS + HOUR_MS);
    expect(untilMs).toBeGreaterThan(START_MS);
  }
});
