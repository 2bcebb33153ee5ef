/** Requests with an idempotency key, against real objects in workerd. */
import { afterEach, describe, expect, test, vi } from "vitest";
import { grpcFrame, grpcWebTrailers } from "../../../shared/http/grpc-answer.ts";
import { counting, pay, payments, start, told } from "./support/idempotency.ts";
import { limit } from "./support/plans.ts";

afterEach(() => vi.restoreAllMocks());

const created = (count: number): Response =>
  Response.json({ id: count }, { status: 201, headers: { location: `/payments/${count}`, "x-one": "1" } });

describe("a repeat", () => {
  test("gets the answer of the first, and is told so", async () => {
    const { state, outside } = counting(created);
    const gateway = await start(payments(), outside);
    const first = await pay(gateway, { key: '"k-1"' });
    expect(first.headers.get("idempotency-replayed")).toBeNull();
    const second = await pay(gateway, { key: '"k-1"' });
    expect(second.headers.get("idempotency-replayed")).toBe("true");
    for (const answer of [first, second]) {
      expect(answer.status).toBe(201);
      expect(answer.headers.get("location")).toBe("/payments/1");
      expect(answer.headers.get("content-type")).toBe("application/json");
      expect(await answer.json()).toEqual({ id: 1 });
    }
    expect(state.count).toBe(1);
    expect((await (await pay(gateway, { key: '"k-2"' })).json()) as object).toEqual({ id: 2 });
    expect((await (await pay(gateway, {})).json()) as object).toEqual({ id: 3 });
  });

  test("in another isolate, also after the objects were evicted", async () => {
    const { outside } = counting(created);
    const gateway = await start(payments(), outside);
    await pay(gateway, { key: '"k"' });
    gateway.restart();
    expect(await (await pay(gateway, { key: '"k"' })).json()).toEqual({ id: 1 });
  });

  test("without content, and with empty content", async () => {
    const { outside } = counting((count) => new Response(count === 1 ? null : "", { status: count === 1 ? 204 : 200 }));
    const gateway = await start(payments(), outside);
    for (const [key, status] of [
      ['"none"', 204],
      ['"empty"', 200],
    ] as const) {
      await pay(gateway, { key });
      const repeat = await pay(gateway, { key });
      expect([repeat.status, repeat.headers.get("idempotency-replayed")]).toEqual([status, "true"]);
      expect(await repeat.text()).toBe("");
    }
  });

  test("of a method or a route without keys is carried out", async () => {
    const { state, outside } = counting(created);
    const gateway = await start(payments(), outside);
    for (let at = 0; at < 2; at++) await pay(gateway, { key: '"k"', method: "PUT" });
    expect(state.count).toBe(2);
  });

  test("costs a request of the limit", async () => {
    const { state, outside } = counting(created);
    const gateway = await start(payments({}, { rateLimits: [limit("identity", 2, { by: "identity" })] }), outside);
    const statuses: number[] = [];
    for (let at = 0; at < 3; at++) statuses.push((await pay(gateway, { key: '"k"' })).status);
    expect(statuses).toEqual([201, 201, 429]);
    expect(state.count).toBe(1);
  });

  test("used nothing of what the first answer says that it cost", async () => {
    const priced = (count: number) => Response.json({ id: count, used: 40 });
    const cost = { estimate: 10, body: "/used" };
    const tokens = limit("identity", 100, { by: "identity", counts: "cost", cost });
    const gateway = await start(payments({}, { rateLimits: [tokens] }), counting(priced).outside);
    const statuses: number[] = [];
    for (const key of ['"k"', '"k"', '"k"', '"k"', '"l"']) {
      const response = await pay(gateway, { key });
      await response.text();
      statuses.push(response.status);
    }
    expect(statuses).toEqual([200, 200, 200, 200, 200]);
    const [last] = [await pay(gateway, { key: '"l"' })];
    expect(/r=(\d+)/.exec(last.headers.get("ratelimit") ?? "")?.[1]).toBe("10");
  });

  test("has the document's edits of the first answer, once", async () => {
    const none = { remove: [], set: {}, add: {} };
    const edits = { request: none, response: { remove: ["x-one"], set: {}, add: { "x-two": "2" } } };
    const gateway = await start(payments({}, { transform: edits }), counting(created).outside);
    await pay(gateway, { key: '"k"' });
    const { headers } = await pay(gateway, { key: '"k"' });
    expect([headers.get("x-one"), headers.get("x-two")]).toEqual([null, "2"]);
  });
});

