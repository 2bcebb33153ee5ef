/** External decision points: when one is asked, what, and what becomes of its answer or of none. */
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { DecisionPoint, DecisionSettings } from "../../../shared/auth/decision.ts";
import { limits } from "../../../shared/limits.ts";
import { type Gateway, startGateway } from "./support/gateway.ts";
import { createIssuer, type Issuer } from "./support/issuer.ts";
import { limit, plan, route } from "./support/plans.ts";

const URL = "https://pdp.example/access/v1/evaluation";
const begin = Date.now();
const times = { iat: Math.floor(begin / 1000), exp: Math.floor(begin / 1000) + 3_600 };

let issuer: Issuer;
let gateway: Gateway;
let token: string;
let asked: { question: Record<string, Record<string, unknown>>; text: string; headers: Headers }[];
let reply: () => Response | undefined | Promise<Response | undefined>;

const point = (more: Partial<DecisionPoint> = {}): DecisionPoint => ({
  kind: "authzen",
  url: URL,
  headers: { authorization: "Bearer ${secret:PDP}" },
  claims: ["tier"],
  timeoutMs: 5_000,
  rememberMs: 10_000,
  onFailure: "closed",
  ...more,
});

async function start(
  more: Partial<DecisionPoint> = {},
  decision: DecisionSettings = { by: "pdp" },
  auth: object = {},
): Promise<void> {
  const settings = { any: ["login"], scopes: ["orders:read"], ...auth, decision };
  gateway = await startGateway(
    plan([route("orders", "/orders/{id}", { auth: settings }), route("open", "/open", {})], {
      decisions: { pdp: point(more) },
    }),
    async (request) => {
      if (request.url !== URL) return issuer.answer(request.url) ?? Response.json({ ok: true });
      const text = await request.text();
      asked.push({ question: JSON.parse(text), text, headers: request.headers });
      return reply();
    },
    { env: { SECRET_PDP: "s3cret" } },
  );
}

const permit = () => Response.json({ decision: true });
const forbid = () =>
  Response.json({ decision: false, context: { reason_admin: { en: "policy 7" }, reason_user: { en: "no" } } });

beforeEach(async () => {
  issuer = await createIssuer();
  token = await issuer.sign({ tier: "gold", dept: "x", ...times });
  asked = [];
  reply = permit;
});
afterEach(() => vi.restoreAllMocks());

const get = (path = "/orders/1", init: RequestInit = {}): Promise<Response> =>
  gateway.fetch(path, { ...init, headers: { authorization: `Bearer ${token}`, ...init.headers } });
const status = async (path?: string, init?: RequestInit): Promise<number> => (await get(path, init)).status;
const at = (ms: number): void => void vi.spyOn(Date, "now").mockReturnValue(begin + ms);
const lastEntry = (): unknown => gateway.logs.filter(({ kind }) => kind === "access").at(-1);
const upstreamCalls = (): number => gateway.sent.filter(({ url }) => url !== URL).length;

