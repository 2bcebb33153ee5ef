import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  addPurge,
  changesSince,
  newPurgeLog,
  type PurgeLog,
  type PurgeScope,
  purgeVerdict,
  softPurgedAt,
  takeChanges,
  unknownPurges,
} from "../../../shared/cache/purges.ts";
import type { StoredHead } from "../../../shared/cache/stored-head.ts";

const DAY = 86_400_000;
const START = 1_000 * DAY;
const bounds = { purgesMax: 8, purgesCharsMax: 200, keepMsMax: DAY };

const answer = (more: Partial<StoredHead> = {}): StoredHead => ({
  id: "a",
  method: "GET",
  status: 200,
  fields: [],
  requestedAtMs: START,
  receivedAtMs: START,
  selectedBy: {},
  bodyBytes: 0,
  tags: ["orders", "eu"],
  host: "api.example",
  target: "/orders/1?page=2",
  purge: START,
  keepUntilMs: START + DAY,
  bornAtMs: START,
  freshUntilMs: START,
  stale: { whileRevalidateUntilMs: 0, ifErrorUntilMs: 0, ifUnreachableUntilMs: 0, byClient: false },
  dateMs: START,
  ...more,
});

function logOf(...asked: (PurgeScope & { soft?: boolean })[]): PurgeLog {
  const log = newPurgeLog(START);
  for (const { soft = false, ...scope } of asked) addPurge(log, { scope, soft }, bounds, START);
  return log;
}

describe("what a purge matches", () => {
  test.each([
    [{ kind: "all" }, "dead"],
    [{ kind: "tag", tag: "orders" }, "dead"],
    [{ kind: "tag", tag: "Orders" }, "alive"],
    [{ kind: "tag", tag: "order" }, "alive"],
    [{ kind: "path", path: "/orders/1" }, "dead"],
    [{ kind: "path", path: "/orders/1?page=2" }, "dead"],
    [{ kind: "path", path: "/orders/1?page=3" }, "alive"],
    [{ kind: "path", path: "/orders" }, "alive"],
    [{ kind: "path", path: "/orders/1", host: "api.example" }, "dead"],
    [{ kind: "path", path: "/orders/1", host: "other.example" }, "alive"],
    [{ kind: "prefix", prefix: "/orders/" }, "dead"],
    [{ kind: "prefix", prefix: "/" }, "dead"],
    [{ kind: "prefix", prefix: "/orders/1?page" }, "alive"],
    [{ kind: "prefix", prefix: "/orders/2" }, "alive"],
    [{ kind: "prefix", prefix: "/o", host: "other.example" }, "alive"],
  ] as const)("%j: %s", (scope, verdict) => {
    expect(purgeVerdict(logOf(scope), answer())).toBe(verdict);
    expect(purgeVerdict(logOf({ ...scope, soft: true }), answer())).toBe(verdict === "dead" ? "stale" : "alive");
  });

  test("a path that was written in another way", () => {
    expect(purgeVerdict(logOf({ kind: "path", path: "/orders/1" }), answer({ target: "/%6frders/%31" }))).toBe("dead");
    expect(purgeVerdict(logOf({ kind: "prefix", prefix: "/orders" }), answer({ target: "/%6Frders" }))).toBe("dead");
    expect(purgeVerdict(logOf({ kind: "path", path: "/a" }), answer({ target: "//a" }))).toBe("alive");
  });
});

describe("what a purge is too late for", () => {
  test("an answer whose request left after it was known", () => {
    const log = logOf({ kind: "tag", tag: "orders" });
    expect(purgeVerdict(log, answer({ purge: log.number }))).toBe("alive");
    expect(purgeVerdict(log, answer({ purge: log.number + 5 }))).toBe("alive");
    expect(purgeVerdict(log, answer({ purge: log.number - 1 }))).toBe("dead");
  });

  test("a hard purge before or after a soft one counts", () => {
    const tag = { kind: "tag", tag: "orders" } as const;
    expect(purgeVerdict(logOf(tag, { ...tag, soft: true }), answer())).toBe("dead");
    expect(purgeVerdict(logOf({ ...tag, soft: true }, tag), answer())).toBe("dead");
    const log = logOf(tag, { ...tag, soft: true });
    expect(purgeVerdict(log, answer({ purge: log.number - 1 }))).toBe("stale");
  });
});

