import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { RoutePlan } from "../../../shared/plan/plan.ts";
import { type Gateway, startGateway } from "./support/gateway.ts";
import { createIssuer, type Issuer } from "./support/issuer.ts";
import { plan, route } from "./support/plans.ts";

const origin = (name: string) => ({ origin: `http://${name}.example` });
const variant = (name: string, weight: number) => ({ name, to: origin(name), weight });
const split = [variant("old", 1), variant("new", 1)];
const old = (name: string, path: string, more: Partial<RoutePlan>): RoutePlan =>
  route(name, path, { target: { kind: "forward", to: origin("old") }, ...more });
const LATER = Date.now() + 3_600_000;

const routes = [
  old("canary", "/canary", { traffic: [{ headers: { "x-canary": "yes" }, variants: [variant("new", 1)] }] }),
  old("drawn", "/drawn", { traffic: [{ headers: {}, variants: split }] }),
  old("sticky", "/sticky", { traffic: [{ headers: {}, variants: split, sticky: { cookie: "ab", maxAgeMs: 60_000 } }] }),
  old("user", "/user", {
    auth: { any: ["login"], scopes: [] },
    traffic: [
      { headers: {}, claims: { sub: "tester" }, variants: [variant("beta", 1)] },
      { headers: {}, variants: split, sticky: { by: "identity" } },
    ],
  }),
  old("tenants", "/tenants", {
    auth: { any: ["login"], scopes: [] },
    context: { members: { tenant: { from: ["identity", "claims", "tenant"] } }, ofRequest: false },
    traffic: [{ headers: {}, claims: { "tctx.tenant": "acme" }, variants: [variant("beta", 1)] }],
  }),
  old("cached", "/cached", {
    cache: { ttlMs: 60_000 },
    traffic: [{ headers: { "x-canary": "yes" }, variants: [variant("new", 1)] }],
  }),
  old("copied", "/copied", { mirror: [{ headers: {}, methods: ["GET", "POST"], to: origin("shadow"), percent: 100 }] }),
  old("abort", "/abort", { faults: [{ headers: {}, untilMs: LATER, abort: { percent: 100, status: 503 } }] }),
  old("slow", "/slow", { faults: [{ headers: {}, untilMs: LATER, delay: { percent: 100, delayMs: 150 } }] }),
  old("stuck", "/stuck", {
    timeoutMs: 100,
    faults: [{ headers: {}, untilMs: LATER, delay: { percent: 100, delayMs: 60_000 } }],
  }),
  old("past", "/past", { faults: [{ headers: {}, untilMs: Date.now() - 1, abort: { percent: 100, status: 503 } }] }),
  old("spared", "/spared", {
    cache: { ttlMs: 1, staleIfErrorMs: 3_600_000, override: true },
    faults: [{ headers: { "x-fail": "yes" }, untilMs: LATER, abort: { percent: 100, status: 503 } }],
  }),
];

let gateway: Gateway;
let issuer: Issuer;
let answer: (request: Request) => Response | undefined | Promise<Response | undefined>;
beforeEach(async () => {
  issuer = await createIssuer();
  answer = ({ url }) => Response.json({ host: new URL(url).hostname });
  gateway = await startGateway(plan(routes), (request) => issuer.answer(request.url) ?? answer(request));
});
afterEach(() => vi.restoreAllMocks());

const hostOf = async (path: string, headers: Record<string, string> = {}): Promise<string> =>
  ((await (await gateway.fetch(path, { headers })).json()) as { host: string }).host;
const many = <T>(count: number, make: () => Promise<T>): Promise<T[]> =>
  Promise.all(Array.from({ length: count }, make));