describe("what is another request", () => {
  test.each([
    ["another body", { body: '{"amount":2}' }],
    ["no body", { body: "" }],
    ["another path", { path: "/payments/2" }],
    ["another query", { path: "/payments/1?a=1" }],
    ["another method", { method: "PATCH" }],
    ["another content type", { headers: { "content-type": "text/plain" } }],
    ["another of the listed headers", { headers: { "x-tenant": "b" } }],
  ])("%s: 422", async (_, change) => {
    const { state, outside } = counting(created);
    const gateway = await start(payments({ fingerprintHeaders: ["x-tenant"] }), outside);
    const base = { key: '"k"', headers: { "x-tenant": "a" } };
    await pay(gateway, base);
    const headers = { ...base.headers, ...("headers" in change ? change.headers : {}) };
    const refused = await pay(gateway, { ...base, ...change, headers });
    expect(refused.headers.get("content-type")).toBe("application/problem+json");
    expect(await told(refused)).toEqual([422, "idempotency_key_reused"]);
    expect((await pay(gateway, base)).headers.get("idempotency-replayed")).toBe("true");
    expect(state.count).toBe(1);
  });

  test("one that differs while the first runs is refused at once", async () => {
    const gate = Promise.withResolvers<void>();
    const { outside } = counting(async (count) => {
      await gate.promise;
      return created(count);
    });
    const gateway = await start(payments(), outside);
    const first = pay(gateway, { key: '"k"' });
    await vi.waitFor(() => expect(gateway.sent).toHaveLength(1));
    expect(await told(await pay(gateway, { key: '"k"', body: "{}" }))).toEqual([422, "idempotency_key_reused"]);
    gate.resolve();
    expect((await first).status).toBe(201);
  });

  test("of another identity, or of another route: it has the key for itself", async () => {
    const { outside } = counting(created);
    const other = payments({}, { match: { ...payments().match, headers: { "x-route": "b" } } });
    const gateway = await start([payments(), other], outside);
    const ids: unknown[] = [];
    for (const change of [{}, { sub: "bob" }, { sub: "" }, { headers: { "x-route": "b" } }, {}, { sub: "bob" }])
      ids.push(((await (await pay(gateway, { key: '"k"', ...change })).json()) as { id: number }).id);
    expect(ids).toEqual([1, 2, 3, 4, 1, 2]);
  });
});