test("an answer is stale since the first soft purge that it did not know", () => {
  const log = logOf(
    { kind: "tag", tag: "other", soft: true },
    { kind: "tag", tag: "orders", soft: true },
    { kind: "all", soft: true },
  );
  expect(softPurgedAt(log, answer())).toBe(START + 2);
  expect(softPurgedAt(log, answer({ purge: START + 2 }))).toBe(START + 3);
  expect(softPurgedAt(log, answer({ purge: START + 3 }))).toBeUndefined();
});

describe("the log", () => {
  test("numbers grow, also within a millisecond and when the clock goes back", () => {
    const log = newPurgeLog(START);
    const numbers = [START, START, START - 5_000, START + 9].map(
      (nowMs) => addPurge(log, { scope: { kind: "tag", tag: String(nowMs) }, soft: false }, bounds, nowMs).number,
    );
    expect(numbers).toEqual([START + 1, START + 2, START + 3, START + 9]);
  });

  test("of one scope the last counts", () => {
    const tag = { kind: "tag", tag: "x" } as const;
    const log = logOf(tag, { kind: "path", path: "/a" }, { kind: "path", path: "/a", host: "h" }, tag);
    expect(log.purges.map(({ number, scope }) => [number - START, scope.kind])).toEqual([
      [2, "path"],
      [3, "path"],
      [4, "tag"],
    ]);
  });

  test("a hard purge of everything is all that is left; a soft one is one of many", () => {
    const log = logOf({ kind: "tag", tag: "x" }, { kind: "all" });
    expect(log).toMatchObject({ number: START + 2, floor: START + 2, purges: [] });
    expect(logOf({ kind: "tag", tag: "x" }, { kind: "all", soft: true }).purges).toHaveLength(2);
  });

  test("when it is full, hashes of its older half are left: they end what they named, and little else", () => {
    const log = newPurgeLog(START);
    for (let at = 1; at <= 9; at++)
      addPurge(log, { scope: { kind: "tag", tag: `t${at}` }, soft: at === 2 }, bounds, START + at);
    expect(log.purges.map(({ number }) => number - START)).toEqual([6, 7, 8, 9]);
    expect([log.floor, log.foldedUpTo, log.folded.size]).toEqual([START, START + 5, 5]);
    const verdict = (tag: string, purge: number): string =>
      purgeVerdict(log, answer({ tags: [tag], purge: START + purge }));
    expect([verdict("t2", 1), verdict("t5", 4), verdict("t6", 5)]).toEqual(["dead", "dead", "dead"]);
    expect([verdict("t2", 2), verdict("t5", 5), verdict("none", 0)]).toEqual(["alive", "alive", "alive"]);
  });

  test("of a path with a query its path is left; prefixes and soft purges of everything have no hash, and become the floor", () => {
    const fill = (scope: PurgeScope, soft = false): PurgeLog => {
      const log = newPurgeLog(START);
      addPurge(log, { scope, soft }, bounds, START + 1);
      for (let at = 2; at <= 9; at++)
        addPurge(log, { scope: { kind: "tag", tag: `t${at}` }, soft: false }, bounds, START + at);
      return log;
    };
    const other = answer({ target: "/orders/1?page=3" });
    expect(purgeVerdict(fill({ kind: "path", path: "/orders/1?page=2" }), other)).toBe("dead");
    expect(purgeVerdict(fill({ kind: "path", path: "/orders/2", host: "h" }), other)).toBe("alive");
    expect(fill({ kind: "prefix", prefix: "/x" }).floor).toBe(START + 1);
    expect(fill({ kind: "all" }, true).floor).toBe(START + 1);
  });

  test("also when its texts are too long together", () => {
    const log = newPurgeLog(START);
    addPurge(log, { scope: { kind: "tag", tag: "short" }, soft: false }, bounds, START);
    addPurge(log, { scope: { kind: "tag", tag: "x".repeat(500) }, soft: false }, bounds, START);
    expect([log.purges, log.folded.size, log.floor]).toEqual([[], 2, START]);
  });

  test("purges older than anything stored are forgotten, and what was stored since the last of them lives", () => {
    const log = logOf({ kind: "tag", tag: "orders" });
    const stored = answer({ purge: log.number, tags: [] });
    addPurge(log, { scope: { kind: "tag", tag: "y" }, soft: false }, bounds, START + 40 * DAY);
    expect(log.purges).toHaveLength(1);
    expect(purgeVerdict(log, stored)).toBe("alive");
  });
});