describe("the question", () => {
  test("says by itself who, by which method, on which route", async () => {
    await start();
    expect(await status("/orders/a%20b?x=1")).toBe(200);
    expect(asked[0]?.question).toEqual({
      subject: {
        type: "user",
        id: "alice",
        properties: { issuer: issuer.url, scopes: ["orders:read"], groups: [], tier: "gold" },
      },
      action: { name: "GET" },
      resource: { type: "route", id: "orders", properties: { path: "/orders/a%20b", params: { id: "a b" } } },
    });
    const { headers } = asked[0] as { headers: Headers };
    expect(headers.get("authorization")).toBe("Bearer s3cret");
    expect(headers.get("content-type")).toBe("application/json");
    expect(headers.get("x-request-id")).toMatch(/^[0-9a-f]{32}-[0-9a-f]{16}$/);
    expect(headers.get("x-request-id")?.slice(0, 32)).toBe((lastEntry() as { traceId: string }).traceId);
  });

  test("is filled in by the document: values as they are, texts among texts, and what is not there left out", async () => {
    await start(
      {},
      {
        by: "pdp",
        subject: { type: ["member"], id: [["identity", "issuer"], "#", ["identity", "sub"]] },
        action: { name: [["request", "method"]], properties: { safe: true, level: 2 } },
        resource: {
          type: ["order"],
          id: [["path", "id"]],
          properties: {
            scopes: [["identity", "scopes"]],
            version: [["query", "v"]],
            none: [["query", "none"]],
            proto: [["identity", "claims", "constructor"]],
          },
        },
        context: { tenant: [["request", "headers", "x-tenant"]], auth: [["request", "headers", "authorization"]] },
      },
    );
    expect(await status('/orders/%22%7D?v=2"', { headers: { "x-tenant": 'a","id":"b' } })).toBe(200);
    expect(asked[0]?.question).toEqual({
      subject: { type: "member", id: `${issuer.url}#alice`, properties: expect.anything() },
      action: { name: "GET", properties: { safe: true, level: 2 } },
      resource: { type: "order", id: '"}', properties: { scopes: ["orders:read"], version: '2"' } },
      context: { tenant: 'a","id":"b' },
    });
  });

  const byQuery: DecisionSettings = { by: "pdp", resource: { type: ["order"], id: [["query", "id"]] } };
  test.each([
    ["is missing", "/orders/1"],
    ["is empty", "/orders/1?id="],
    ["stands there twice", "/orders/1?id=1&id=2"],
    ["stands there twice, once escaped", "/orders/1?id=1&%69d=2"],
    ["is malformed", "/orders/1?id=%ff"],
    ["stands beside something malformed", "/orders/1?id=1&x=%"],
  ])("is not put when what it is about %s: 403, whatever `onFailure` says", async (_, path) => {
    await start({ onFailure: "open" }, byQuery);
    expect(await status(path)).toBe(403);
    expect(asked).toEqual([]);
  });

  test("is not put when it is too long: 403", async () => {
    await start(
      { onFailure: "open" },
      { by: "pdp", context: { all: Array(9).fill(["request", "headers", "x-long"]) } },
    );
    expect(await status("/orders/1", { headers: { "x-long": "x".repeat(10_000) } })).toBe(403);
    expect(asked).toEqual([]);
  });

  test("is put last: not to those whom scopes, conditions or limits refuse, and never without an identity", async () => {
    await start({}, { by: "pdp" }, { scopes: ["other"] });
    expect(await status()).toBe(403);
    expect((await gateway.fetch("/orders/1")).status).toBe(401);
    await start({}, { by: "pdp" }, { when: "identity.claims.tier == 'silver'" });
    expect(await status()).toBe(403);
    expect(await status("/open")).toBe(200);
    expect(asked).toEqual([]);
    const auth = { any: ["login"], scopes: [], decision: { by: "pdp" } };
    gateway.control.plan = plan([route("orders", "/orders/{id}", { auth, rateLimits: [limit("few", 1)] })], {
      decisions: { pdp: point() },
    });
    gateway.restart();
    const ip = { headers: { "cf-connecting-ip": "192.0.2.77" } };
    expect([await status("/orders/1", ip), await status("/orders/2", ip)]).toEqual([200, 429]);
    expect(asked).toHaveLength(1);
  });
});

