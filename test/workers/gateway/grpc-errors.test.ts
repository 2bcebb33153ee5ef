/** Errors of the gateway as callers by gRPC and gRPC-Web get them. */
import { afterEach, describe, expect, test, vi } from "vitest";
import type { RoutePlan } from "../../../shared/plan/plan.ts";
import { type Gateway, startGateway } from "./support/gateway.ts";
import { createIssuer } from "./support/issuer.ts";
import { limit, plan, route } from "./support/plans.ts";

const issuer = await createIssuer();
afterEach(() => vi.restoreAllMocks());

let unique = 0;
const CORS = {
  origins: ["https://app.example"],
  methods: ["POST"],
  allowHeaders: [],
  exposeHeaders: [],
  credentials: false,
  maxAgeMs: 0,
};

async function start(more: Partial<RoutePlan> = {}): Promise<Gateway> {
  const one = route(`calls-${unique++}`, "/shop.Orders/*", more);
  return startGateway(plan([one], { cors: CORS }), ({ url }) => issuer.answer(url) ?? undefined);
}

const call = (gateway: Gateway, contentType = "application/grpc", path = "/shop.Orders/Get", init: RequestInit = {}) =>
  gateway.fetch(path, {
    method: "POST",
    body: new Uint8Array(5),
    ...init,
    headers: { "content-type": contentType, "cf-connecting-ip": "192.0.2.1", ...init.headers },
  });

/** The fields of the frame of trailers that an answer by gRPC-Web ends with. */
function trailersOf(frame: Uint8Array): Map<string, string> {
  const view = new DataView(frame.buffer, frame.byteOffset);
  expect(view.getUint8(0)).toBe(0x80);
  expect(view.getUint32(1)).toBe(frame.length - 5);
  const lines = new TextDecoder().decode(frame.slice(5)).split("\r\n").slice(0, -1);
  return new Map(lines.map((line) => line.split(": ") as [string, string]));
}

describe("gRPC: an error has status 200, no content, and its own status in fields", () => {
  test.each<[string, number, Partial<RoutePlan>, string, Record<string, string>]>([
    ["no route", 12, {}, "/other.Service/Get", {}],
    ["no credentials", 16, { auth: { any: ["login"], scopes: [] } }, "/shop.Orders/Get", {}],
    [
      "bad credentials",
      16,
      { auth: { any: ["login"], scopes: [] } },
      "/shop.Orders/Get",
      { authorization: "Bearer x" },
    ],
    ["nobody who could hear of its end", 12, {}, "/shop.Orders/Get", {}],
    ["too much content", 8, { bodyBytesMax: 2 }, "/shop.Orders/Get", { "content-length": "5" }],
    ["an ambiguous path", 13, {}, "/shop.Orders/%2fGet", {}],
  ])("%s: %i", async (_, status, more, path, headers) => {
    const gateway = await start(more);
    const response = await call(gateway, "application/grpc+proto", path, { headers });
    expect([response.status, response.headers.get("content-type")]).toEqual([200, "application/grpc+proto"]);
    expect(response.headers.get("grpc-status")).toBe(String(status));
    expect(response.headers.get("grpc-message")).toMatch(/^[A-Z][\x20-\x24\x26-\x7e]+\.$/);
    expect(response.headers.get("cache-control")).toBe("no-store");
    expect(await response.text()).toBe("");
    expect(gateway.logs.at(-1)).toMatchObject({ status: 200, grpcStatus: status, error: expect.any(String) });
  });

  test("a limit is RESOURCE_EXHAUSTED, and says when to call again as Retry-After does", async () => {
    const gateway = await start({ rateLimits: [limit("ip", 1)] });
    await call(gateway);
    const { headers } = await call(gateway);
    expect(headers.get("grpc-status")).toBe("8");
    const retryAfter = Number(headers.get("retry-after"));
    expect(retryAfter).toBeGreaterThan(0);
    expect(headers.get("grpc-retry-pushback-ms")).toBe(String(retryAfter * 1000));
    expect(headers.get("ratelimit")).toMatch(/^"ip";r=0;t=\d+$/);
  });

  test("an error that no time is known for says nothing of it", async () => {
    const { headers } = await call(await start());
    expect(headers.has("grpc-retry-pushback-ms")).toBe(false);
  });
});