describe("what an isolate knows", () => {
  test("nothing: nothing that is stored may be believed", () => {
    expect(purgeVerdict(unknownPurges(), answer())).toBe("dead");
    expect(purgeVerdict(unknownPurges(), answer({ purge: 0 }))).toBe("dead");
  });

  test("a log that was lost: nothing that was stored under it lives", () => {
    const known = unknownPurges();
    takeChanges(known, changesSince(newPurgeLog(START), 0));
    const lost = newPurgeLog(START + DAY);
    takeChanges(known, changesSince(lost, known.number));
    expect(purgeVerdict(known, answer({ purge: START + 7 }))).toBe("dead");
    expect(purgeVerdict(known, answer({ purge: known.number }))).toBe("alive");
  });

  test("an older answer that comes late changes nothing", () => {
    const log = logOf({ kind: "tag", tag: "a" });
    const early = changesSince(log, 0);
    const known = unknownPurges();
    addPurge(log, { scope: { kind: "tag", tag: "b" }, soft: false }, bounds, START);
    takeChanges(known, changesSince(log, 0));
    const before = structuredClone(known);
    takeChanges(known, early);
    expect(known).toEqual(before);
  });
});

const scopes = fc.oneof(
  fc.constant<PurgeScope>({ kind: "all" }),
  fc.constantFrom("a", "b", "c").map((tag): PurgeScope => ({ kind: "tag", tag })),
  fc.constantFrom("/1", "/2", "/2/3").map((path): PurgeScope => ({ kind: "path", path })),
  fc.constantFrom("/", "/2").map((prefix): PurgeScope => ({ kind: "prefix", prefix, host: "h" })),
);
const heads = fc
  .record({
    tags: fc.subarray(["a", "b", "c"]),
    target: fc.constantFrom("/1", "/2", "/2/3?q"),
    host: fc.constantFrom("h", "i"),
  })
  .map((more) => answer(more));

/** Weighted so that logs of several purges come up. */
const asked = fc.record({ scope: scopes, soft: fc.boolean(), asks: fc.boolean() });

test("whoever asks now and then knows what the log knows; bounds let more die, never less", () => {
  const endless = { purgesMax: 1e9, purgesCharsMax: 1e9, keepMsMax: 1e9 };
  const tight = { purgesMax: 3, purgesCharsMax: 1e9, keepMsMax: 1e9 };
  fc.assert(
    fc.property(fc.array(asked, { maxLength: 30 }), heads, fc.nat(30), (purges, head, storedAfter) => {
      const log = newPurgeLog(START);
      const unbounded = newPurgeLog(START);
      const known = unknownPurges();
      let stored = head;
      purges.forEach((purge, at) => {
        addPurge(log, purge, tight, START);
        addPurge(unbounded, purge, endless, START);
        if (purge.asks) takeChanges(known, changesSince(log, known.number));
        if (at === storedAfter) stored = { ...head, purge: log.number };
      });
      takeChanges(known, changesSince(log, known.number));
      const verdicts = ["alive", "stale", "dead"];
      const rank = (one: PurgeLog): number => verdicts.indexOf(purgeVerdict(one, stored));
      expect(rank(log)).toBeGreaterThanOrEqual(rank(unbounded));
      expect(rank(known)).toBeGreaterThanOrEqual(rank(unbounded));
      if (stored.purge === log.number) expect([rank(log), rank(known)]).toEqual([0, 0]);
      expect(known.purges).toEqual(log.purges);
      expect([known.number, known.floor, known.foldedUpTo]).toEqual([log.number, log.floor, log.foldedUpTo]);
      expect(log.purges.length).toBeLessThanOrEqual(3);
    }),
    { numRuns: 500 },
  );
});
