/** What a cache does that only several requests, isolates or failures at once can show. */
import { get, type ServerResponse } from "node:http";
import { buffer } from "node:stream/consumers";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { CountingOrigin } from "../support/counting-origin.ts";
import { type Isolates, startIsolates } from "../support/isolates.ts";
import { until } from "../support/system.ts";

const ISOLATES = 10;
let origin: CountingOrigin;
let isolates: Isolates;
/** Each test has paths of its own. */
let path = "";
let paths = 0;

beforeAll(async () => {
  origin = await CountingOrigin.start();
  const route = (name: string, cache: string): string => `
    - name: ${name}
      match: { path: /${name}/* }
      timeout: 3s
      cache: ${cache}
      to: "http://127.0.0.1:${origin.port}"`;
  isolates = await startIsolates(
    ISOLATES,
    `selvage: 1
name: cache
gateway:
  hosts: ["127.0.0.1"]
  routes:${route("orders", "{ ttl: 30s, staleWhileRevalidate: 5m, staleIfError: 1h, tags: [orders] }")}${route(
    "brief",
    "{ ttl: 1s, staleIfError: 1h }",
  )}${route("together", "{ ttl: 30s, collapse: everywhere }")}${route(
    "told",
    "{ ttl: 30s }\n      transform: { response: { statuses: { 200: 203 } } }",
  )}
`,
  );
});
afterAll(async () => {
  await isolates?.stop();
  await origin?.stop();
});
beforeEach(() => {
  paths++;
  path = `/orders/${paths}`;
});

/** All isolates serve the same host, as they do behind one address. Fails when the body breaks off. */
function ask(isolate: number, target = path): Promise<Response> {
  return new Promise((resolve, reject) => {
    const options = { host: "127.0.0.1", port: isolates.ports[isolate], path: target, headers: { host: "127.0.0.1" } };
    const request = get(options, (answer) => {
      const fields = Object.entries(answer.headers).map(([name, value]): [string, string] => [name, String(value)]);
      buffer(answer).then(
        (body) => resolve(new Response(body, { status: answer.statusCode ?? 0, headers: fields })),
        reject,
      );
    });
    request.on("error", reject);
  });
}

const status = (response: Response): string => response.headers.get("cache-status") ?? "none";

const askAll = (times: number, isolate: number, target = path): Promise<Response[]> =>
  Promise.all(Array.from({ length: times }, () => ask(isolate, target)));

/** Answers with what it is told, after a while, so that equal requests are under way together. */
function answerLate(body: () => string, ms: number): (_: unknown, response: ServerResponse) => void {
  return (_, response) => void setTimeout(() => response.end(body()), ms);
}

test("200 concurrent misses of one key reach the origin once for each isolate", async () => {
  origin.answer = answerLate(() => "order", 500);
  const used = [0, 1, 2];
  const answers = (await Promise.all(used.map((isolate) => askAll(200, isolate)))).flat();
  expect(new Set(answers.map((response) => response.status))).toEqual(new Set([200]));
  expect(new Set(await Promise.all(answers.map((response) => response.text())))).toEqual(new Set(["order"]));
  expect(origin.count(path)).toBeLessThanOrEqual(used.length);
});

test("concurrent misses of ten isolates reach the origin once where they are to wait for one another", async () => {
  origin.answer = answerLate(() => "order", 500);
  const target = `/together/${paths}`;
  const answers = (await Promise.all(isolates.ports.map((_, isolate) => askAll(20, isolate, target)))).flat();
  expect(new Set(answers.map((response) => response.status))).toEqual(new Set([200]));
  for (const response of answers) await response.text();
  expect(origin.count(target)).toBe(1);
});

test("an origin that hangs hangs nobody beyond the time of the route", async () => {
  let first = true;
  origin.answer = (_, response) => {
    if (!first) response.end("order");
    first = false;
  };
  const answers = await askAll(20, 0);
  for (const response of answers) await response.text();
  const statuses = answers.map((response) => response.status);
  expect(statuses.filter((one) => one !== 200 && one !== 504)).toEqual([]);
  expect(await (await ask(0)).text()).toBe("order");
});

test("answers that cannot be kept are not waited for", async () => {
  origin.answer = (_, response) =>
    void setTimeout(() => response.writeHead(200, { "cache-control": "no-store" }).end("x"), 200);
  await (await ask(0)).text();
  const answers = await askAll(50, 0);
  for (const response of answers) expect(await response.text()).toBe("x");
  expect(origin.count(path)).toBe(51);
});

