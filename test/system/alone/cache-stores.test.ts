/** Stores and purges of ten isolates in a workerd of their own, from outside. */
import { createServer, get, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { limits } from "../../../shared/limits.ts";
import { type Isolates, startIsolates } from "../../support/isolates.ts";

const COUNT = 10;
const ROUND_AFTER_MS = 1_300;
const DOCUMENT = `
selvage: 1
name: cache
gateway: { hosts: [localhost], routes: [{ name: all, match: { path: "/*" }, to: orders }] }
mesh: { trustDomain: cache.internal, services: { orders: { port: 8080, access: [{ from: gateway }] } } }
`;

/** Tells how often it was asked for each path; `/bytes/N` has N bytes, `/slow` takes its time. */
const asked = new Map<string, number>();
let origin: Server;
let isolates: Isolates;
let originUrl = "";

beforeAll(async () => {
  origin = createServer(async ({ url = "" }, response) => {
    const count = (asked.get(url) ?? 0) + 1;
    asked.set(url, count);
    if (url.startsWith("/slow")) await delay(300);
    const bytes = Number(/^\/bytes\/(\d+)/.exec(url)?.[1] ?? 0);
    const body = bytes > 0 ? Buffer.alloc(bytes, url) : Buffer.from(`${url} ${count}`);
    response.writeHead(200, { "content-length": body.length, "x-tags": `t ${url}` }).end(body);
  });
  await new Promise<void>((done) => origin.listen(0, "127.0.0.1", done));
  originUrl = `http://127.0.0.1:${(origin.address() as AddressInfo).port}`;
  isolates = await startIsolates(COUNT, DOCUMENT, "test/workers/gateway/support/cache-worker.ts");
});
afterAll(async () => {
  await isolates?.stop();
  origin?.closeAllConnections();
  origin?.close();
});
beforeEach(() => asked.clear());

const urlOf = (at: number, path: string): string => `http://127.0.0.1:${isolates.ports[at]}${path}`;
async function ask(at: number, path: string, headers: Record<string, string> = {}) {
  const answer = await fetch(urlOf(at, path), { headers: { "x-origin": originUrl, ...headers } });
  return { cache: answer.headers.get("x-cache"), text: await answer.text() };
}
/** Until the isolate knows of purges and serves what it has. */
const warm = (path: string): Promise<unknown> =>
  Promise.all(
    isolates.ports.map((_, at) =>
      expect.poll(async () => (await ask(at, path)).cache, { timeout: 30_000 }).toBe("hit"),
    ),
  );

test("what one isolate has fetched the others find, after a restart too", async () => {
  await warm("/warm");
  await ask(0, "/shared");
  const texts = await Promise.all(isolates.ports.map(async (_, at) => (await ask(at, "/shared")).text));
  expect(new Set(texts)).toEqual(new Set(["/shared 1"]));
  await isolates.killAndRestart();
  const path = "/shared";
  await expect.poll(async () => (await ask(3, path)).cache, { timeout: 30_000 }).toBe("hit");
  expect((await ask(3, path)).text).toBe(texts[0]);
});

test("a purge by tag is visible in every isolate within 5 s, and what it ended never comes back", async () => {
  await Promise.all([0, 1, 2].map(purgeRound));
});

/** Rounds begin some time apart: what asks for purges again and again is at another point of its interval then. */
async function purgeRound(round: number): Promise<void> {
  await delay(round * ROUND_AFTER_MS);
  const path = `/purged/${round}`;
  await Promise.all([warm(path), warm("/kept")]);
  const kept = (await ask(9, "/kept")).text;
  const old = asked.get(path) ?? 0;
  const { visibleWithinMs } = await isolates.purge({ scopes: [{ kind: "tag", tag: path }] });
  expect(visibleWithinMs).toBeLessThan(5_000);
  const purgedAtMs = Date.now();
  let lastOldAtMs = purgedAtMs;
  const watch = async (at: number): Promise<void> => {
    for (let isNew = false; Date.now() - purgedAtMs < 6_000; await delay(100)) {
      const startedAtMs = Date.now();
      const { text } = await ask(at, path);
      const isOld = Number(text.split(" ")[1]) <= old;
      if (isOld) lastOldAtMs = Math.max(lastOldAtMs, startedAtMs);
      expect(isOld && isNew).toBe(false);
      isNew = !isOld;
    }
    expect((await ask(at, path)).cache).toBe("hit");
  };
  await Promise.all(isolates.ports.map((_, at) => watch(at)));
  expect(lastOldAtMs - purgedAtMs).toBeLessThan(5_000);
  expect((await ask(9, "/kept")).text).toBe(kept);
}

test("an answer that was on its way when it was purged is not kept", async () => {
  await warm("/warm");
  const onItsWay = ask(0, "/slow/purged");
  await expect.poll(() => asked.get("/slow/purged")).toBe(1);
  await isolates.purge({ scopes: [{ kind: "prefix", prefix: "/slow/" }] });
  expect((await onItsWay).text).toBe("/slow/purged 1");
  await delay(limits.cachePurges.visibleWithinMs);
  expect((await ask(0, "/slow/purged")).text).toBe("/slow/purged 2");
});

test("200 equal misses reach the origin once for each isolate, and once in all where that is wanted", async () => {
  await warm("/warm");
  const burst = (path: string, among: number, headers: Record<string, string> = {}) =>
    Promise.all(Array.from({ length: 200 }, (_, at) => ask(at % among, path, headers)));
  expect(new Set((await burst("/slow/one", 1)).map(({ text }) => text))).toEqual(new Set(["/slow/one 1"]));
  await burst("/slow/each", COUNT);
  expect(asked.get("/slow/each")).toBeLessThanOrEqual(COUNT);
  await burst("/slow/all", COUNT, { "x-everywhere": "1" });
  expect(asked.get("/slow/all")).toBe(1);
});

test("a body of 10 MB whose client leaves is stored whole; another isolate has all of it and parts", async () => {
  const path = `/bytes/${10 * 1024 * 1024}/left`;
  const leaving = await open(0, path);
  await new Promise((resolve) => leaving.once("data", resolve));
  leaving.destroy();
  await expect.poll(async () => (await ask(1, path, { range: "0-9" })).cache, { timeout: 20_000 }).toBe("hit");
  expect(asked.get(path)).toBeLessThanOrEqual(2);
  const whole = Buffer.alloc(10 * 1024 * 1024, path).toString();
  expect((await ask(2, path)).text === whole).toBe(true);
  const part = await ask(3, path, { range: "1048570-2097160" });
  expect(part.text === whole.slice(1_048_570, 2_097_161)).toBe(true);
});

test("who reads slowly gets a body to its end although it is purged meanwhile", async () => {
  const path = `/bytes/${10 * 1024 * 1024}/slow-reader`;
  const whole = (await ask(0, path)).text;
  await expect.poll(async () => (await ask(1, path, { range: "0-0" })).cache).toBe("hit");
  const slow = await open(1, path);
  expect(slow.headers["x-cache"]).toBe("hit");
  await new Promise((resolve) => slow.once("data", resolve));
  slow.pause();
  await isolates.purge({ scopes: [{ kind: "path", path }] });
  await delay(limits.cachePurges.visibleWithinMs);
  expect((await ask(2, path, { range: "0-0" })).cache).toBe("miss");
  let bytes = 0;
  slow.on("data", (chunk: Buffer) => {
    bytes += chunk.length;
  });
  slow.resume();
  await new Promise((resolve) => slow.once("end", resolve));
  expect(bytes).toBeGreaterThan(9 * 1024 * 1024);
  expect(whole.length).toBe(10 * 1024 * 1024);
});

test("memory keeps to its bound over 5,000 keys", async () => {
  await warm("/warm");
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < 5_000) await ask(0, `/bytes/8000/${next++}`);
  };
  await Promise.all(Array.from({ length: 32 }, worker));
  const { bytes, size } = JSON.parse((await ask(0, "/memory")).text) as { bytes: number; size: number };
  expect(bytes).toBeLessThanOrEqual(limits.cacheStores.memoryBytesMax);
  expect(bytes).toBeGreaterThan(limits.cacheStores.memoryBytesMax * 0.9);
  expect(size).toBeGreaterThan(3_000);
});

function open(at: number, path: string): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    get(urlOf(at, path), { headers: { "x-origin": originUrl }, agent: false }, resolve).on("error", reject);
  });
}