describe("equal requests at once", () => {
  test("50: one reaches the upstream, all get its answer", async () => {
    const gate = Promise.withResolvers<void>();
    const { state, outside } = counting(async (count) => {
      await gate.promise;
      return created(count);
    });
    const gateway = await start(payments(), outside);
    const all = Array.from({ length: 50 }, () => pay(gateway, { key: '"k"' }));
    await vi.waitFor(() => expect(gateway.sent).toHaveLength(1));
    gate.resolve();
    const answers = await Promise.all(all);
    expect(await Promise.all(answers.map((answer) => answer.text()))).toEqual(Array(50).fill('{"id":1}'));
    expect(answers.filter(({ headers }) => headers.get("idempotency-replayed") === null)).toHaveLength(1);
    expect(state.count).toBe(1);
  });

  test("when the first did nothing, the next one runs", async () => {
    const gate = Promise.withResolvers<void>();
    const { state, outside } = counting(async (count) => {
      if (count === 1) await gate.promise;
      return count === 1 ? new Response("busy", { status: 429 }) : created(count);
    });
    const gateway = await start(payments(), outside);
    const all = Array.from({ length: 10 }, () => pay(gateway, { key: '"k"' }));
    await vi.waitFor(() => expect(gateway.sent).toHaveLength(1));
    gate.resolve();
    const statuses = (await Promise.all(all)).map(({ status }) => status);
    expect(statuses.sort()).toEqual([...Array(9).fill(201), 429]);
    expect(state.count).toBe(2);
  });

  test.each([
    ["0s", 0],
    ["50ms", 50],
  ])("wait of %s: 409 with Retry-After while the first runs", async (_, waitMs) => {
    const gate = Promise.withResolvers<void>();
    const { outside } = counting(async (count) => {
      await gate.promise;
      return created(count);
    });
    const gateway = await start(payments({ waitMs, documentation: "https://shop.example/keys" }), outside);
    const first = pay(gateway, { key: '"k"' });
    await vi.waitFor(() => expect(gateway.sent).toHaveLength(1));
    const second = await pay(gateway, { key: '"k"' });
    expect(second.headers.get("retry-after")).toBe("1");
    expect(second.headers.get("link")).toBe('<https://shop.example/keys>; rel="describedby"; type="text/html"');
    expect(await second.json()).toMatchObject({
      type: "https://shop.example/keys",
      title: "A request is outstanding for this Idempotency-Key",
      status: 409,
      code: "request_outstanding",
    });
    gate.resolve();
    expect((await first).status).toBe(201);
  });
});

