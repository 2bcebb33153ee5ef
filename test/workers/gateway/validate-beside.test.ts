/** Validation beside what else a route does: keys, caches, encodings, long bodies, and who makes up names. */
import { env as testEnv } from "cloudflare:workers";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { limits } from "../../../shared/limits.ts";
import { newCounters } from "../../../shared/policy/counters.ts";
import type { IdempotencySettings } from "../../../shared/policy/idempotency.ts";
import type { Env } from "../../../workers/gateway/env.ts";
import { DriftCounts } from "../../../workers/gateway/upstream/drift-counts.ts";
import { keepContract, validation } from "./support/contracts.ts";
import { type Gateway, startGateway } from "./support/gateway.ts";
import { plan, route } from "./support/plans.ts";

const env = testEnv as unknown as Env;
const target = { kind: "forward", to: { origin: "http://origin.example" } } as const;
const idempotency: IdempotencySettings = {
  ...{ required: true, ttlMs: 60_000, methods: ["POST"], header: "idempotency-key", unquoted: false },
  ...{ fingerprintHeaders: [], answerBytesMax: 1_000, onUnknown: "refuse" },
};
const JSON_TYPE = { "content-type": "application/json" };

let gateway: Gateway;
let answer: (request: Request) => Response | Promise<Response>;
let calls: number;
/** Stores outlive a test. */
let id = 1;

beforeEach(async () => {
  id++;
  calls = 0;
  await keepContract(env);
  const shadow = { requests: "shadow", responses: "shadow" } as const;
  const routes = [
    route("once", "/once/*", { target, idempotency, validation: validation({ basePath: "/once" }) }),
    route("kept", "/kept/*", {
      ...{ target, cache: { ttlMs: 60_000 } },
      validation: validation({ ...shadow, basePath: "/kept" }),
    }),
    route("strict", "/strict/*", {
      ...{ target, cache: { ttlMs: 60_000 } },
      validation: validation({ basePath: "/strict", responses: "enforce" }),
    }),
    route("whole", "/whole/*", { target, validation: validation({ basePath: "/whole", responses: "enforce" }) }),
    route("watched", "/watched/*", { target, validation: validation({ ...shadow, basePath: "/watched" }) }),
    route("names", "/names/*", { target, validation: validation({ basePath: "/names", unknownQuery: "refuse" }) }),
  ];
  gateway = await startGateway(plan(routes), async (request) => {
    calls++;
    await request.arrayBuffer();
    return answer(request);
  });
  answer = () => Response.json({ items: [] });
  // What is in shadow waits for no contract: this one does.
  await gateway.fetch("/names/orders/1");
  calls = 0;
});
afterEach(() => vi.restoreAllMocks());

const told = async (kind: string): Promise<Record<string, unknown>> => {
  vi.spyOn(Date, "now").mockReturnValue(Date.now() + 60_000);
  await gateway.fetch("/names/orders/1");
  await gateway.settled();
  const series = gateway.control.asked.flatMap(({ counted }) => counted?.series ?? []);
  return Object.fromEntries(
    series.filter((one) => one.kind === kind).map(({ labels, counts }) => [labels.join(" "), counts]),
  );
};

test("a request that is refused uses up no idempotency key", async () => {
  const headers = { ...JSON_TYPE, "idempotency-key": `"key-${crypto.randomUUID()}"` };
  const send = (body: string): Promise<Response> => gateway.fetch("/once/orders", { method: "POST", body, headers });
  expect((await send('{"items":1}')).status).toBe(400);
  expect((await send('{"items":[]}')).status).toBe(200);
  expect((await send('{"items":1}')).status).toBe(400);
  const again = await send('{"items":[]}');
  expect([again.status, again.headers.get("idempotency-replayed"), calls]).toEqual([200, "true", 1]);
});

test("what is kept is for requests that fit, and is judged each time that it is given", async () => {
  answer = () => Response.json({ items: 1 });
  const path = `/kept/orders/${id}`;
  for (const _ of [1, 2]) {
    const response = await gateway.fetch(path, { whole: false });
    expect(await response.json()).toEqual({ items: 1 });
    await gateway.settled();
  }
  expect(calls).toBe(1);
  expect(await told("drift")).toEqual({ "kept getOrder response body/items type": { requests: 2 } });
  answer = () => Response.json({ items: [] });
  expect((await gateway.fetch(`/strict/orders/${id}`)).status).toBe(200);
  expect((await gateway.fetch(`/strict/orders/${id}`, { headers: { "x-trace": "NO" } })).status).toBe(400);
});

test.each(["kept", "strict"])(
  "what HTTP itself answers ranges and conditions with breaks no contract: %s",
  async (name) => {
    const path = `/${name}/orders/${id}`;
    answer = () => Response.json({ items: [] }, { headers: { etag: '"a"', "accept-ranges": "bytes" } });
    const first = await gateway.fetch(path, { whole: false });
    expect([first.status, await first.json()]).toEqual([200, { items: [] }]);
    await gateway.settled();
    expect((await gateway.fetch(path, { headers: { "if-none-match": '"a"' } })).status).toBe(304);
    // What has to fit is judged whole, and so given whole.
    const part = await gateway.fetch(path, { headers: { range: "bytes=0-3" } });
    expect(part.status).toBe(name === "strict" ? 200 : 206);
    expect(calls).toBe(1);
    expect(await told("drift")).toEqual({});
  },
);