describe("gRPC-Web: the same fields, as the last frame of the content", () => {
  test.each(["application/grpc-web", "application/grpc-web+proto"])("%s", async (contentType) => {
    const gateway = await start({ rateLimits: [limit("ip", 1)] });
    const origin = { headers: { origin: "https://app.example" } };
    await call(gateway, contentType, "/shop.Orders/Get", origin);
    const response = await call(gateway, contentType, "/shop.Orders/Get", origin);
    expect([response.status, response.headers.get("content-type")]).toEqual([200, contentType]);
    expect(response.headers.get("access-control-allow-origin")).toBe("https://app.example");
    const trailers = trailersOf(new Uint8Array(await response.arrayBuffer()));
    expect([...trailers.keys()]).toEqual(["grpc-status", "grpc-message", "grpc-retry-pushback-ms"]);
    expect(trailers.get("grpc-status")).toBe("8");
    expect(response.headers.has("grpc-status")).toBe(false);
  });

  test("as text it is base64", async () => {
    const response = await call(await start(), "application/grpc-web-text+proto");
    expect(response.headers.get("content-type")).toBe("application/grpc-web-text+proto");
    const text = new TextDecoder().decode(await response.arrayBuffer());
    const frame = Uint8Array.from(atob(text), (char) => char.charCodeAt(0));
    expect(trailersOf(frame).get("grpc-status")).toBe("14");
  });
});

describe("who does not call by gRPC gets a problem with its status", () => {
  test.each([
    "application/json",
    "application/grpcish",
    "application/grpc/x",
    "application/json; a=application/grpc",
    "application/grpc+",
    "application/grpc+<b>",
    `application/grpc+${"a".repeat(200)}`,
    "text/html;application/grpc",
  ])("%s", async (contentType) => {
    const response = await call(await start(), contentType, "/nowhere");
    expect([response.status, response.headers.get("content-type")]).toEqual([404, "application/problem+json"]);
    expect(response.headers.has("grpc-status")).toBe(false);
  });

  test("a GET, whatever it says its content is: a cache could keep an error of status 200", async () => {
    const response = await call(await start(), "application/grpc", "/nowhere", { method: "GET", body: null });
    expect(response.status).toBe(404);
  });

  test.each([
    [["application/grpc, application/json"]],
    [["application/json, application/grpc"]],
    [["application/grpc-web+proto,application/grpc"]],
    [["text/plain; a=b, Application/GRPC"]],
    [["application/grpc", "application/json"]],
  ])("%j: nobody knows what it is, so nobody behind the gateway gets it", async (types) => {
    const headers = new Headers(types.map((type) => ["content-type", type] as [string, string]));
    const gateway = await start();
    const response = await gateway.fetch("/shop.Orders/Get", { method: "POST", body: "x", headers });
    expect([response.status, response.headers.get("content-type")]).toEqual([400, "application/problem+json"]);
    expect(gateway.sent).toEqual([]);
  });

  test("several types of which none is gRPC's are the upstream's affair", async () => {
    const gateway = await start();
    await call(gateway, "application/json, application/json");
    expect(gateway.sent[0]?.headers.get("content-type")).toBe("application/json, application/json");
  });
});

test("answers of services stay as they are", async () => {
  const one = route(`calls-${unique++}`, "/shop.Orders/*");
  const gateway = await startGateway(plan([one]), () => Response.json({ from: "upstream" }, { status: 503 }));
  const response = await call(gateway, "application/grpc-web");
  expect([response.status, await response.json()]).toEqual([503, { from: "upstream" }]);
});

test("what is settled by an answer's status is settled by that of the error", async () => {
  const settings = limit("tokens", 100, {
    windowMs: 3_600_000,
    counts: "cost",
    cost: { estimate: 60, header: "x-used" },
  });
  const gateway = await start({ rateLimits: [settings] });
  for (let at = 0; at < 3; at++) expect((await call(gateway)).headers.get("grpc-status")).toBe("12");
});