describe("answers", () => {
  test.each([
    [200, {}, "replayed"],
    [302, { location: "/x" }, "replayed"],
    [400, {}, "replayed"],
    [403, {}, "replayed"],
    [404, {}, "replayed"],
    [422, {}, "replayed"],
    [500, {}, "replayed"],
    [501, {}, "replayed"],
    [401, {}, "again"],
    [408, {}, "again"],
    [409, {}, "again"],
    [425, {}, "again"],
    [429, {}, "again"],
    [503, { "retry-after": "1" }, "again"],
    [502, {}, "unknown"],
    [503, {}, "unknown"],
    [504, {}, "unknown"],
    [522, {}, "unknown"],
  ])("%d %j: %s", async (status, headers, expected) => {
    const { state, outside } = counting(() => new Response("x", { status, headers }));
    const gateway = await start(payments(), outside);
    expect((await pay(gateway, { key: '"k"' })).status).toBe(status);
    const repeat = await pay(gateway, { key: '"k"' });
    if (expected === "unknown") expect(await told(repeat)).toEqual([409, "outcome_unknown"]);
    else expect(repeat.status).toBe(status);
    expect(repeat.headers.has("idempotency-replayed")).toBe(expected === "replayed");
    expect(state.count).toBe(expected === "again" ? 2 : 1);
  });

  test.each([
    ["0", "replayed"],
    ["5", "replayed"],
    ["13", "replayed"],
    ["8", "again"],
    ["10", "again"],
    ["16", "again"],
    ["14", "unknown"],
    ["14 pushback", "again"],
    ["4", "unknown"],
    ["1", "unknown"],
    ["none", "unknown"],
  ])("of calls by gRPC-Web mean what their end says: %s: %s", async (said, expected) => {
    const [code = "", pushback] = said.split(" ");
    const fields: [string, string][] = [
      ["grpc-status", code],
      ...(pushback === undefined ? [] : [["grpc-retry-pushback-ms", "10"] as [string, string]]),
    ];
    const message = grpcFrame(0, new TextEncoder().encode("a message"));
    const frames = code === "none" ? [message] : [message, grpcWebTrailers(fields)];
    const text = frames.map((frame) => btoa(String.fromCharCode(...frame))).join("");
    const forms: [string, () => Response][] = [
      ["application/grpc-web+proto", () => new Response(new Blob(frames as Uint8Array<ArrayBuffer>[]))],
      ["application/grpc-web-text+proto", () => new Response(text)],
    ];
    if (code !== "none") forms.push(["application/grpc-web", () => new Response(null, { headers: fields })]);
    for (const [type, make] of forms) {
      const { state, outside } = counting(() => {
        const { body, headers } = make();
        headers.set("content-type", type);
        return new Response(body, { headers });
      });
      const gateway = await start(payments(), outside);
      const call = async () => {
        const response = await pay(gateway, { key: '"k"', headers: { "content-type": type } });
        await response.arrayBuffer();
        return response;
      };
      expect((await call()).headers.has("grpc-status")).toBe(type === "application/grpc-web");
      const repeat = await call();
      expect([type, repeat.headers.has("idempotency-replayed")]).toEqual([type, expected === "replayed"]);
      expect([type, state.count]).toEqual([type, expected === "again" ? 2 : 1]);
    }
  });

  test("that never came, or broke off on the way: the outcome is not known", async () => {
    const { state, outside } = counting(() => undefined);
    const gateway = await start(payments(), outside);
    expect(await told(await pay(gateway, { key: '"k"' }))).toEqual([502, "upstream_unreachable"]);
    expect(await told(await pay(gateway, { key: '"k"' }))).toEqual([409, "outcome_unknown"]);
    expect(state.count).toBe(1);
  });

  test("that did not come in time", async () => {
    const { outside } = counting(() => new Promise<undefined>(() => undefined));
    const gateway = await start(payments({}, { timeoutMs: 1_000 }), outside);
    expect(await told(await pay(gateway, { key: '"k"' }))).toEqual([504, "upstream_timeout"]);
    expect(await told(await pay(gateway, { key: '"k"' }))).toEqual([409, "outcome_unknown"]);
  });

  test("onUnknown: retry carries it out again", async () => {
    const { outside } = counting((count) => (count === 1 ? undefined : created(count)));
    const gateway = await start(payments({ onUnknown: "retry" }), outside);
    expect((await pay(gateway, { key: '"k"' })).status).toBe(502);
    expect(await (await pay(gateway, { key: '"k"' })).json()).toEqual({ id: 2 });
    expect(await (await pay(gateway, { key: '"k"' })).json()).toEqual({ id: 2 });
  });

  test.each([
    ["none", [503, "breaker_open"], 2],
    ["head", [409, "outcome_unknown"], 1],
    ["body", [409, "outcome_unknown"], 1],
    [undefined, [409, "outcome_unknown"], 1],
  ])("of an agent that sent %s", async (sent, expected, count) => {
    const headers = { "selvage-error": "breaker_open", ...(sent !== undefined && { "selvage-sent": sent }) };
    const { state, outside } = counting(() => new Response("{}", { status: 503, headers }));
    const gateway = await start(payments(), outside);
    expect(await told(await pay(gateway, { key: '"k"' }))).toEqual([503, "breaker_open"]);
    expect(await told(await pay(gateway, { key: '"k"' }))).toEqual(expected);
    expect(state.count).toBe(count);
  });

  test("a secret that is missing on the way in releases the key, on the way out it does not", async () => {
    const none = { remove: [], set: {}, add: {} };
    const missing = { ...none, set: { "x-key": "${secret:ABSENT}" } };
    const { state, outside } = counting(created);
    const inward = await start(payments({}, { transform: { request: missing, response: none } }), outside);
    for (let at = 0; at < 2; at++)
      expect(await told(await pay(inward, { key: '"k"' }))).toEqual([500, "secret_missing"]);
    expect(state.count).toBe(0);
    const outward = await start(payments({}, { transform: { request: none, response: missing } }), outside);
    expect(await told(await pay(outward, { key: '"k"' }))).toEqual([500, "secret_missing"]);
    expect(await told(await pay(outward, { key: '"k"' }))).toEqual([409, "outcome_unknown"]);
    expect(state.count).toBe(1);
  });
});