describe("where requests go", () => {
  test("by a rule, and as usual without one", async () => {
    expect(await hostOf("/canary", { "x-canary": "yes" })).toBe("new.example");
    expect(gateway.logs.at(-1)?.variant).toBe("new");
    expect(await hostOf("/canary")).toBe("old.example");
    expect(gateway.logs.at(-1)).not.toHaveProperty("variant");
  });

  test("by what the transaction token says of the user", async () => {
    const hostFor = async (tenant: string): Promise<string> =>
      hostOf("/tenants", { authorization: `Bearer ${await issuer.sign({ tenant })}` });
    expect(await hostFor("acme")).toBe("beta.example");
    expect(await hostFor("other")).toBe("old.example");
  });

  test("by weight", async () => {
    expect(new Set(await many(40, () => hostOf("/drawn")))).toEqual(new Set(["old.example", "new.example"]));
  });

  test("by a cookie that the client keeps", async () => {
    const first = await gateway.fetch("/sticky");
    const { host } = (await first.json()) as { host: string };
    const [cookie = ""] = first.headers.getSetCookie();
    expect(cookie).toMatch(/^ab=\d{1,4}; Path=\/; Max-Age=60; HttpOnly; SameSite=Lax$/);
    const [pair = ""] = cookie.split(";");
    expect(new Set(await many(10, () => hostOf("/sticky", { cookie: pair })))).toEqual(new Set([host]));
    expect((await gateway.fetch("/sticky", { headers: { cookie: pair } })).headers.getSetCookie()).toEqual([]);
  });

  test("by who asks", async () => {
    const as = async (sub: string) => ({ authorization: `Bearer ${await issuer.sign({ sub })}` });
    expect(await hostOf("/user", await as("tester"))).toBe("beta.example");
    const users = await Promise.all(Array.from({ length: 12 }, (_, at) => as(`user-${at}`)));
    const first = await Promise.all(users.map((headers) => hostOf("/user", headers)));
    expect(new Set(first)).toEqual(new Set(["old.example", "new.example"]));
    expect(await Promise.all(users.map((headers) => hostOf("/user", headers)))).toEqual(first);
  });

  test("is told apart by the cache", async () => {
    expect(await hostOf("/cached", { "x-canary": "yes" })).toBe("new.example");
    expect(await hostOf("/cached")).toBe("old.example");
    expect(await hostOf("/cached", { "x-canary": "yes" })).toBe("new.example");
    expect(gateway.logs.map(({ cache }) => cache)).toEqual(["miss", "miss", "hit"]);
  });
});

describe("copies", () => {
  const sentTo = (host: string): Request[] => gateway.sent.filter(({ url }) => new URL(url).hostname === host);

  test("go beside the request, and nobody gets their answers", async () => {
    answer = ({ url }) =>
      url.includes("shadow") ? new Response("broken", { status: 500 }) : Response.json({ host: "old" });
    expect((await gateway.fetch("/copied?a=1", { headers: { "x-a": "b" } })).status).toBe(200);
    const [copy] = sentTo("shadow.example");
    expect(copy?.url).toBe("http://shadow.example/copied?a=1");
    expect(copy?.headers.get("x-a")).toBe("b");
  });

  test("have the same content", async () => {
    const texts: string[] = [];
    answer = async (request) => {
      texts.push(await request.text());
      return Response.json({});
    };
    const body = "x".repeat(1000);
    await gateway.fetch("/copied", { method: "POST", body, headers: { "content-length": "1000" } });
    expect(texts).toEqual([body, body]);
  });

  test("are left out where the content is too large or of no stated length", async () => {
    const large = "x".repeat(65_537);
    await gateway.fetch("/copied", { method: "POST", body: large, headers: { "content-length": "65537" } });
    expect(sentTo("old.example")).toHaveLength(1);
    expect(sentTo("shadow.example")).toEqual([]);
  });

  test("are never made of methods that are not named", async () => {
    await gateway.fetch("/copied", { method: "DELETE" });
    expect(sentTo("shadow.example")).toEqual([]);
  });

  test("that hang hold nobody up", async () => {
    answer = ({ url }) => (url.includes("shadow") ? new Promise(() => undefined) : Response.json({ host: "old" }));
    expect((await gateway.fetch("/copied", { whole: false })).status).toBe(200);
  });
});

describe("faults", () => {
  test("answer instead of the upstream", async () => {
    const response = await gateway.fetch("/abort");
    expect(response.status).toBe(503);
    expect(await response.json()).toEqual({ type: "about:blank", title: "Injected fault", status: 503 });
    expect(gateway.sent).toEqual([]);
    expect(gateway.logs.at(-1)).toMatchObject({ status: 503, fault: "abort 503" });
  });

  test("wait before the upstream is asked", async () => {
    const beganAtMs = Date.now();
    expect((await gateway.fetch("/slow")).status).toBe(200);
    expect(Date.now() - beganAtMs).toBeGreaterThanOrEqual(140);
    expect(gateway.logs.at(-1)).toMatchObject({ fault: "delay 150" });
  });

  test("take no more than the route's time", async () => {
    const response = await gateway.fetch("/stuck");
    expect(response.status).toBe(504);
    expect(await response.json()).toMatchObject({ code: "deadline_exceeded" });
  });

  test("end by themselves", async () => {
    expect((await gateway.fetch("/past")).status).toBe(200);
  });

  test("are the upstream's to a cache, which serves what it has", async () => {
    await gateway.fetch("/spared");
    await new Promise((resolve) => setTimeout(resolve, 1100));
    const response = await gateway.fetch("/spared", { headers: { "x-fail": "yes" } });
    expect(response.status).toBe(200);
    expect(gateway.logs.at(-1)).toMatchObject({ cache: "error" });
  });
});
