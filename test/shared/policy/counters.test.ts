import { describe, expect, test } from "vitest";
import { limits } from "../../../shared/limits.ts";
import { alarmsOf } from "../../../shared/policy/alarms.ts";
import { addReport, newCounterWindow, windowSums } from "../../../shared/policy/counter-window.ts";
import {
  acknowledgeReport,
  type CounterReport,
  newCounters,
  seriesOf,
  takeReport,
} from "../../../shared/policy/counters.ts";
import { newSeldom, stepSeldom } from "../../../shared/policy/seldom.ts";
import { counterReportSchema } from "../../../shared/wire/counters.ts";

const bounds = limits.counters;
const NOW = 1_000_000_000;
const report = (seq: number, counts: Record<string, number>, labels = ["login", "by-ip"]): CounterReport => ({
  seq,
  series: [{ kind: "limit", labels, counts }],
});

describe("reports of an isolate", () => {
  test("carry what was counted since the last one, zeros left out", () => {
    const state = newCounters();
    const { counts } = seriesOf(state, "limit", "login", "by-ip");
    counts.open += 2;
    counts.asked++;
    expect(takeReport(state, NOW)).toEqual(report(1, { open: 2, asked: 1 }));
    acknowledgeReport(state, 1);
    counts.open += 3;
    const next = NOW + bounds.reportEveryMs;
    expect(takeReport(state, next)).toEqual(report(2, { open: 3 }));
    acknowledgeReport(state, 2);
    expect(takeReport(state, next + bounds.reportEveryMs)).toBeUndefined();
  });

  test("stay the same until they are acknowledged, whatever is counted meanwhile", () => {
    const state = newCounters();
    const { counts } = seriesOf(state, "limit", "login", "by-ip");
    counts.open++;
    const first = takeReport(state, NOW);
    counts.open += 9;
    state.urgent = true;
    expect(takeReport(state, NOW + 1)).toBe(first);
    acknowledgeReport(state, 1);
    expect(takeReport(state, NOW + 2)).toEqual(report(2, { open: 9 }));
    acknowledgeReport(state, 1);
    expect(takeReport(state, NOW + 3)?.seq).toBe(2);
  });

  test("are apart, but for what is urgent", () => {
    const state = newCounters();
    const { counts } = seriesOf(state, "limit", "login", "by-ip");
    counts.passed++;
    expect(takeReport(state, NOW)?.seq).toBe(1);
    acknowledgeReport(state, 1);
    counts.passed++;
    expect(takeReport(state, NOW + bounds.reportEveryMs - 1)).toBeUndefined();
    state.urgent = true;
    expect(takeReport(state, NOW + bounds.reportEveryMs - 1)?.seq).toBe(2);
    expect(state.urgent).toBe(false);
  });

  test("are given up when nobody takes them: what they tell is no longer of the last minutes", () => {
    const state = newCounters();
    const { counts } = seriesOf(state, "limit", "login", "by-ip");
    counts.open = 5;
    takeReport(state, NOW);
    counts.open = 6;
    expect(takeReport(state, NOW + bounds.reportKeptMs)).toEqual(report(2, { open: 1 }));
  });

  test("have a bound, and what is beyond it is in the next one", () => {
    const state = newCounters();
    for (let at = 0; at < bounds.reportSeriesMax + 1; at++) seriesOf(state, "limit", "r", `l${at}`).counts.passed++;
    const first = takeReport(state, NOW);
    expect(first?.series).toHaveLength(bounds.reportSeriesMax);
    expect(counterReportSchema.parse(first)).toEqual(first);
    acknowledgeReport(state, 1);
    expect(takeReport(state, NOW + bounds.reportEveryMs)?.series).toHaveLength(1);
  });

  test("names beyond the bound are counted together, and long ones are cut", () => {
    const state = newCounters();
    for (let at = 0; at < bounds.seriesMax; at++) seriesOf(state, "limit", "r", `l${at}`);
    const beyond = seriesOf(state, "limit", "r", "one-too-many");
    expect(beyond.labels).toEqual(["*", "*"]);
    expect(seriesOf(state, "limit", "r", "another")).toBe(beyond);
    expect(seriesOf(state, "limit", "r", "l7").labels).toEqual(["r", "l7"]);
    expect(seriesOf(newCounters(), "upstream", "x".repeat(500)).labels[0]).toHaveLength(bounds.labelCharsMax);
  });
});

