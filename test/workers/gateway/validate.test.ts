import { env } from "cloudflare:workers";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { Env } from "../../../workers/gateway/env.ts";
import { keepContract, validation } from "./support/contracts.ts";
import { type Gateway, startGateway } from "./support/gateway.ts";
import { plan, route } from "./support/plans.ts";

let gateway: Gateway;
let texts: string[];
let answer: (request: Request) => Response;
const ok = (): Response => Response.json({ items: [{ sku: "a" }] }, { headers: { "x-left": "3" } });

beforeEach(async () => {
  texts = [];
  answer = ok;
  const routes = [
    route("orders", "/v1/*", { validation: validation({ unknownQuery: "refuse" }) }),
    route("watched", "/watched/*", { validation: validation({ requests: "shadow", basePath: "/watched" }) }),
    route("answers", "/answers/*", {
      validation: validation({ requests: "off", responses: "shadow", basePath: "/answers" }),
    }),
    route("whole", "/whole/*", { validation: validation({ responses: "enforce", basePath: "/whole" }) }),
    route("kept", "/kept/*", {
      validation: validation({ responses: "enforce", basePath: "/kept" }),
      cache: { ttlMs: 60_000, staleWhileRevalidateMs: 60_000 },
    }),
    route("lost", "/lost/*", { validation: validation({ contract: "none", basePath: "/lost" }) }),
    route("lost-shadow", "/lost-shadow/*", {
      validation: validation({ contract: "none", requests: "shadow", basePath: "/lost-shadow" }),
    }),
    route("lax", "/lax/*", {
      validation: validation({ unknownOperations: "pass", unknownContent: "pass", basePath: "/lax" }),
    }),
    route("plain", "/plain/*"),
    route("moved", "/shop/*", {
      validation: validation({ of: { service: "orders" } }),
      target: { kind: "forward", to: { service: "orders" }, rewrite: "/v1/orders/*" },
    }),
    route("moved-regex", "/r/*", {
      validation: validation({ of: { service: "orders" } }),
      target: { kind: "forward", to: { service: "orders" }, rewrite: { regex: "^/r/([a-z]+)", to: "/v1/$1" } },
    }),
  ];
  await keepContract(env as unknown as Env);
  gateway = await startGateway(plan(routes), async (request) => {
    texts.push(await request.text());
    return answer(request);
  });
  // What is in shadow waits for no contract: this one does.
  await gateway.fetch("/v1/orders/7");
  texts = [];
  gateway.sent.length = 0;
  gateway.logs.length = 0;
});
afterEach(() => vi.restoreAllMocks());

const JSON_TYPE = { "content-type": "application/json" };
const post = (path: string, body: unknown, headers: Record<string, string> = JSON_TYPE): Promise<Response> =>
  gateway.fetch(path, { method: "POST", body: typeof body === "string" ? body : JSON.stringify(body), headers });
const problemOf = async (response: Response): Promise<Record<string, unknown>> => {
  expect(response.headers.get("content-type")).toBe("application/problem+json");
  return (await response.json()) as Record<string, unknown>;
};
/** What the control plane was told, by labels. */
const told = (kind: string): [string, Readonly<Record<string, number>>][] =>
  gateway.control.asked
    .flatMap(({ counted }) => counted?.series ?? [])
    .flatMap((one) => (one.kind === kind ? [[one.labels.join(" "), one.counts] as [string, typeof one.counts]] : []));
const drift = (): Record<string, number> =>
  Object.fromEntries(told("drift").map(([labels, { requests = 0 }]) => [labels, requests]));
const verdicts = (of: string): unknown => told("validation").find(([labels]) => labels === of)?.[1];

describe("a request that fits", () => {
  test("goes on, byte for byte", async () => {
    const text = '{ "items" : [{ "sku": "a", "count": 1 }], "note": null }';
    expect((await post("/v1/orders", text)).status).toBe(200);
    expect(texts).toEqual([text]);
  });

  test.each([
    ["GET", "/v1/orders/7", {}],
    ["HEAD", "/v1/orders/7", {}],
    ["GET", "/v1/orders?limit=5&tags=a,b", { cookie: "tenant=3" }],
    ["DELETE", "/v1/orders/7", {}],
    ["PUT", "/v1/orders/7", {}],
  ])("%s %s", async (method, path, headers) => {
    const response = await gateway.fetch(path, { method, headers: headers as Record<string, string> });
    expect(response.status).toBe(200);
  });
});

