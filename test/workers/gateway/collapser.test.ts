/** Equal misses: who asks the origin, and who waits for how long. */
import { expect, test, vi } from "vitest";
import { limits } from "../../../shared/limits.ts";
import { Collapser, type Turn } from "../../../workers/gateway/cache/collapser.ts";
import { env, newKey } from "./support/cache.ts";

const soon = (): number => Date.now() + 5_000;
const kinds = async (turns: readonly (Turn | Promise<Turn>)[]): Promise<string[]> =>
  (await Promise.all(turns)).map(({ kind }) => kind);

/** What a request does: it asks, or looks at what is stored and comes again. @returns how often the origin was asked */
async function fetchAll(count: number, collapsers: readonly Collapser[], everywhere: boolean, key: string) {
  const store = { isThere: false, asked: 0 };
  const one = async (at: number): Promise<void> => {
    const endMs = soon();
    while (!store.isThere) {
      const turn = await (collapsers[at % collapsers.length] as Collapser).enter(key, everywhere, endMs);
      if (turn.kind === "look") continue;
      store.asked++;
      await new Promise((resolve) => setTimeout(resolve, 30));
      store.isThere = true;
      await turn.end("stored");
    }
  };
  await Promise.all(Array.from({ length: count }, (_, at) => one(at)));
  return store.asked;
}

test("200 equal misses of an isolate ask the origin once", async () => {
  expect(await fetchAll(200, [new Collapser(env)], false, newKey())).toBe(1);
});

test("200 equal misses of ten isolates ask it once where the route wants that, else once each", async () => {
  const isolates = Array.from({ length: 10 }, () => new Collapser(env));
  expect(await fetchAll(200, isolates, true, newKey())).toBe(1);
  const asked = await fetchAll(200, isolates, false, newKey());
  expect(asked).toBeGreaterThan(1);
  expect(asked).toBeLessThanOrEqual(10);
});

test("a leader is there at once, without a promise", () => {
  expect(new Collapser(env).enter(newKey(), false, soon())).toMatchObject({ kind: "lead" });
});

test("an origin that hangs holds nobody up for longer than each wants to wait", async () => {
  const collapser = new Collapser(env);
  const key = newKey();
  await collapser.enter(key, false, soon());
  const short = Date.now() + 60;
  expect(await kinds([collapser.enter(key, false, short), collapser.enter(key, false, short)])).toEqual([
    "alone",
    "alone",
  ]);
  expect(collapser.enter(key, false, Date.now())).toMatchObject({ kind: "alone" });
});

test("an answer that is not stored releases all who wait at once, and nobody waits for the next", async () => {
  const collapser = new Collapser(env);
  const key = newKey();
  const leader = await collapser.enter(key, false, soon());
  const waiting = [1, 2, 3].map(() => collapser.enter(key, false, soon()));
  await leader.end("unstorable");
  await leader.end("stored");
  expect(await kinds(waiting)).toEqual(["alone", "alone", "alone"]);
  expect(collapser.enter(key, false, soon())).toMatchObject({ kind: "alone" });
});

test("after a leader that failed the next one leads, and the others wait for that one", async () => {
  const collapser = new Collapser(env);
  const key = newKey();
  const endMs = soon();
  const leader = await collapser.enter(key, false, endMs);
  const waiting = [1, 2, 3].map(() => collapser.enter(key, false, endMs));
  await leader.end("failed");
  expect(await kinds(waiting)).toEqual(["look", "look", "look"]);
  const again = [1, 2, 3].map(() => collapser.enter(key, false, endMs));
  const next = await Promise.race(again);
  expect(next.kind).toBe("lead");
  await next.end("stored");
  expect((await kinds(again)).sort()).toEqual(["lead", "look", "look"]);
});

test("a shard that fails, or does not answer, holds nobody up", async () => {
  const warned = vi.spyOn(console, "warn").mockReturnValue();
  const down = { CACHE: { getByName: () => ({ lead: () => Promise.reject(new Error("down")) }) } };
  expect(await new Collapser(down as never).enter("k", true, soon())).toMatchObject({ kind: "lead" });
  const silent = { CACHE: { getByName: () => ({ lead: () => new Promise(() => undefined) }) } };
  expect(await new Collapser(silent as never).enter("k", true, Date.now() + 50)).toMatchObject({ kind: "lead" });
  expect(warned).toHaveBeenCalledTimes(1);
  expect(limits.cacheCollapse.waitMs).toBeLessThan(limits.cacheCollapse.leaseMs);
});