describe("the window", () => {
  test("counts each report of each isolate once, in whatever order its copies come", () => {
    const window = newCounterWindow();
    expect(addReport(window, "isolate-a", report(1, { open: 1 }), NOW).counted).toBe(true);
    expect(addReport(window, "isolate-a", report(1, { open: 1 }), NOW).counted).toBe(false);
    addReport(window, "isolate-a", report(2, { open: 10 }), NOW);
    addReport(window, "isolate-a", report(1, { open: 1 }), NOW);
    addReport(window, "isolate-b", report(1, { open: 100, closed: 1 }), NOW);
    expect(windowSums(window, NOW)).toEqual([
      { kind: "limit", labels: ["login", "by-ip"], counts: { open: 111, closed: 1 } },
    ]);
  });

  test("forgets what is older than it, and holds no more than its slots", () => {
    const window = newCounterWindow();
    for (let at = 0; at < 100; at++)
      addReport(window, "isolate-a", report(at + 1, { open: 1 }), NOW + at * bounds.slotMs);
    const last = NOW + 99 * bounds.slotMs;
    const slots = bounds.windowMs / bounds.slotMs;
    expect(window.slots.size).toBeLessThanOrEqual(slots + 2);
    expect(windowSums(window, last)[0]?.counts.open).toBeLessThanOrEqual(slots + 1);
    expect(windowSums(window, last)[0]?.counts.open).toBeGreaterThanOrEqual(slots);
    expect(windowSums(window, last + bounds.windowMs + bounds.slotMs)).toEqual([]);
  });

  test("has a bound of names and of isolates", () => {
    const window = newCounterWindow();
    for (let at = 0; at < bounds.windowSeriesMax + 5; at++)
      addReport(window, "isolate-a", report(at + 1, { open: 1 }, ["r", `l${at}`]), NOW);
    const sums = windowSums(window, NOW);
    expect(sums).toHaveLength(bounds.windowSeriesMax + 1);
    expect(sums.find(({ labels }) => labels[0] === "*")?.counts).toEqual({ open: 5 });
    for (let at = 0; at < bounds.isolatesMax + 5; at++) addReport(window, `i${at}`, report(1, { open: 1 }), NOW);
    expect(window.heard.size).toBe(bounds.isolatesMax);
  });

  test("however reports and acknowledgements are lost, nothing is counted twice, and nothing is lost in the end", () => {
    let seed = 7;
    const random = (): number => {
      seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31;
      return seed / 2 ** 31;
    };
    const [state, window] = [newCounters(), newCounterWindow()];
    const { counts } = seriesOf(state, "limit", "login", "by-ip");
    const late: CounterReport[] = [];
    let nowMs = NOW;
    for (let at = 0; at < 2000; at++) {
      nowMs += Math.floor(random() * 100);
      counts.open += Math.floor(random() * 5);
      state.urgent = true;
      const sent = takeReport(state, nowMs);
      if (sent === undefined) continue;
      if (random() < 0.3) late.push(sent);
      if (random() < 0.3) continue;
      addReport(window, "isolate", sent, nowMs);
      if (random() < 0.7) acknowledgeReport(state, sent.seq);
      const copy = late[Math.floor(random() * late.length)];
      if (copy !== undefined) addReport(window, "isolate", copy, nowMs);
      expect(windowSums(window, nowMs)[0]?.counts.open ?? 0).toBeLessThanOrEqual(counts.open);
    }
    for (let sent = takeReport(state, nowMs); sent !== undefined; sent = takeReport(state, nowMs)) {
      addReport(window, "isolate", sent, nowMs);
      acknowledgeReport(state, sent.seq);
      state.urgent = true;
    }
    expect(windowSums(window, nowMs)[0]?.counts.open).toBe(counts.open);
  });
});

test.each([
  ["a number that is none", { seq: 1, series: [{ kind: "limit", labels: [], counts: { open: "1" } }] }],
  ["a negative one", { seq: 1, series: [{ kind: "limit", labels: [], counts: { open: -1 } }] }],
  ["zero", { seq: 1, series: [{ kind: "limit", labels: [], counts: { open: 0 } }] }],
  ["a part of one", { seq: 1, series: [{ kind: "limit", labels: [], counts: { open: 0.5 } }] }],
  ["a number of no report", { seq: 0, series: [] }],
  ["a name of JavaScript", { seq: 1, series: [{ kind: "limit", labels: [], counts: { constructor: 1 } }] }],
  ["a kind of JavaScript", { seq: 1, series: [{ kind: "toString", labels: [], counts: { open: 1 } }] }],
  ["a label of two lines", { seq: 1, series: [{ kind: "limit", labels: ["a\nb"], counts: { open: 1 } }] }],
  ["a long label", { seq: 1, series: [{ kind: "limit", labels: ["a".repeat(129)], counts: { open: 1 } }] }],
  ["many labels", { seq: 1, series: [{ kind: "limit", labels: ["a", "b", "c", "d", "e", "f"], counts: { open: 1 } }] }],
  ["many series", { seq: 1, series: Array(129).fill({ kind: "limit", labels: [], counts: { open: 1 } }) }],
])("a report with %s is none", (_, value) => {
  expect(counterReportSchema.safeParse(value).success).toBe(false);
});

describe("alarms", () => {
  test("say in a sentence which limit was not counted, for how many, and what they got", () => {
    const counts = { passed: 5, open: 312, closed: 1, failed: 9 };
    expect(alarmsOf([{ kind: "limit", labels: ["login", "by-ip"], counts }]).map(({ text }) => text)).toEqual([
      "limit `by-ip` of route `login` could not be counted for 312 requests in the last 5 min (answered open)",
      "limit `by-ip` of route `login` could not be counted for 1 request in the last 5 min (answered closed)",
    ]);
  });

  test("name limits that routes share, and those beyond the bound", () => {
    const told = (labels: string[]) => alarmsOf([{ kind: "limit", labels, counts: { open: 2 } }])[0]?.text;
    expect(told(["*", "quota"])).toMatch(/^limit `quota` of the gateway could not be counted for 2 requests /);
    expect(told(["*", "*"])).toMatch(/^other limits could not be counted /);
  });

  test("are none for what is well, and for kinds that are not known here", () => {
    expect(alarmsOf([{ kind: "limit", labels: ["a", "b"], counts: { passed: 9, refused: 9, failed: 2 } }])).toEqual([]);
    expect(alarmsOf([{ kind: "later", labels: ["a"], counts: { open: 9 } }])).toEqual([]);
  });
});

test("a line is written at once, then seldom, with what it stands for", () => {
  const state = newSeldom();
  expect(stepSeldom(state, NOW, 10_000)).toBe(1);
  for (let at = 1; at < 100; at++) expect(stepSeldom(state, NOW + at, 10_000)).toBe(0);
  expect(stepSeldom(state, NOW + 10_000, 10_000)).toBe(100);
  expect(stepSeldom(state, NOW - 60_000, 10_000)).toBe(1);
});