describe("a request that does not", () => {
  test("is told all that is wrong with its parameters, and no value", async () => {
    const response = await gateway.fetch("/v1/orders?limit=101&tags=abcdef,b&more=secret&%0a=1", {
      headers: { cookie: "tenant=secret" },
    });
    expect(response.status).toBe(400);
    const problem = await problemOf(response);
    expect(problem).toMatchObject({ code: "request_invalid", title: "Bad request" });
    expect(problem.errors).toEqual([
      { in: "query", name: "limit", pointer: "", keyword: "maximum", detail: expect.any(String) },
      { in: "query", name: "tags", pointer: "/0", keyword: "maxLength", detail: expect.any(String) },
      { in: "cookie", name: "tenant", pointer: "", keyword: "type", detail: expect.any(String) },
      { in: "query", name: "more", pointer: "", keyword: "unknown", detail: expect.any(String) },
      { in: "query", name: "\n", pointer: "", keyword: "unknown", detail: expect.any(String) },
    ]);
    expect(JSON.stringify(problem)).not.toContain("secret");
    expect(texts).toEqual([]);
  });

  test("is told where in its body", async () => {
    const response = await post("/v1/orders", { items: [{ sku: "a" }, { sku: 5 }], other: "secret" });
    expect(response.status).toBe(400);
    const problem = await problemOf(response);
    expect(problem.errors).toEqual(
      expect.arrayContaining([
        { in: "body", pointer: "/items/1/sku", keyword: "type", detail: expect.stringMatching(/string/) },
        expect.objectContaining({ in: "body", keyword: "additionalProperties" }),
      ]),
    );
    expect(JSON.stringify(problem)).not.toContain("secret");
    expect(gateway.logs.find(({ kind }) => kind === "access")).toMatchObject({
      error: "request_invalid",
      reason: expect.stringContaining("createOrder: body"),
    });
  });

  test.each([
    ["GET", "/v1/nothing", 404, "operation_unknown"],
    ["GET", "/v1/orders/7/more", 404, "operation_unknown"],
    ["PATCH", "/v1/orders/7", 405, "method_not_allowed"],
    ["GET", "/v1/orders/x", 400, "request_invalid"],
    ["GET", "/v1/orders/0", 400, "request_invalid"],
    ["GET", "/v1/orders", 400, "request_invalid"],
    ["POST", "/v1/orders", 400, "request_invalid"],
  ])("%s %s is %i %s", async (method, path, status, code) => {
    const response = await gateway.fetch(path, { method });
    expect([response.status, (await problemOf(response)).code]).toEqual([status, code]);
    if (status === 405) expect(response.headers.get("allow")).toBe("GET, PUT, DELETE, HEAD");
    expect(texts).toEqual([]);
  });

  test("uses up no idempotency key and is not served from elsewhere: nothing inside sees it", async () => {
    await post("/v1/orders", { items: 1 });
    expect(gateway.sent).toEqual([]);
  });
});

describe("content types", () => {
  const good = JSON.stringify({ items: [] });
  test.each([
    ["application/json; charset=utf-8", 200],
    ["Application/JSON;charset=UTF-8", 200],
    ['application/json; charset="utf-8"', 200],
    ["application/json;", 200],
    ["application/json; charset=latin1", 415],
    ["application/json; charset=utf-16", 415],
    ["application/json; charset=utf-8; charset=latin1", 415],
    ["text/plain", 415],
    ["application/jsonp", 415],
    ["json", 415],
    ["application/json, text/plain", 415],
    ["", 415],
  ])("%s is %i", async (type, status) => {
    const response = await post("/v1/orders", good, { "content-type": type });
    expect(response.status).toBe(status);
    if (status === 415 && !type.startsWith("application/json;"))
      expect(response.headers.get("accept")).toBe("application/json");
  });

  test("that nobody looks into stream on", async () => {
    const response = await post("/v1/uploads", "\u0000\u0001 no image", { "content-type": "image/png" });
    expect([response.status, texts]).toEqual([200, ["\u0000\u0001 no image"]]);
  });

  test("that are not described pass where the route says so, unjudged", async () => {
    expect((await post("/lax/orders", "{", { "content-type": "text/plain" })).status).toBe(200);
    expect((await gateway.fetch("/lax/nothing")).status).toBe(200);
    expect((await post("/lax/orders", "{")).status).toBe(400);
  });
});

