/** Limits whose numbers change while isolates ask, hold tokens and learn of it late. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { LimiterSettings } from "../../shared/policy/limiter-state.ts";
import { seededRandom } from "../simulation/event-queue.ts";
import { EPOCH, LimitWorld, type Outcome, WAIT_MS } from "../simulation/limit-world.ts";

const RUNS = 40;
const WINDOWS = 3;
const REQUESTS_MAX = 6000;

interface Schedule {
  readonly seed: number;
  readonly isolates: number;
  /** Limits that hold one after the other. */
  readonly limits: readonly number[];
  /** How much later than the first isolate the last one learns of a change, in windows. */
  readonly lag: number;
  /** Every other request is a caller's of a plan that has so many times the limit; 1: there is one plan. */
  readonly otherPlan: number;
  readonly pressure: number;
  readonly lost: number;
  readonly deaths: number;
  /** How many shards answer for the limiter. */
  readonly shards: number;
}

const limit = fc.oneof(
  { weight: 3, arbitrary: fc.integer({ min: 32, max: 400 }) },
  { weight: 1, arbitrary: fc.integer({ min: 1, max: 31 }) },
  { weight: 2, arbitrary: fc.integer({ min: 980, max: 1100 }) },
);
const schedule: fc.Arbitrary<Schedule> = fc.record({
  seed: fc.nat(),
  isolates: fc.integer({ min: 1, max: 6 }),
  limits: fc.array(limit, { minLength: 2, maxLength: 6 }),
  lag: fc.constantFrom(0, 0.2, 1),
  otherPlan: fc.constantFrom(1, 1, 2, 0.5),
  pressure: fc.integer({ min: 1, max: 4 }),
  lost: fc.constantFrom(0, 0, 20),
  deaths: fc.constantFrom(0, 0, 5),
  shards: fc.constantFrom(1, 1, 3),
});
const modes = fc.boolean();
const windows = fc.integer({ min: 250, max: 4000 });

function play(way: Omit<LimiterSettings, "limit">, leased: boolean, load: Schedule): LimitWorld {
  const { seed, isolates, lag, otherPlan, lost, deaths } = load;
  const random = seededRandom(seed);
  const { windowMs } = way;
  const phaseMs = (WINDOWS * windowMs) / load.limits.length;
  const trip = (): number | undefined => (random() * 200 < lost ? undefined : 80 * random() ** 3);
  let turn = 0;
  const world = new LimitWorld({
    settings: { ...way, limit: load.limits[0] as number },
    settingsAt: (isolate, nowMs) => {
      const heardMs = nowMs - (lag * windowMs * isolate) / isolates;
      const phase = Math.min(load.limits.length - 1, Math.max(0, Math.floor(heardMs / phaseMs)));
      const other = turn++ % 2 === 1 ? otherPlan : 1;
      const found = Math.max(1, Math.ceil((load.limits[phase] as number) * other));
      return { ...way, limit: found, ...(way.burst !== undefined && { burst: Math.ceil(found / 4) }) };
    },
    leased,
    trip: () => ({ thereMs: trip(), backMs: trip() }),
    skewMs: (isolate) => (isolate - 2) * 3_600_000,
    shards: () => load.shards,
  });
  const most = Math.max(...load.limits) * Math.max(1, otherPlan);
  const gapMs = Math.max(windowMs / (most * load.pressure), (WINDOWS * windowMs) / REQUESTS_MAX);
  for (let atMs = 0; atMs < WINDOWS * windowMs; ) {
    atMs += -Math.log(1 - random()) * gapMs;
    const isolate = Math.floor(random() * isolates);
    const [dies, runsMs] = [random() * 1000 < deaths, Math.floor(random() * windowMs)];
    world.events.at(atMs, () => {
      if (dies) world.kill(isolate);
      world.request(isolate, "k", 1, runsMs);
    });
  }
  world.events.runUntil(WINDOWS * windowMs + 3 * WAIT_MS);
  return world;
}

const admissions = ({ outcomes }: LimitWorld): Outcome[] =>
  outcomes.filter(({ admitted }) => admitted).sort((a, b) => a.atMs - b.atMs);

/** Each longest run of admissions within so much time. */
function* runsWithin(all: readonly Outcome[], windowMs: number): Generator<readonly Outcome[]> {
  for (let last = 0, first = 0; last < all.length; last++) {
    while ((all[first] as Outcome).atMs <= (all[last] as Outcome).atMs - windowMs) first++;
    yield all.slice(first, last + 1);
  }
}

const largest = (all: readonly Outcome[]): number => Math.max(0, ...all.map(({ settings }) => settings.limit));

describe("whatever changes, and whoever hears of it late", () => {
  test("a sliding window admits no more than the largest limit by which it admitted", () => {
    fc.assert(
      fc.property(windows, modes, schedule, (windowMs, leased, load) => {
        const all = admissions(play({ windowMs }, leased, load));
        for (const run of runsWithin(all, windowMs)) expect(run.length).toBeLessThanOrEqual(largest(run));
      }),
      { numRuns: RUNS },
    );
  });

  test("a fixed window admits no more than the largest limit by which it admitted", () => {
    fc.assert(
      fc.property(windows, modes, schedule, (windowMs, leased, load) => {
        const all = admissions(play({ windowMs, window: "fixed" }, leased, load));
        const byWindow = Map.groupBy(all, ({ atMs }) => Math.floor((EPOCH + atMs) / windowMs));
        for (const [, run] of byWindow) expect(run.length).toBeLessThanOrEqual(largest(run));
      }),
      { numRuns: RUNS },
    );
  });

  test("a burst admits no more than the largest burst and rate allow", () => {
    fc.assert(
      fc.property(windows, modes, schedule, (windowMs, leased, load) => {
        const all = admissions(play({ windowMs, burst: 1 }, leased, load));
        const rate = Math.max(...load.limits) * Math.max(1, load.otherPlan);
        for (const spanMs of [1, 50, windowMs, 3 * windowMs])
          for (const run of runsWithin(all, spanMs))
            expect(run.length).toBeLessThanOrEqual(Math.ceil(rate / 4) + 1 + (Math.ceil(rate) * spanMs) / windowMs);
      }),
      { numRuns: RUNS },
    );
  });

  test("no more requests run at once than the largest limit lets", () => {
    fc.assert(
      fc.property(windows, modes, schedule, (windowMs, leased, load) => {
        const { mostRunning } = play({ windowMs, counts: "concurrent" }, leased, load);
        expect(mostRunning).toBeLessThanOrEqual(Math.ceil(Math.max(...load.limits) * Math.max(1, load.otherPlan)));
      }),
      { numRuns: RUNS },
    );
  });
});

describe("what every isolate has heard of", () => {
  const heard = schedule.map((one) => ({ ...one, lag: 0, otherPlan: 1 }));

  test("lowered: the lower limit holds from the first admission on", () => {
    fc.assert(
      fc.property(windows, modes, heard, limit, (windowMs, leased, load, low) => {
        const high = Math.max(...load.limits);
        const limits = [high, Math.min(low, high)];
        const all = admissions(play({ windowMs }, leased, { ...load, limits }));
        for (const run of runsWithin(all, windowMs)) {
          const last = run.at(-1) as Outcome;
          // What an isolate asked for before the change may be answered after it.
          const changedMs = (WINDOWS * windowMs) / 2 + WAIT_MS;
          if (last.atMs > changedMs && last.settings.limit === limits[1])
            expect(run.length).toBeLessThanOrEqual(last.settings.limit);
        }
      }),
      { numRuns: RUNS },
    );
  });
});