describe("the answer", () => {
  test("false is 403, and its reason is for operators", async () => {
    await start();
    reply = forbid;
    const response = await get();
    expect(response.status).toBe(403);
    expect(await response.json()).toMatchObject({ code: "not_permitted" });
    expect(lastEntry()).toMatchObject({ error: "not_permitted", reason: "pdp does not permit it: policy 7" });
    expect(upstreamCalls()).toBe(0);
  });

  const json = { "content-type": "application/json" };
  const text =
    (body: BodyInit, init: ResponseInit = { headers: json }) =>
    () =>
      new Response(body, init);
  test.each<[string, () => Response]>([
    ["nothing", text("")],
    ["a text", text('{"decision":"true"}')],
    ["a number", text('{"decision":1}')],
    ["null", text('{"decision":null}')],
    ["no decision", text('{"context":{}}')],
    ["two decisions", text('{"decision":false,"decision":true}')],
    ["a list", text('[{"decision":true}]')],
    ["a bare true", text("true")],
    ["cut off", text('{"decision":true')],
    ["HTML", text('{"decision":true}', { headers: { "content-type": "text/html" } })],
    ["too long", text(`{"decision":true,"x":"${"x".repeat(limits.decision.answerBytesMax)}"}`)],
    ["no 200", text('{"decision":true}', { status: 202, headers: json })],
    ["a redirect", text("", { status: 307, headers: { location: "https://evil.example/" } })],
    ["that we are unknown", text('{"decision":true}', { status: 401, headers: json })],
    ["that the question is none", text('{"decision":true}', { status: 400, headers: json })],
  ])("that is none, %s: 503, also where `onFailure` is open", async (_, answer) => {
    await start({ onFailure: "open" });
    reply = answer;
    const response = await get();
    expect(response.status).toBe(503);
    expect(await response.json()).toMatchObject({ code: "decision_unavailable" });
    expect(upstreamCalls()).toBe(0);
  });

  test("is remembered for its time, for exactly that question", async () => {
    await start();
    at(0);
    expect([await status(), await status()]).toEqual([200, 200]);
    expect(asked).toHaveLength(1);
    expect([await status("/orders/2"), await status("/orders/1", { method: "DELETE" })]).toEqual([200, 200]);
    token = await issuer.sign({ sub: "bob", ...times });
    expect(await status()).toBe(200);
    expect(asked).toHaveLength(4);
    reply = forbid;
    at(9_000);
    expect(await status()).toBe(200);
    at(11_000);
    expect(await status()).toBe(403);
    reply = permit;
    at(20_000);
    expect(await status()).toBe(403);
    at(22_000);
    expect(await status()).toBe(200);
  });

  test("is shared by those who ask the same at once", async () => {
    await start({ rememberMs: 0 });
    reply = () => new Promise((done) => setTimeout(() => done(permit()), 50));
    expect(await Promise.all(Array.from({ length: 20 }, () => status()))).toEqual(Array(20).fill(200));
    expect(asked).toHaveLength(1);
    expect(await status()).toBe(200);
    expect(asked).toHaveLength(2);
  });
});

describe("a decision point that is away", () => {
  const away: [string, () => Response | undefined | Promise<undefined>][] = [
    ["unreachable", () => undefined],
    ["silent", () => new Promise(() => undefined)],
    ["out of order", () => new Response(null, { status: 500 })],
    ["overloaded", () => new Response(null, { status: 429 })],
  ];
  test.each(away)("%s: 503, never 403", async (_, answer) => {
    await start({ timeoutMs: 100 });
    reply = answer;
    const response = await get();
    expect(response.status).toBe(503);
    expect(await response.json()).toMatchObject({ code: "decision_unavailable", detail: expect.any(String) });
    expect(upstreamCalls()).toBe(0);
  });

  test.each(away)("%s: lets pass where the document says so, and says so in the log", async (_, answer) => {
    await start({ onFailure: "open", timeoutMs: 100 });
    reply = answer;
    expect(await status()).toBe(200);
    expect(gateway.logs.some(({ kind, answered }) => kind === "decision" && answered === "open")).toBe(true);
  });

  test("does not let pass whom it has just refused, where the document says open", async () => {
    await start({ onFailure: "open" });
    reply = forbid;
    expect(await status()).toBe(403);
    reply = () => undefined;
    expect(await status()).toBe(403);
  });

  test("that a client keeps busy lets nobody pass, where the document says open", async () => {
    await start({ onFailure: "open" });
    reply = () => undefined;
    const statuses: number[] = [];
    const { unknownBurstAndAddress } = limits.decision;
    at(0);
    for (let n = 0; n < unknownBurstAndAddress + 3; n++) statuses.push(await status(`/orders/${n}`));
    expect(statuses.slice(-3)).toEqual([503, 503, 503]);
    expect(asked).toHaveLength(unknownBurstAndAddress);
  });
});

test("a missing secret is 500, and a decision point that the plan does not have 503", async () => {
  await start({ headers: { authorization: "${secret:NONE}" } });
  expect(await status()).toBe(500);
  await start({ onFailure: "open" }, { by: "other" });
  expect(await status()).toBe(503);
  expect(asked).toEqual([]);
});
