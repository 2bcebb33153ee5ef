import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { limits } from "../../shared/limits.ts";
import {
  heldOf,
  type LimiterSettings,
  type LimiterState,
  leaseMsOf,
  lendableOf,
} from "../../shared/policy/limiter-state.ts";
import { askLimiter } from "../../shared/policy/rate-limit.ts";
import { seededRandom } from "../simulation/event-queue.ts";
import { EPOCH, LimitWorld, WAIT_MS } from "../simulation/limit-world.ts";
import { admittedTimes, mostIn } from "../simulation/run-load.ts";

const RUNS = 60;

/** One thing that happens: so long after the one before, in this isolate. */
interface Step {
  readonly gapMs: number;
  readonly isolate: number;
  readonly what: "one" | "many" | "dear" | "kill";
}

const steps = fc.array(
  fc.record({
    gapMs: fc.oneof(fc.constant(0), fc.nat(3), fc.nat(60), fc.nat(600)),
    isolate: fc.nat(5),
    what: fc.constantFrom("one", "one", "one", "many", "many", "dear", "kill") as fc.Arbitrary<Step["what"]>,
  }),
  { minLength: 20, maxLength: 120 },
);

interface Network {
  readonly seed: number;
  /** How many of a hundred trips are lost on either way. */
  readonly lost: number;
  readonly slowestMs: number;
  /** Most shards that answer for the limiter, as many as it says at that moment; 0: none. */
  readonly shards: number;
  /** Of a thousand steps, before how many a shard is evicted, or the limiter. */
  readonly evictions: number;
  /** The number of shards never changes. */
  readonly steady?: true;
}

const network = fc.record({
  seed: fc.nat(),
  lost: fc.constantFrom(0, 0, 10, 40),
  slowestMs: fc.constantFrom(2, 80, 1500),
  shards: fc.constantFrom(0, 0, 2, 5),
  evictions: fc.constantFrom(0, 3, 30),
});
const quiet: Network = { seed: 1, lost: 0, slowestMs: 2, shards: 0, evictions: 0 };

function play(settings: LimiterSettings, leased: boolean, list: readonly Step[], net: Network) {
  const { seed, lost, slowestMs, evictions } = net;
  const random = seededRandom(seed);
  const way = (): number | undefined => (random() * 200 < lost ? undefined : slowestMs * random() ** 3);
  const world = new LimitWorld({
    settings,
    leased,
    trip: () => ({ thereMs: way(), backMs: way() }),
    skewMs: (isolate) => (isolate - 2) * 3_600_000,
    shards: shardsTold(net, settings, random),
  });
  let atMs = 0;
  for (const { gapMs, isolate, what } of list) {
    atMs += gapMs;
    world.events.at(atMs, () => {
      if (what === "kill") world.kill(isolate);
      if (random() * 1000 < evictions) disturb(world, random);
      const count = what === "many" ? 40 : what === "kill" ? 0 : 1;
      const cost = what === "dear" ? 5 : 1;
      const runsMs = Math.floor(random() * settings.windowMs);
      for (let at = 0; at < count; at++) world.request(isolate, "k", cost, runsMs, Math.floor(random() * (cost + 1)));
    });
  }
  world.events.runUntil(atMs + 3 * WAIT_MS);
  return world;
}

/** An object is evicted, or a shard's clock is set back. */
function disturb(world: LimitWorld, random: () => number): void {
  const what = random();
  if (what < 0.6) world.disturbShard(random());
  else if (what < 0.8) world.disturbShard(random(), 20_000 * random());
  else world.evict("k");
}

/** How many shards the limiter tells of: now more, now fewer, for some time each. */
function shardsTold({ shards, steady }: Network, settings: LimiterSettings, random: () => number): () => number {
  const most = leaseMsOf(settings) > 0 ? Math.max(1, shards) : 1;
  const draw = (): number => (steady ? most : Math.ceil(random() * most) || 1);
  let told = draw();
  return () => {
    if (random() < 0.03) told = draw();
    return told;
  };
}

const windowMs = fc.integer({ min: 100, max: 3000 });
/** Limits that are lent, that are not, and that are counted by slices; what comes uses most of them up. */
const limit = fc.oneof(
  { weight: 3, arbitrary: fc.integer({ min: 32, max: 320 }) },
  { weight: 1, arbitrary: fc.integer({ min: 1, max: 31 }) },
  { weight: 1, arbitrary: fc.integer({ min: 1001, max: 1200 }) },
);
const kinds = fc.record({ limit, windowMs });
const bursts = fc.record({ limit, windowMs, burst: fc.integer({ min: 1, max: 300 }) });
const fixed = fc.record({ limit, windowMs, window: fc.constant("fixed" as const) });
const everyMode = fc.oneof({ weight: 3, arbitrary: fc.constant(true) }, { weight: 1, arbitrary: fc.constant(false) });

interface Flood {
  readonly seed: number;
  readonly isolates: number;
  /** Requests over what the limit lets pass. */
  readonly pressure: number;
  /** Of a thousand requests, before how many their isolate dies. */
  readonly deaths: number;
}