describe("in shadow", () => {
  test("requests go on as they are, and what is wrong is counted and logged", async () => {
    const body = JSON.stringify({ items: [{ sku: 5 }, { sku: 6 }], [`evil-${"x".repeat(20)}`]: 1 });
    const response = await post("/watched/orders", body);
    expect([response.status, texts]).toEqual([200, [body]]);
    await response.text();
    await gateway.settled();
    expect(gateway.logs.find(({ kind }) => kind === "access")).toMatchObject({
      status: 200,
      wouldRefuse: [{ error: "request_invalid" }],
    });
    await reported();
    const found = drift();
    expect(found).toMatchObject({ "watched createOrder request body/items/*/sku type": 1 });
    expect(Object.keys(found).join()).not.toContain("evil");
  });

  test("a body of no stated length goes on while it is read", async () => {
    const text = JSON.stringify({ items: "x" });
    const response = await gateway.fetch("/watched/orders", {
      method: "POST",
      body: new Response(text).body,
      headers: JSON_TYPE,
    });
    expect([response.status, texts]).toEqual([200, [text]]);
  });

  test("what is too large passes and is counted as skipped", async () => {
    const text = JSON.stringify({ items: [], note: "x".repeat(2 * 1024 * 1024) });
    expect((await post("/watched/orders", text)).status).toBe(200);
    expect(texts).toEqual([text]);
    await reported();
    expect(verdicts("watched request")).toEqual({ skipped: 1 });
  });

  test("without its contract a request passes", async () => {
    expect((await gateway.fetch("/lost-shadow/orders")).status).toBe(200);
    await reported();
    expect(verdicts("lost-shadow request")).toEqual({ unavailable: 1 });
  });
});

test("without its contract nothing is enforced: 503, and operators are told why", async () => {
  const response = await gateway.fetch("/lost/orders");
  expect([response.status, (await problemOf(response)).code]).toEqual([503, "contract_unavailable"]);
  expect(gateway.logs.find(({ kind }) => kind === "access")).toMatchObject({
    reason: expect.stringContaining("orders"),
  });
});

describe("a contract of the service", () => {
  test.each([
    ["/shop/7", 200, "/v1/orders/7"],
    ["/r/orders/7", 200, "/v1/orders/7"],
    ["/shop/seven", 400, "request_invalid"],
    ["/r/orders/0", 400, "request_invalid"],
    ["/shop/7/lines", 404, "operation_unknown"],
    ["/r/bills", 404, "operation_unknown"],
    // It has no paths that begin with those of the route.
    ["/r/9", 404, "operation_unknown"],
  ])("%s is judged by the path that the service is asked for: %i", async (path, status, told) => {
    const response = await gateway.fetch(path);
    expect(response.status).toBe(status);
    if (status === 200) expect(gateway.sent.map(({ url }) => new URL(url).pathname)).toEqual([told]);
    else expect((await problemOf(response)).code).toBe(told);
    if (status !== 200) expect(gateway.sent).toEqual([]);
  });
});

