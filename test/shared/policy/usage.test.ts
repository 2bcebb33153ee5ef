import { describe, expect, test } from "vitest";
import { metricsText } from "../../../shared/http/metrics-text.ts";
import { limits } from "../../../shared/limits.ts";
import { newCounters, type SeriesCounts, seriesOf, takeReport } from "../../../shared/policy/counters.ts";
import { meshMetrics } from "../../../shared/policy/mesh-metrics.ts";
import { countAnswer, cumulativeBuckets, percentileMs } from "../../../shared/policy/usage-counters.ts";
import { addGroups, outagesOf, type UsageGroups, usageRows } from "../../../shared/policy/usage-report.ts";
import {
  addToSlot,
  addUsage,
  closeMinute,
  isNews,
  isOver,
  newRollup,
  oldestKeptMs,
  type Resolution,
  resolutionFor,
  slotOf,
} from "../../../shared/policy/usage-rollup.ts";
import { counterReportSchema } from "../../../shared/wire/counters.ts";

const NOW = Date.UTC(2026, 10, 21, 12, 30, 10);
const MINUTE_MS = limits.usage.resolutions.minute.slotMs;
const used = (counts: Record<string, number>, ...labels: string[]): SeriesCounts => ({ kind: "usage", labels, counts });
const report = (seq: number, ...series: SeriesCounts[]) => ({ seq, series });

describe("counters of answers", () => {
  const counted = (...tookMs: number[]) => {
    const { counts } = seriesOf(newCounters(), "usage", "r", "", "");
    for (const ms of tookMs) countAnswer(counts, 200, ms);
    return counts;
  };

  test("a percentile is within a bucket of its value", () => {
    const counts = counted(...Array.from({ length: 1000 }, (_, at) => at + 1));
    for (const percent of [1, 10, 50, 95, 99]) {
      const value = percent * 10;
      expect(percentileMs(counts, percent)).toBeGreaterThan(value / 1.5);
      expect(percentileMs(counts, percent)).toBeLessThan(value * 1.5);
    }
    expect(percentileMs({}, 50)).toBeUndefined();
    expect(percentileMs(counted(1e9), 99)).toBe(16_384);
  });

  test("each answer is in one bucket and one class, whatever its status and time are", () => {
    const { counts } = seriesOf(newCounters(), "usage", "r", "", "");
    for (const [status, ms] of [
      [101, 0],
      [204, -5],
      [304, 1],
      [404, 1.5],
      [599, 20_000],
      [0, 4],
    ] as const)
      countAnswer(counts, status, ms);
    expect([counts.s1xx, counts.s2xx, counts.s3xx, counts.s4xx, counts.s5xx]).toEqual([1, 1, 1, 1, 2]);
    expect(cumulativeBuckets(counts).at(-1)).toMatchObject({ leSeconds: Number.POSITIVE_INFINITY, count: 6 });
    expect(cumulativeBuckets(counts)[0]).toMatchObject({ leSeconds: 0.001, count: 3 });
    expect(counts.sumMs).toBe(20_006.5);
  });

  test("a series with all of them is a report that the control plane takes", () => {
    const state = newCounters();
    for (const kind of ["usage", "call", "edge"] as const) {
      const { counts } = seriesOf(state, kind, "r", "c", "p");
      for (const name in counts) counts[name as "s2xx"] = 1;
    }
    expect(counterReportSchema.safeParse(takeReport(state, NOW)).success).toBe(true);
  });

  test("parts of a millisecond are told once they are whole", () => {
    const state = newCounters();
    const { counts } = seriesOf(state, "edge", "a", "b");
    const told = [0.6, 0.6, 0.9].map((ms, at) => {
      countAnswer(counts, 200, ms);
      const made = takeReport(state, NOW + at * limits.counters.reportEveryMs);
      state.pending = undefined;
      return made?.series[0]?.counts.sumMs;
    });
    expect(told).toEqual([undefined, 1, 1]);
  });

  test("what alarms are made of goes first", () => {
    const state = newCounters();
    for (let at = 0; at < 300; at++) seriesOf(state, "usage", `route-${at}`, "", "").counts.s2xx++;
    seriesOf(state, "limit", "login", "by-ip").counts.open++;
    expect(takeReport(state, NOW)?.series[0]?.kind).toBe("limit");
  });

  test("reports stay small, and series that always have news push out no others", () => {
    const state = newCounters();
    const all = Array.from({ length: 400 }, (_, at) => seriesOf(state, "usage", `route-${at}`, "x".repeat(100), ""));
    const told = new Set<string>();
    for (let round = 0; round < 8; round++) {
      for (const { counts } of all) for (const name in counts) counts[name as "s2xx"] += 1;
      const made = takeReport(state, NOW + round * 100_000);
      expect(JSON.stringify(made).length).toBeLessThan(limits.control.callBytesMax * 0.75);
      for (const { labels } of made?.series ?? []) told.add(labels[0] ?? "");
      state.pending = undefined;
    }
    expect(told.size).toBe(400);
  });
});