const floods = fc.record({
  seed: fc.nat(),
  isolates: fc.integer({ min: 1, max: 8 }),
  pressure: fc.integer({ min: 1, max: 5 }),
  deaths: fc.constantFrom(0, 0, 5),
});

/** Bursts and pauses over some windows, so that isolates hold tokens when the limit is used up, and have requests again later. */
function flood(settings: LimiterSettings, { seed, isolates, pressure, deaths }: Flood, net: Network): LimitWorld {
  const random = seededRandom(seed);
  const list: Step[] = [];
  const meanGapMs = settings.windowMs / (settings.limit * pressure);
  for (let atMs = 0; atMs < 3 * settings.windowMs && list.length < 3_000; ) {
    const gapMs = random() < 0.003 ? random() * settings.windowMs : -Math.log(1 - random()) * meanGapMs;
    atMs += gapMs;
    const what = random() * 1000 < deaths ? "kill" : "one";
    list.push({ gapMs, isolate: Math.floor(random() * isolates), what });
  }
  return play(settings, true, list, net);
}

const lentKinds = fc.record({
  limit: fc.integer({ min: 64, max: 600 }),
  windowMs: fc.integer({ min: 250, max: 4000 }),
});
const lentBursts = fc.record({
  limit: fc.integer({ min: 64, max: 600 }),
  windowMs: fc.integer({ min: 250, max: 4000 }),
  burst: fc.integer({ min: 16, max: 400 }),
});

describe("under a flood, whatever dies and is lost", () => {
  test("a sliding window admits no more than its limit", () => {
    fc.assert(
      fc.property(lentKinds, floods, network, (settings, load, net) => {
        const times = admittedTimes(flood(settings, load, net), "k");
        expect(mostIn(times, settings.windowMs)).toBeLessThanOrEqual(settings.limit);
      }),
      { numRuns: RUNS },
    );
  });

  test("a burst admits no more than burst + rate x window", () => {
    fc.assert(
      fc.property(lentBursts, floods, network, (settings, load, net) => {
        const times = admittedTimes(flood(settings, load, net), "k");
        for (const windowMs of [1, 30, 300, 3000])
          expect(mostIn(times, windowMs)).toBeLessThanOrEqual(
            settings.burst + (settings.limit * windowMs) / settings.windowMs,
          );
      }),
      { numRuns: RUNS },
    );
  });
});

describe("whatever isolates, clocks, the network and the limiter's restarts do", () => {
  test("a sliding window admits no more than its limit", () => {
    fc.assert(
      fc.property(kinds, everyMode, steps, network, (settings, leased, list, net) => {
        const times = admittedTimes(play(settings, leased, list, net), "k");
        expect(mostIn(times, settings.windowMs)).toBeLessThanOrEqual(settings.limit);
      }),
      { numRuns: RUNS },
    );
  });

  test("leases of shards end in long pauses, and windows go on", () => {
    const slow = fc.record({
      limit: fc.integer({ min: 320, max: 2000 }),
      windowMs: fc.integer({ min: 20_000, max: 60_000 }),
    });
    const pauses = fc.constantFrom(0, 1, 20, 300, 300, 4_000, 11_000);
    fc.assert(
      fc.property(slow, steps, fc.infiniteStream(pauses), network, (settings, list, gaps, net) => {
        const spread = list.map((step) => ({ ...step, gapMs: gaps.next().value as number }));
        const times = admittedTimes(play(settings, true, spread, net), "k");
        expect(mostIn(times, settings.windowMs)).toBeLessThanOrEqual(settings.limit);
      }),
      { numRuns: RUNS },
    );
  });

  test("a burst admits no more than burst + rate x window", () => {
    fc.assert(
      fc.property(bursts, everyMode, steps, network, (settings, leased, list, net) => {
        const times = admittedTimes(play(settings, leased, list, net), "k");
        for (const windowMs of [1, 10, 100, 1000, 10_000]) {
          const bound = settings.burst + (settings.limit * windowMs) / settings.windowMs;
          expect(mostIn(times, windowMs)).toBeLessThanOrEqual(bound);
        }
      }),
      { numRuns: RUNS },
    );
  });

  test("a fixed window admits no more than its limit in each", () => {
    fc.assert(
      fc.property(fixed, everyMode, steps, network, (settings, leased, list, net) => {
        const counts = new Map<number, number>();
        for (const atMs of admittedTimes(play(settings, leased, list, net), "k")) {
          const window = Math.floor((EPOCH + atMs) / settings.windowMs);
          counts.set(window, (counts.get(window) ?? 0) + 1);
        }
        expect(Math.max(0, ...counts.values())).toBeLessThanOrEqual(settings.limit);
      }),
      { numRuns: RUNS },
    );
  });

  test("no more requests run at once than may", () => {
    const concurrent = fc.record({
      limit: fc.integer({ min: 1, max: 400 }),
      windowMs: fc.integer({ min: 50, max: 3000 }),
      counts: fc.constant("concurrent" as const),
    });
    fc.assert(
      fc.property(concurrent, everyMode, steps, network, (settings, leased, list, net) => {
        expect(play(settings, leased, list, net).mostRunning).toBeLessThanOrEqual(settings.limit);
      }),
      { numRuns: RUNS },
    );
  });
});