describe("answers", () => {
  const bad = (): Response => Response.json({ items: [{ sku: 1 }] }, { headers: { "x-left": "many" } });

  test("in shadow reach the client as they are, and drift is counted", async () => {
    answer = bad;
    const response = await gateway.fetch("/answers/orders/7", { whole: false });
    expect([response.status, await response.json()]).toEqual([200, { items: [{ sku: 1 }] }]);
    await gateway.settled();
    await reported();
    expect(drift()).toEqual({
      "answers getOrder response header/x-left type": 1,
      "answers getOrder response body/items/*/sku type": 1,
    });
  });

  test("keep their length, and a long one is not copied", async () => {
    const text = JSON.stringify({ items: [], note: "x".repeat(2 * 1024 * 1024) });
    answer = () => new Response(text, { headers: { ...JSON_TYPE, "content-length": String(text.length) } });
    const response = await gateway.fetch("/answers/orders/7", { whole: false });
    expect((await response.text()).length).toBe(text.length);
    await gateway.settled();
    await reported();
    expect(verdicts("answers response")).toEqual({ skipped: 1 });
  });

  test.each<[string, () => Response, string]>([
    ["a status", () => new Response(null, { status: 302, headers: { location: "/" } }), "status/302 responses"],
    [
      "a content type",
      () => new Response("hello", { headers: { "content-type": "text/plain" } }),
      "header/content-type content",
    ],
    ["what is no JSON", () => new Response("{", { headers: JSON_TYPE }), "body content"],
  ])("%s that is not described is drift", async (_, made, place) => {
    answer = made;
    const response = await gateway.fetch("/answers/orders/7", { whole: false, redirect: "manual" });
    await response.text();
    await gateway.settled();
    await reported();
    expect(Object.keys(drift())).toEqual([`answers getOrder response ${place}`]);
  });

  test("of the gateway itself are in no contract", async () => {
    answer = () => new Response(null, { status: 599 });
    vi.mocked(globalThis.fetch).mockRejectedValueOnce(new Error("Network connection lost."));
    const response = await gateway.fetch("/answers/orders/7");
    expect(response.status).toBe(502);
    await reported();
    expect(drift()).toEqual({});
  });

  test("that are enforced come whole or not at all", async () => {
    expect((await gateway.fetch("/whole/orders/7")).status).toBe(200);
    answer = bad;
    const response = await gateway.fetch("/whole/orders/7");
    expect([response.status, (await problemOf(response)).code]).toEqual([502, "answer_invalid"]);
    answer = () => new Response(null, { status: 404 });
    expect((await gateway.fetch("/whole/orders/7")).status).toBe(404);
  });

  test("that are enforced are asked for whole: what a part shows would be judged by nobody", async () => {
    await gateway.fetch("/whole/orders/7", { headers: { range: "bytes=0-9", "if-range": '"a"' } });
    expect([...(gateway.sent[0]?.headers.keys() ?? [])]).not.toEqual(expect.arrayContaining(["range"]));
    expect(gateway.sent[0]?.headers.get("if-range")).toBeNull();
    answer = () => new Response('{"it', { status: 206, headers: { "content-range": "bytes 0-3/9", ...JSON_TYPE } });
    expect((await problemOf(await gateway.fetch("/whole/orders/7"))).code).toBe("answer_invalid");
    expect((await gateway.fetch("/answers/orders/7", { headers: { range: "bytes=0-3" } })).status).toBe(206);
    expect(gateway.sent.at(-1)?.headers.get("range")).toBe("bytes=0-3");
  });

  test("that do not fit are kept for nobody, and no part of them gets out of the cache", async () => {
    const get = async (headers: Record<string, string> = {}) => {
      const response = await gateway.fetch("/kept/orders/7", { headers, whole: false });
      const text = await response.text();
      await gateway.settled();
      return [response.status, text.includes("sku"), gateway.sent.length];
    };
    answer = bad;
    expect(await get()).toEqual([502, false, 1]);
    expect(await get({ range: "bytes=0-20" })).toEqual([502, false, 2]);
    answer = ok;
    expect(await get()).toEqual([200, true, 3]);
    answer = bad;
    expect(await get()).toEqual([200, true, 3]);
    expect(await get({ range: "bytes=0-20" })).toEqual([200, true, 3]);
  });

  test("that were kept when they fitted go when they do not fit any more", async () => {
    const routes = (more: Parameters<typeof validation>[0]) =>
      plan([
        route("later", "/later/*", {
          validation: validation({ requests: "off", basePath: "/later", ...more }),
          cache: { ttlMs: 60_000 },
        }),
      ]);
    const start = (more: Parameters<typeof validation>[0]) => startGateway(routes(more), (request) => answer(request));
    const get = async () => {
      const response = await gateway.fetch("/later/orders/9", { whole: false });
      await response.text();
      await gateway.settled();
      return response.status;
    };
    answer = () => Response.json({ items: [{ sku: 1 }] });
    gateway = await start({ responses: "off" });
    expect([await get(), gateway.sent.length]).toEqual([200, 1]);
    gateway = await start({ responses: "enforce" });
    expect([await get(), gateway.sent.length]).toEqual([502, 0]);
    answer = ok;
    expect([await get(), gateway.sent.length]).toEqual([200, 1]);
  });

  test("of HEAD have no content to judge", async () => {
    expect((await gateway.fetch("/whole/orders/7", { method: "HEAD" })).status).toBe(200);
  });
});

/** The counts so far have been told the control plane. */
async function reported(): Promise<void> {
  vi.spyOn(Date, "now").mockReturnValue(Date.now() + 60_000);
  await gateway.fetch("/plain/x");
  await gateway.settled();
}