describe("slots", () => {
  test("count each report once, and closed minutes are in the hour, the day and all time", () => {
    const state = newRollup();
    const rows = new Map<string, readonly SeriesCounts[]>();
    const close = () => {
      const closed = closeMinute(state, (of, startMs) => rows.get(`${of} ${startMs}`));
      for (const { of, startMs, series } of closed) rows.set(`${of} ${startMs}`, series);
    };
    for (let minute = 0; minute < 3; minute++) {
      const nowMs = NOW + minute * MINUTE_MS;
      if (isOver(state, nowMs)) close();
      for (const seq of [1, 1, 2]) {
        const made = report(2 * minute + seq, used({ s2xx: 5 }, "orders", "acme", "gold"));
        if (isNews(state, "isolate-a", made)) addUsage(state, "isolate-a", made, nowMs);
      }
    }
    close();
    close();
    const sums = (of: Resolution) =>
      [...rows].filter(([key]) => key.startsWith(of)).map(([, series]) => series[0]?.counts.s2xx);
    expect(sums("minute")).toEqual([10, 10, 10]);
    expect([sums("hour"), sums("day"), sums("total")]).toEqual([[30], [30], [30]]);
  });

  test("have a bound: routes are told apart for longer than consumers", () => {
    const slot = slotOf([]);
    const max = limits.usage.slotSeriesMax;
    for (let at = 0; at < 5 * max; at++) addToSlot(slot, used({ s2xx: 1 }, `r${at % 10}`, `c${at}`, "p"));
    expect(slot.size).toBe(max + 10);
    for (let at = 0; at < 5 * max; at++) addToSlot(slot, used({ s2xx: 1 }, `other-${at}`, "c", "p"));
    expect(slot.size).toBe(2 * max + 1);
    expect([...slot.values()].reduce((sum, { counts }) => sum + (counts.s2xx ?? 0), 0)).toBe(10 * max);
  });

  test("keep what is of use over days alone, and forget isolates", () => {
    const state = newRollup();
    addUsage(state, "isolate-a", report(1, { kind: "drift", labels: ["r"], counts: { requests: 1 } }), NOW);
    expect(state.minute.size).toBe(0);
    for (let at = 0; at < 2 * limits.usage.isolatesMax; at++) addUsage(state, `isolate-${at}`, report(1), NOW);
    expect(state.heard.size).toBe(limits.usage.isolatesMax);
    addUsage(state, "isolate-b", report(1), NOW + 2 * limits.counters.heardForMs);
    expect(state.heard.size).toBe(1);
  });

  test.each([
    [60_000, "minute"],
    [7_200_000, "minute"],
    [7_200_001, "hour"],
    [7 * 86_400_000, "hour"],
    [90 * 86_400_000, "day"],
  ] as const)("a window of %d ms is read from slots of a %s, all of which are kept", (windowMs, of) => {
    expect(resolutionFor(windowMs)).toBe(of);
    expect(oldestKeptMs(of, NOW)).toBeLessThanOrEqual(NOW - windowMs);
  });
});