test("costs that are no higher than was reserved never exceed the limit, counted when they were reserved", () => {
  const costs = kinds.map((one) => ({ ...one, counts: "cost" as const }));
  fc.assert(
    fc.property(costs, everyMode, steps, network, (settings, leased, list, net) => {
      const dear = list.map((step) => (step.what === "one" ? { ...step, what: "dear" as const } : step));
      const { settled } = play(settings, leased, dear, net);
      const times = settled.flatMap(({ begunAtMs, used }) => new Array<number>(used).fill(begunAtMs));
      expect(
        mostIn(
          times.sort((a, b) => a - b),
          settings.windowMs,
        ),
      ).toBeLessThanOrEqual(settings.limit);
    }),
    { numRuns: RUNS },
  );
});

/** Long enough that nothing of it counts any more, whatever became of it. */
const overAfterMs = (settings: LimiterSettings): number =>
  2 * settings.windowMs +
  limits.rateLimit.leaseMsMax +
  2 * limits.rateLimit.leaseMarginMs +
  settings.windowMs / limits.rateLimit.slidingSlices +
  2;

const askFor = (state: LimiterState, cost: number, nowMs: number) =>
  askLimiter(state, { cost, more: 0 }, EPOCH + nowMs).answer;

test("when all is over, the whole limit is there again", () => {
  const any = fc.oneof(
    kinds,
    bursts,
    fixed,
    kinds.map((one) => ({ ...one, counts: "cost" as const })),
  );
  fc.assert(
    fc.property(any, steps, network, (settings: LimiterSettings, list, net) => {
      const world = play(settings, true, list, net);
      const state = world.limiter("k");
      const capacity = settings.burst ?? settings.limit;
      const refillMs = Math.ceil((settings.windowMs * capacity) / settings.limit);
      const nowMs = world.events.nowMs + overAfterMs(settings) + refillMs;
      const account = { id: "late", seq: 1, spent: 0, acknowledged: 0, left: 0, inUse: 0, sinceSpentMs: 0, demand: 0 };
      const { answer } = askLimiter(state, { cost: capacity, more: 0, account }, EPOCH + nowMs);
      expect(answer.admitted).toBe(true);
      expect(heldOf(state).lost).toBe(0);
    }),
    { numRuns: RUNS },
  );
});

/** Four shards from the first question to the last. */
const sharded: Network = { ...quiet, shards: 4, steady: true };

test.each([
  ["leases", true, quiet],
  ["leases through shards", true, sharded],
  ["shards", false, sharded],
])("what %s leave unused is bounded: who is refused is refused for what others have used", (_, leased, net) => {
  fc.assert(
    fc.property(kinds, steps, (kind, list) => {
      // What is parted among shards is no smaller.
      const settings = net.shards > 0 ? { limit: kind.limit + 512, windowMs: 20 * kind.windowMs } : kind;
      const world = play(
        settings,
        leased,
        list.filter(({ what }) => what !== "kill" && what !== "dear"),
        net,
      );
      // What was given to a shard for requests that wait there is used when it has come.
      const onTheWayMs = net.shards > 0 ? 2 * net.slowestMs : 0;
      const saidMs =
        net.shards > 0 ? limits.rateLimit.leaseMsMax + limits.rateLimit.leaseMarginMs : leaseMsOf(settings);
      const slackMs = settings.windowMs / limits.rateLimit.slidingSlices + saidMs + limits.rateLimit.leaseMarginMs;
      const times = admittedTimes(world, "k");
      for (const { admitted, asked, atMs } of world.outcomes) {
        if (admitted || !asked) continue;
        const used = times.filter(
          (time) => time <= atMs + onTheWayMs && time > atMs - settings.windowMs - slackMs - 10,
        ).length;
        expect(used).toBeGreaterThanOrEqual(settings.limit - lendableOf(settings));
      }
    }),
    { numRuns: RUNS },
  );
});

test("tokens are conserved: free, held and counted are the limit", () => {
  fc.assert(
    fc.property(kinds, steps, network, (settings, list, net) => {
      const state = play(settings, true, list, net).limiter("k");
      const history = structuredClone(state.history);
      const counted =
        history.kind === "log" || history.kind === "slices" ? history.counts.reduce((sum, one) => sum + one, 0) : 0;
      const { tokens } = heldOf(state);
      expect(counted + tokens).toBeLessThanOrEqual(settings.limit);
      const free = settings.limit - counted - tokens;
      expect(askFor(structuredClone(state), free + 1, state.atMs - EPOCH).admitted).toBe(false);
      expect(askFor(structuredClone(state), free, state.atMs - EPOCH).admitted).toBe(true);
    }),
    { numRuns: RUNS },
  );
});
