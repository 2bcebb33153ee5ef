/** Copies of requests: whom they reach, and that nobody waits for them or sees what becomes of them. */
import { expect, test } from "vitest";
import type { MirrorRule } from "../../shared/policy/settings.ts";
import { type TestAgent, until } from "./support/agents.ts";
import { withOneCaller } from "./support/one-caller.ts";
import { answer, type Behaviour, type TestPeers } from "./support/peers.ts";

let peers: TestPeers;
let caller: TestAgent;

withOneCaller((world) => {
  ({ peers, caller } = world);
});

const SAFE = ["GET", "HEAD", "OPTIONS"];

async function pair(shadow: Behaviour, rule: Partial<MirrorRule> = {}) {
  const live = await peers.start(answer(200, {}, "live"));
  const copy = await peers.start(shadow);
  await peers.give(caller, [live.port, copy.port], {
    subsets: { v1: { version: "v1" }, v2: { version: "v2" } },
    traffic: [{ headers: {}, split: { v1: 1 } }],
    mirror: [{ headers: {}, methods: SAFE, subset: "v2", percent: 100, ...rule }],
  });
  return { live, copy };
}

const call = (method = "GET") => caller.calls("http://target.mesh/x", method);

test("a copy reaches the subset, and its answer nobody", async () => {
  const { live, copy } = await pair(answer(500, {}, "shadow"));
  for (let n = 0; n < 3; n++) expect(await call()).toMatchObject({ status: 200, body: "live" });
  await until("the copies are there", () => copy.seen.length === 3);
  expect(live.seen).toHaveLength(3);
  const { text } = await caller.admin("/metrics");
  expect(text).toMatch(/^selvage_mirrored_total\{service="target",result="sent"\} 3$/m);
});

test("methods that may have an effect are copied only when they are named, with their body", async () => {
  const { copy } = await pair(answer(200));
  expect((await call("POST")).body).toBe("live");
  expect((await call()).body).toBe("live");
  await until("the GET's copy is there", () => copy.seen.length === 1);
  expect(copy.seen).toEqual(["GET /x 1"]);
  await peers.end();
  const named = await pair(answer(200), { methods: ["POST"] });
  expect((await call("POST")).body).toBe("live");
  await until("the POST's copy is there", () => named.copy.seen.length === 1);
  expect(named.copy.bodies).toEqual(["hello"]);
  expect(named.live.bodies).toEqual(["hello"]);
});

test("nobody waits for a copy that hangs, and one that breaks off is not sent again", async () => {
  const hung = await pair(() => {});
  for (let n = 0; n < 5; n++) expect((await call()).status).toBe(200);
  await until("the copies are there", () => hung.copy.seen.length === 5);
  await peers.end();
  const broken = await pair((exchange) => exchange.abort("told to"));
  for (let n = 0; n < 5; n++) expect((await call()).status).toBe(200);
  await until("the copies are there", () => broken.copy.seen.length === 5);
  for (let n = 0; n < 20; n++) await call();
  expect(broken.copy.seen.every((line) => line === "GET /x 1")).toBe(true);
  expect(broken.copy.seen.length).toBeLessThanOrEqual(25);
});

test("at most a hundred are on their way at once", async () => {
  const { copy } = await pair(() => {});
  for (let round = 0; round < 13; round++) await Promise.all(Array.from({ length: 10 }, () => call()));
  await until("what goes is there", async () =>
    /^selvage_mirrored_total\{.*"skipped"\} [1-9]/m.test((await caller.admin("/metrics")).text),
  );
  expect(copy.seen.length).toBeLessThanOrEqual(100);
});

test("a share is copied; a subset without instances takes nothing away", async () => {
  const { copy } = await pair(answer(200), { percent: 20 });
  for (let round = 0; round < 10; round++) await Promise.all(Array.from({ length: 20 }, () => call()));
  await until("copies are there", () => copy.seen.length > 5);
  expect(copy.seen.length).toBeLessThan(100);
  await peers.end();
  await pair(answer(200), { subset: "v9" });
  expect((await call()).body).toBe("live");
});