const zip = async (text: string): Promise<Uint8Array<ArrayBuffer>> => {
  const packed = new Response(text).body?.pipeThrough(new CompressionStream("gzip"));
  return new Uint8Array(await new Response(packed).arrayBuffer());
};

test.each(["watched", "kept", "strict"])("an answer that is encoded is judged as what it holds: %s", async (name) => {
  const packed = await zip('{"items":1}');
  answer = () => new Response(packed, { headers: { ...JSON_TYPE, "content-encoding": "gzip" }, encodeBody: "manual" });
  const response = await gateway.fetch(`/${name}/orders/${id}`, { whole: false });
  if (name === "strict") {
    expect(response.status).toBe(502);
    return;
  }
  await response.arrayBuffer();
  await gateway.settled();
  const counted = { ...(await told("drift")), ...(await told("validation")) };
  expect(counted).toHaveProperty([`${name} response`]);
});

test("an answer that has to fit is asked for in what is read, whatever the client takes", async () => {
  const headers = { "accept-encoding": "zstd, deflate" };
  for (const [path, coding] of [
    ["/whole/orders/1", "gzip"],
    [`/strict/orders/${id}`, "identity"],
  ] as const) {
    expect((await gateway.fetch(path, { headers })).status).toBe(200);
    expect(gateway.sent.at(-1)?.headers.get("accept-encoding")).toBe(coding);
  }
});

test("bodies of no stated length that are too long pass whole, both ways, and are skipped", async () => {
  const chunk = new TextEncoder().encode(" ".repeat(64 * 1024));
  const long = (): ReadableStream<Uint8Array> => {
    let left = 40;
    return new ReadableStream({
      pull: (controller) => (left-- > 0 ? controller.enqueue(chunk) : controller.close()),
    });
  };
  let received = 0;
  answer = () => new Response(long(), { headers: JSON_TYPE });
  vi.mocked(globalThis.fetch).mockImplementationOnce(async (input, init) => {
    const request = new Request(input as string, init as RequestInit);
    received = (await request.arrayBuffer()).byteLength;
    return answer(request);
  });
  const response = await gateway.fetch("/watched/orders", {
    method: "POST",
    body: long(),
    headers: JSON_TYPE,
    whole: false,
  });
  expect((await response.arrayBuffer()).byteLength).toBe(40 * chunk.byteLength);
  expect(received).toBe(40 * chunk.byteLength);
  await gateway.settled();
  expect(await told("validation")).toMatchObject({ "watched request": { skipped: 1 } });
});

test("an upstream that breaks off breaks off", async () => {
  answer = () =>
    new Response(
      new ReadableStream({
        start(controller) {
          controller.enqueue(new TextEncoder().encode('{"items":'));
          controller.error(new Error("gone"));
        },
      }),
      { headers: JSON_TYPE },
    );
  const watched = await gateway.fetch(`/watched/orders/${id}`, { whole: false });
  await expect(watched.text()).rejects.toThrow();
  await gateway.settled();
  expect((await gateway.fetch(`/strict/orders/${id}`)).status).toBe(502);
});

test("nobody makes up places: names of their own are one", async () => {
  for (let at = 0; at < 30; at++) {
    const query = Array.from({ length: 10 }, (_, n) => `made-up-${at}-${n}=1`).join("&");
    expect((await gateway.fetch(`/names/orders/1?${query}`)).status).toBe(400);
    const body = JSON.stringify({ items: [], [`made-up-${at}`]: { "a/b": 1 } });
    expect((await gateway.fetch("/names/orders", { method: "POST", body, headers: JSON_TYPE })).status).toBe(400);
    expect((await gateway.fetch(`/names/made-up-${at}`)).status).toBe(404);
  }
  const found = Object.keys(await told("drift"));
  expect(found).toEqual(
    expect.arrayContaining(["names getOrder request query/* unknown", "names - request path operation"]),
  );
  expect(found.join()).not.toContain("made-up");
  expect(found.length).toBeLessThanOrEqual(3);
  expect(limits.validation.isolatePlacesMax).toBeLessThan(limits.counters.seriesMax);
});

test("an operation whose schema has places without end takes none away from the others", () => {
  const counters = newCounters();
  const counts = new DriftCounts(counters);
  const at = (operation: string, pointer: string) =>
    counts.found({ route: "r", operation, side: "request", isKnown: () => true }, [
      { in: "body", pointer, keyword: "type", detail: "must be a string" },
    ]);
  for (let depth = 1; depth <= 60; depth++) at("endless", "/a".repeat(depth));
  at("other", "/sku");
  const found = [...counters.series.values()].filter(({ kind }) => kind === "drift").map(({ labels }) => labels);
  expect(found).toHaveLength(limits.validation.operationPlacesMax + 2);
  expect(found).toContainEqual(["r", "endless", "request", "*", "*"]);
  expect(found).toContainEqual(["r", "other", "request", "body/sku", "type"]);
});
