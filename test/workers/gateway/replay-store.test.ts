import { runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { limits } from "../../../shared/limits.ts";
import type { Env } from "../../../workers/gateway/env.ts";
import { ReplayStore } from "../../../workers/gateway/objects/replay-store.ts";

const { REPLAY } = env as unknown as Env;
const { proofsMax } = limits.replay;
let nowMs = 1_800_000_000_000;
let name = 0;
const store = () => REPLAY.getByName(`test-${name}`);

beforeEach(() => {
  name++;
  vi.spyOn(Date, "now").mockImplementation(() => nowMs);
});
afterEach(() => vi.restoreAllMocks());

const count = (): Promise<number> =>
  runInDurableObject(
    store(),
    (_, { storage }) => storage.sql.exec<{ n: number }>("SELECT count(*) AS n FROM proofs").one().n,
  );

/** Fills the table up at once. */
const fill = (rows: number, endsAtMs: number): Promise<unknown> =>
  runInDurableObject(store(), (_, { storage }) => {
    storage.sql.exec(
      `WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
       INSERT INTO proofs SELECT 'row ' || i, ? FROM n`,
      rows,
      endsAtMs,
    );
  });

test("a proof is the first once, until it ends", async () => {
  const endsAtMs = nowMs + 60_000;
  expect(await store().take("a", endsAtMs)).toBe("first");
  expect(await store().take("a", endsAtMs)).toBe("again");
  expect(await store().take("b", endsAtMs)).toBe("first");
  nowMs = endsAtMs - 1;
  expect(await store().take("a", endsAtMs)).toBe("again");
  nowMs = endsAtMs;
  expect(await store().take("a", endsAtMs)).toBe("ended");
});

test("of many at once exactly one is the first", async () => {
  const taken = await Promise.all(Array.from({ length: 100 }, () => store().take("a", nowMs + 60_000)));
  expect(taken.filter((one) => one === "first").length).toBe(1);
});

test("what was taken outlives the object in memory", async () => {
  await store().take("a", nowMs + 60_000);
  const again = await runInDurableObject(store(), (_, state) => new ReplayStore(state, env).take("a", nowMs + 60_000));
  expect(again).toBe("again");
});

test("what has ended is forgotten by the alarm, and nothing before", async () => {
  await store().take("early", nowMs + 30_000);
  await store().take("late", nowMs + 90_000);
  nowMs += 30_000;
  expect(await runDurableObjectAlarm(store())).toBe(true);
  expect(await count()).toBe(1);
  nowMs += 60_000;
  expect(await runDurableObjectAlarm(store())).toBe(true);
  expect(await count()).toBe(0);
  expect(await runDurableObjectAlarm(store())).toBe(false);
  expect(await store().take("new", nowMs + 30_000)).toBe("first");
  expect(await runDurableObjectAlarm(store())).toBe(true);
});

test("a full one takes nothing more, knows what it has, and has room again when proofs end", async () => {
  await store().take("known", nowMs + 120_000);
  await fill(proofsMax - 2, nowMs + 60_000);
  const isFull = await runInDurableObject(store(), (_, state) => {
    const full = new ReplayStore(state, env);
    return [full.take("last", nowMs + 60_000), full.take("more", nowMs + 60_000), full.take("known", nowMs + 120_000)];
  });
  expect(isFull).toEqual(["first", "full", "again"]);
  nowMs += 60_000;
  const hasRoom = await runInDurableObject(store(), (_, state) =>
    new ReplayStore(state, env).take("more", nowMs + 60_000),
  );
  expect(hasRoom).toBe("first");
  expect(await count()).toBe(2);
}, 60_000);