test("an origin that is down is stood in for, and the answer says so", async () => {
  const target = `/brief/${paths}`;
  origin.answer = (_, response) => void response.end("order");
  expect(await (await ask(0, target)).text()).toBe("order");
  await origin.goAway();
  try {
    const stale = await until("a stale answer", async () => {
      const response = await ask(0, target);
      expect(response.status).toBe(200);
      expect(await response.text()).toBe("order");
      return /fwd=stale/.test(status(response)) ? response : undefined;
    });
    expect(status(stale)).toMatch(/^"?[Ss]elvage"?; ?fwd=stale/);
    expect(Number(stale.headers.get("age"))).toBeGreaterThanOrEqual(1);
  } finally {
    await origin.comeBack();
  }
});

test("a purge by tag is seen by ten isolates within 5 s", async () => {
  let version = 1;
  origin.answer = (_, response) => void response.end(`order ${version}`);
  for (const isolate of isolates.ports.keys()) expect(await (await ask(isolate)).text()).toBe("order 1");
  for (const isolate of isolates.ports.keys()) expect(status(await ask(isolate))).toMatch(/; ?hit/);
  version = 2;
  await isolates.purge({ scopes: [{ kind: "tag", tag: "orders" }] });
  const purgedAtMs = Date.now();
  await until(
    "all isolates answer anew",
    async () => {
      const bodies = await Promise.all(isolates.ports.map(async (_, isolate) => (await ask(isolate)).text()));
      return bodies.every((body) => body === "order 2");
    },
    5_000,
  );
  console.log(`purge visible after ${Date.now() - purgedAtMs} ms`);
});

test("after a soft purge an answer serves once more, while it is asked for again", async () => {
  let version = 1;
  origin.answer = (_, response) => void response.end(`order ${version}`);
  await ask(0);
  version = 2;
  await isolates.purge({ scopes: [{ kind: "path", path }], soft: true });
  const stale = await until("a stale answer", async () => {
    const response = await ask(0);
    return /hit;ttl=-/.test(status(response)) ? response : undefined;
  });
  expect(await stale.text()).toBe("order 1");
  await until("a new answer", async () => (await (await ask(0)).text()) === "order 2");
});

test("content is kept and given as it is encoded", async () => {
  const encoded = gzipSync("a text that is long enough to be encoded ".repeat(20));
  origin.answer = (_, response) =>
    void response
      .writeHead(200, { "content-encoding": "gzip", "content-length": encoded.length, etag: '"gz"' })
      .end(encoded);
  for (const expected of [/stored/, /hit/]) {
    const response = await ask(0);
    expect(status(response)).toMatch(expected);
    expect(response.headers.get("content-encoding")).toBe("gzip");
    expect(response.headers.get("content-length")).toBe(String(encoded.length));
    expect(Buffer.from(await response.arrayBuffer()).equals(encoded)).toBe(true);
  }
});

test("content stays as it is encoded where another status stands for the answer's", async () => {
  const encoded = gzipSync("a text that is long enough to be encoded ".repeat(20));
  origin.answer = (_, response) => void response.writeHead(200, { "content-encoding": "gzip" }).end(encoded);
  for (const expected of [/stored/, /hit/]) {
    const response = await ask(0, "/told/1");
    expect(response.status).toBe(203);
    expect(status(response)).toMatch(expected);
    expect(Buffer.from(await response.arrayBuffer()).equals(encoded)).toBe(true);
  }
});

test.each([
  ["of a stated length", { "content-length": "100" }],
  ["in chunks", { "transfer-encoding": "chunked" }],
])("a body %s that breaks off is never given again", async (_, fields) => {
  origin.answer = (_request, response) => {
    response.writeHead(200, { "cache-control": "max-age=60", ...fields });
    response.write("half");
    setTimeout(() => response.destroy(), 100);
  };
  const broken = await ask(0)
    .then(async (response) => (response.ok ? response.text() : "none"))
    .catch(() => "broken off");
  expect(["broken off", "none"]).toContain(broken);
  origin.answer = (_request, response) => void response.writeHead(200, { "cache-control": "max-age=60" }).end("whole");
  const next = await ask(0);
  expect(await next.text()).toBe("whole");
  expect(origin.count(path)).toBe(2);
});