describe("the report", () => {
  const series = [
    used({ s2xx: 90, s5xx: 10, le8: 100, sumMs: 700 }, "orders", "acme", "gold"),
    used({ s4xx: 10, limited: 7, denied: 2, le1: 10 }, "orders", "globex", ""),
    used({ s2xx: 1, le1: 1 }, "users", "acme", "gold"),
    { kind: "call", labels: ["orders"], counts: { s2xx: 5, noAnswer: 5, le8: 10 } },
  ];
  const rows = (by: "routes" | "consumers" | "plans" | "services", filter = {}) => {
    const groups: UsageGroups = new Map();
    addGroups(groups, series, { by, ...filter });
    return usageRows(groups, by, 100_000).map(({ name, requests, errors }) => [name, requests, errors]);
  };

  test("sums by what is asked for", () => {
    expect(rows("routes")).toEqual([
      ["orders", 110, 10],
      ["users", 1, 0],
    ]);
    expect(rows("consumers")).toEqual([
      ["acme", 101, 10],
      ["globex", 10, 0],
    ]);
    expect(rows("plans")).toEqual([
      ["gold", 101, 10],
      ["", 10, 0],
    ]);
    expect(rows("services")).toEqual([["orders", 10, 5]]);
    expect(rows("consumers", { route: "users" })).toEqual([["acme", 1, 0]]);
    expect(rows("routes", { consumer: "globex" })).toEqual([["orders", 10, 0]]);
  });

  test("says how they ended and how long they took", () => {
    const groups: UsageGroups = new Map();
    addGroups(groups, series, { by: "routes", consumer: "acme" });
    expect(usageRows(groups, "routes", 100_000)[0]).toEqual({
      ...{ name: "orders", requests: 100, perSecond: 1, success: 0.9, errors: 10, limited: 0, denied: 0 },
      ...{ statuses: { "2xx": 90, "5xx": 10 }, meanMs: 7, p50Ms: 7, p95Ms: 7.9, p99Ms: 8 },
    });
  });

  test("edges say who calls whom, what was refused and what was not secured; connections have no time", () => {
    const edge = (counts: Record<string, number>, ...labels: string[]) => ({ kind: "edge", labels, counts });
    const groups: UsageGroups = new Map();
    const counted = [
      edge({ s2xx: 8, s4xx: 2, denied: 2, wouldRefuse: 1, le8: 10, sumMs: 50 }, "orders", "inventory"),
      edge({ s2xx: 3, opened: 3, open: 1 }, "orders", "db"),
      edge({ noAnswer: 1, plain: 1, leInf: 1 }, "users", "legacy"),
    ];
    addGroups(groups, counted, { by: "edges", of: "orders" });
    const none = { wouldRefuse: 0, unsecured: 0, connections: 0, isOpen: false };
    expect(usageRows(groups, "edges", 100_000)).toEqual([
      {
        ...{ name: "orders -> inventory", requests: 10, perSecond: 0.1, success: 1, errors: 0, noAnswer: 0, denied: 2 },
        ...{ statuses: { "2xx": 8, "4xx": 2 }, meanMs: 5, p50Ms: 7, p95Ms: 7.9, p99Ms: 8 },
        edge: { ...none, source: "orders", destination: "inventory", wouldRefuse: 1 },
      },
      {
        ...{ name: "orders -> db", requests: 3, perSecond: 0.03, success: 1, errors: 0, noAnswer: 0, denied: 0 },
        statuses: { "2xx": 3 },
        edge: { ...none, source: "orders", destination: "db", connections: 3, isOpen: true },
      },
    ]);
    const text = metricsText(meshMetrics(counted));
    expect(text).toContain('selvage_mesh_requests_total{source="users",destination="legacy",status="none"} 1');
    expect(text).toContain(
      'selvage_mesh_refused_requests_total{source="orders",destination="inventory",mode="shadow"} 1',
    );
    expect(text).toContain('selvage_mesh_unsecured_requests_total{source="users",destination="legacy"} 1');
    expect(text).toContain('selvage_mesh_request_duration_seconds_count{source="orders",destination="db"} 0');
  });

  test("a service was down where half of its calls failed", () => {
    const slot = (minute: number, counts: Record<string, number>) => ({ atMs: NOW + minute * MINUTE_MS, counts });
    const slots = [
      ...[
        slot(0, { s2xx: 10 }),
        slot(1, { s2xx: 1, s5xx: 1 }),
        slot(2, { noAnswer: 4 }),
        slot(3, { s2xx: 9, s5xx: 1 }),
      ],
      ...[slot(7, { noAnswer: 1 }), slot(9, {})],
    ];
    expect(outagesOf(slots, MINUTE_MS)).toEqual([
      { fromMs: NOW + MINUTE_MS, toMs: NOW + 3 * MINUTE_MS, requests: 6, failed: 5 },
      { fromMs: NOW + 7 * MINUTE_MS, toMs: NOW + 8 * MINUTE_MS, requests: 1, failed: 1 },
    ]);
  });
});
