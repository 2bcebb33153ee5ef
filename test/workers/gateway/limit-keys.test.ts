/** Whom limits count by, and whose word on a client's address is believed, tried from outside. */
import { listDurableObjectIds } from "cloudflare:test";
import { env as testEnv } from "cloudflare:workers";
import { afterEach, describe, expect, test, vi } from "vitest";
import { limits } from "../../../shared/limits.ts";
import type { GatewayPlan, RoutePlan } from "../../../shared/plan/plan.ts";
import type { RateLimitSettings } from "../../../shared/policy/settings.ts";
import type { Env } from "../../../workers/gateway/env.ts";
import { type Gateway, startGateway } from "./support/gateway.ts";
import { createIssuer } from "./support/issuer.ts";
import { limit, plan, route } from "./support/plans.ts";

const env = testEnv as unknown as Env;
const issuer = await createIssuer();
// Where the evaluator was never loaded the first lease would end before it is, and the last good plan is another test's.
await import("../../../shared/auth/condition.ts");
afterEach(() => vi.restoreAllMocks());

let unique = 0;
const named = (): string => `keys-${unique++}`;
const login = { auth: { any: ["login"], scopes: [] } };

type By = RateLimitSettings["by"];
const one = (by: By, more: Partial<RateLimitSettings> = {}): RateLimitSettings => limit("calls", 1, { by, ...more });

const start = (
  routes: readonly RoutePlan[],
  more: Partial<GatewayPlan> = {},
  given: Partial<Env> = {},
): Promise<Gateway> =>
  startGateway(plan(routes, more), ({ url }) => issuer.answer(url) ?? Response.json({ ok: true }), { env: given });
const startBy = (by: By, more: Partial<RateLimitSettings> = {}, of: Partial<RoutePlan> = {}): Promise<Gateway> =>
  start([route(named(), "/r/{tenant}", { rateLimits: [one(by, more)], ...of })]);

interface Sent {
  readonly path?: string;
  readonly headers?: Record<string, string>;
  readonly claims?: Record<string, unknown>;
}

async function statusOf(gateway: Gateway, { path = "/r/a", headers = {}, claims }: Sent): Promise<number> {
  const bearer = claims && { authorization: `Bearer ${await issuer.sign({ sub: "alice", ...claims })}` };
  return (await gateway.fetch(path, { headers: { ...headers, ...bearer } })).status;
}

async function statuses(gateway: Gateway, all: readonly Sent[]): Promise<number[]> {
  const found: number[] = [];
  for (const sent of all) found.push(await statusOf(gateway, sent));
  return found;
}

const tenant = (name: string, more: Record<string, string> = {}): Sent => ({ headers: { "x-tenant": name, ...more } });
const from = (address: string): Record<string, string> => ({ "cf-connecting-ip": address });

describe.each(["exact", "leased", "local"] as const)("%s: a limit counts by", (mode) => {
  test.each<[string, By, Partial<RoutePlan>, readonly (readonly [Sent, number])[]]>([
    [
      "a header, and those without it together",
      { header: "x-tenant" },
      {},
      [
        [tenant("a"), 200],
        [tenant("a"), 429],
        [tenant("b"), 200],
        [{}, 200],
        [{}, 429],
        [tenant(""), 429],
      ],
    ],
    [
      "a parameter of the path, as it is read",
      { path: "tenant" },
      {},
      [
        [{ path: "/r/a" }, 200],
        [{ path: "/r/%61" }, 429],
        [{ path: "/r/b?x" }, 200],
        [{ path: "/r/b" }, 429],
      ],
    ],
    [
      "a parameter of the query",
      { query: "q" },
      {},
      [
        [{ path: "/r/a?q=1" }, 200],
        [{ path: "/r/a?q=%31&z" }, 429],
        [{ path: "/r/a?q=1&q=2" }, 200],
        [{ path: "/r/a?q=2&q=1" }, 429],
      ],
    ],
    [
      "a cookie",
      { cookie: "s" },
      {},
      [
        [{ headers: { cookie: "a=1; s=1" } }, 200],
        [{ headers: { cookie: "s=1" } }, 429],
        [{ headers: { cookie: "s=2" } }, 200],
      ],
    ],
    [
      "a claim",
      { claim: ["org", "id"] },
      login,
      [
        [{ claims: { org: { id: "o1" } } }, 200],
        [{ claims: { sub: "bob", org: { id: "o1" } } }, 429],
        [{ claims: { org: { id: 1 } } }, 200],
        [{ claims: { org: { id: "1" } } }, 200],
        [{ claims: { org: {} } }, 200],
        [{ claims: { org: "o1" } }, 429],
      ],
    ],
    [
      "an expression",
      { cel: 'request.headers["x-tenant"] + ":" + identity.sub' },
      {},
      [
        [tenant("a"), 200],
        [tenant("a"), 429],
        [tenant("b"), 200],
        [{}, 200],
        [{}, 429],
      ],
    ],
    [
      "everybody",
      "all",
      {},
      [
        [tenant("a"), 200],
        [{ headers: from("192.0.2.9") }, 429],
      ],
    ],
    [
      "a network",
      { ip: { v4: 24, v6: 48 } },
      {},
      [
        [{ headers: from("192.0.2.1") }, 200],
        [{ headers: from("192.0.2.200") }, 429],
        [{ headers: from("192.0.3.1") }, 200],
        [{ headers: from("2001:db8:1:1::1") }, 200],
        [{ headers: from("2001:db8:1:ffff::1") }, 429],
      ],
    ],
    [
      "all of a list together",
      ["ip", { header: "x-tenant" }],
      {},
      [
        [tenant("a", from("192.0.2.1")), 200],
        [tenant("a", from("192.0.2.2")), 200],
        [tenant("b", from("192.0.2.1")), 200],
        [tenant("a", from("192.0.2.1")), 429],
        [{ headers: from("192.0.2.1") }, 200],
        [{ headers: from("192.0.2.1") }, 429],
      ],
    ],
  ])("%s", async (_, by, of, asked) => {
    const gateway = await startBy(by, { mode }, of);
    expect(
      await statuses(
        gateway,
        asked.map(([sent]) => sent),
      ),
    ).toEqual(asked.map(([, status]) => status));
  });
});

test("consumer and plan are those of the token", async () => {
  const provider = plan([]).identity.login as GatewayPlan["identity"][string] & { kind: "jwt" };
  const of = (by: By): Promise<Gateway> =>
    start([route(named(), "/r/{tenant}", { rateLimits: [one(by)], ...login })], {
      identity: { login: { ...provider, claims: { consumer: "azp", plan: "plan" } } },
    });
  const asked = [
    { azp: "a", plan: "x" },
    { sub: "bob", azp: "a", plan: "y" },
    { azp: "b", plan: "x" },
    {},
    { sub: "bob" },
  ];
  const sent = asked.map((claims) => ({ claims }));
  expect(await statuses(await of("consumer"), sent)).toEqual([200, 429, 200, 200, 429]);
  expect(await statuses(await of("plan"), sent)).toEqual([200, 200, 429, 200, 429]);
});

test("a limit that routes share counts by what each of them has", async () => {
  const rateLimits = [one({ path: "tenant" }, { scope: "gateway", name: named() })];
  const gateway = await start([
    route(named(), "/r/{tenant}", { rateLimits }),
    route(named(), "/other/{tenant}/x", { rateLimits }),
  ]);
  const paths = ["/r/a", "/other/a/x", "/other/b/x", "/r/b"];
  expect(
    await statuses(
      gateway,
      paths.map((path) => ({ path })),
    ),
  ).toEqual([200, 429, 200, 429]);
});

describe("what a request lacks", () => {
  test("is refused where the limit wants it, and takes nothing of the other limits", async () => {
    const rateLimits = [limit("others", 2, { by: "all" }), one(["ip", { header: "x-tenant" }], { missing: "refuse" })];
    const gateway = await start([route(named(), "/r/{tenant}", { rateLimits })]);
    const address = from("192.0.2.1");
    for (let at = 0; at < 5; at++) expect(await statusOf(gateway, { headers: address })).toBe(400);
    expect(await statuses(gateway, [tenant("a", address), tenant("b", address), tenant("c", address)])).toEqual([
      200, 200, 429,
    ]);
    expect(gateway.logs).toContainEqual(
      expect.objectContaining({ error: "bad_request", reason: "limit calls: the request lacks header x-tenant" }),
    );
  });

  test("is counted of each limit that refuses it, as of one in shadow", async () => {
    const wants = (header: string, shadow: object = {}): RateLimitSettings =>
      one({ header }, { missing: "refuse", name: header, ...shadow });
    const rateLimits = [wants("x-a"), wants("x-b"), wants("x-c", { shadow: true })];
    const gateway = await start([route(named(), "/r/{tenant}", { rateLimits })]);
    const sent = [{}, { headers: { "x-a": "1" } }, { headers: { "x-a": "1", "x-b": "1" } }];
    expect(await statuses(gateway, sent)).toEqual([400, 400, 200]);
    vi.spyOn(Date, "now").mockReturnValue(Date.now() + limits.counters.reportEveryMs);
    await gateway.fetch("/nothing");
    await gateway.settled();
    expect(gateway.control.counted("limit")).toMatchObject({ passed: 2, refused: 1 + 2, wouldRefuse: 1 });
  });

  test("lies in who asks where no field could bring it", async () => {
    const gateway = await startBy({ claim: ["org"] }, { missing: "refuse" }, login);
    expect(await statuses(gateway, [{ claims: {} }, { claims: { org: ["a"] } }, { claims: { org: "a" } }])).toEqual([
      403, 403, 200,
    ]);
    const byAddress = await startBy("ip", { missing: "refuse" });
    expect(await statuses(byAddress, [{}, { headers: from("x") }, { headers: from("192.0.2.1") }])).toEqual([
      403, 403, 200,
    ]);
  });

  test("is noted of a limit in shadow, and refused by none", async () => {
    const name = named();
    const shadowed = one({ header: "x-tenant" }, { missing: "refuse", shadow: true });
    const gateway = await start([route(name, "/r/{tenant}", { rateLimits: [shadowed] })]);
    expect(await statuses(gateway, [{}, tenant("a"), {}])).toEqual([200, 200, 200]);
    await gateway.settled();
    const noted = gateway.logs.filter(({ kind }) => kind === "access").map(({ wouldRefuse }) => wouldRefuse);
    expect(noted).toEqual([
      [{ policy: "limit", error: "bad_request", limit: "calls" }],
      undefined,
      [{ policy: "limit", error: "bad_request", limit: "calls" }],
    ]);
  });

  test("is told nobody but the log", async () => {
    const gateway = await startBy({ cel: "identity.claims.secret_name" }, { missing: "refuse" });
    const refused = await gateway.fetch("/r/a");
    expect([refused.status, await refused.text()]).toEqual([403, expect.not.stringContaining("secret_name")]);
  });
});

test("values move no border between parts, and long ones are hashed and stay apart", async () => {
  const gateway = await startBy([{ header: "x-a" }, { header: "x-tenant" }]);
  const pair = (a: string, b: string): Sent => ({ headers: { "x-a": a, "x-tenant": b } });
  const long = "x".repeat(6000);
  const different = [
    ...[pair("a", "bc"), pair("ab", "c"), pair("abc", ""), pair("", "abc"), pair('a"],["header x-tenant","b', "c")],
    ...[pair('a","b', "c"), pair("a\\", "bc"), pair(`${long}a`, "b"), pair(long, "ab"), pair(`${long}b`, "b")],
  ];
  expect(await statuses(gateway, different)).toEqual(different.map(() => 200));
  expect(await statuses(gateway, different)).toEqual(different.map(() => 429));
});

test("each key is one object, whatever is sent, and nothing is a 500", async () => {
  const before = (await listDurableObjectIds(env.LIMITER)).length;
  const parts = [
    ...[{ header: "x-tenant" }, { query: "q" }, { cookie: "c" }, { path: "tenant" }],
    ...[{ cel: "request.headers['x-tenant'] + identity.claims.a.b" }, { cel: "size(request.headers['x-tenant'])" }],
  ];
  const gateway = await startBy(parts);
  const values = ["%00", '"'.repeat(300), "=".repeat(500), "x, y", "\\u0000", "__proto__", "constructor", "a\tb"];
  for (const value of values) {
    const headers = { "x-tenant": value, cookie: `c=${value}; c="` };
    for (const path of [
      "/r/__proto__?q=%ff",
      "/r/a?q=%2526&Q=1",
      `/r/${"a".repeat(900)}?q=${"%41".repeat(300)}`,
      "/r/%F0%9F%92%A9?&&=&q",
    ])
      expect([value, path, [200, 429].includes(await statusOf(gateway, { path, headers }))]).toEqual([
        value,
        path,
        true,
      ]);
  }
  expect((await listDurableObjectIds(env.LIMITER)).length - before).toBeLessThanOrEqual(values.length * 4);
});

describe("behind proxies", () => {
  const trusted = (header = "x-forwarded-for") => ({
    clientIp: { trustedProxies: ["10.0.0.0/8", "fd00::/8"], header },
  });
  const socket = { CLIENT_IP: "socket" as const };
  const startBehind = (
    settings: Partial<GatewayPlan>,
    rateLimits: readonly RateLimitSettings[] = [],
    given: Partial<Env> = socket,
  ) => start([route(named(), "/*", { rateLimits })], settings, given);
  const asked = (peer: string, headers: Record<string, string> | [string, string][]): RequestInit =>
    ({ headers, cf: { clientIp: peer } }) as unknown as RequestInit;

  test.each<[string, string, string, string | [string, string][], string | undefined]>([
    ["nobody trusted: who connects", "192.0.2.9:1", "x-forwarded-for", "203.0.113.9", "192.0.2.9"],
    ["a trusted proxy names the client", "10.0.0.1:1", "x-forwarded-for", "203.0.113.9", "203.0.113.9"],
    [
      "what the client wrote itself stands left",
      "10.0.0.1:1",
      "x-forwarded-for",
      "192.0.2.66, 203.0.113.9, 10.0.0.2",
      "203.0.113.9",
    ],
    [
      "several lines are one list",
      "10.0.0.1:1",
      "x-forwarded-for",
      [
        ["x-forwarded-for", "192.0.2.66"],
        ["x-forwarded-for", "203.0.113.9"],
      ],
      "203.0.113.9",
    ],
    ["Forwarded", "[fd00::1]:1", "forwarded", 'for=192.0.2.66, for="[2001:db8::9]:443";host="a,for=b"', "2001:db8::9"],
    ["a mapped address", "[::ffff:10.0.0.1]:1", "x-forwarded-for", "::ffff:203.0.113.9", "203.0.113.9"],
    ["a field of one address", "10.0.0.1:1", "fly-client-ip", "203.0.113.9", "203.0.113.9"],
    ["garbage names nobody", "10.0.0.1:1", "x-forwarded-for", "203.0.113.9, evil", undefined],
    ["an obfuscated identifier names nobody", "10.0.0.1:1", "forwarded", "for=_hidden", undefined],
    ["a zone names nobody", "10.0.0.1:1", "x-forwarded-for", "fe80::1%eth0", undefined],
    ["a long chain", "10.0.0.1:1", "x-forwarded-for", `${"192.0.2.66, ".repeat(400)}203.0.113.9`, "203.0.113.9"],
  ])("%s", async (_, peer, header, value, address) => {
    const gateway = await startBehind(trusted(header));
    const headers = typeof value === "string" ? { [header]: value } : value;
    expect((await gateway.fetch("/r/a", asked(peer, headers))).status).toBe(200);
    const { headers: inside } = gateway.sent[0] as Request;
    const node = address === undefined ? "unknown" : address.includes(":") ? `"[${address}]"` : address;
    expect(inside.get("x-forwarded-for")).toBe(address ?? null);
    expect(inside.get("forwarded")).toBe(`for=${node};host="api.shop.example";proto=http`);
    if (header === "fly-client-ip") expect(inside.has(header)).toBe(false);
    expect(gateway.logs.find(({ kind }) => kind === "access")?.clientIp).toBe(address);
  });

  test("limits count the clients, however they vary what they may write", async () => {
    const gateway = await startBehind(trusted(), [one("ip")]);
    const status = async (peer: string, forwarded: string): Promise<number> =>
      (await gateway.fetch("/r/a", asked(peer, { "x-forwarded-for": forwarded }))).status;
    expect(await status("10.0.0.1:1", "203.0.113.9")).toBe(200);
    for (let at = 0; at < 5; at++) expect(await status("10.0.0.1:1", `192.0.2.${at}, 203.0.113.9`)).toBe(429);
    expect(await status("10.0.0.2:1", "203.0.113.9, 10.0.0.1")).toBe(429);
    expect(await status("10.0.0.1:1", "203.0.113.10")).toBe(200);
    expect(await status("192.0.2.200:1", "203.0.113.11")).toBe(200);
    for (let at = 0; at < 5; at++) expect(await status("192.0.2.200:1", `203.0.113.${20 + at}`)).toBe(429);
    expect(await status("10.0.0.1:1", "garbage")).toBe(200);
    for (let at = 0; at < 3; at++) expect(await status("10.0.0.1:1", `garbage-${at}`)).toBe(429);
  });

  test("the platform's word is where it begins", async () => {
    const gateway = await startBehind(trusted(), [], { CLIENT_IP: "cf-connecting-ip" });
    for (const [platform, expected] of [
      ["10.0.0.1", "203.0.113.9"],
      ["192.0.2.1", "192.0.2.1"],
    ] as const) {
      await gateway.fetch("/r/a", { headers: { ...from(platform), "x-forwarded-for": "203.0.113.9" } });
      expect(gateway.sent.at(-1)?.headers.get("x-forwarded-for")).toBe(expected);
    }
  });

  test("a new document is believed from its lease on, and refusals before the plan log who connects", async () => {
    const gateway = await startBehind({});
    const clientOf = async (path = "/r/a"): Promise<unknown> => {
      await gateway.fetch(path, asked("10.0.0.1:1", { "x-forwarded-for": "203.0.113.9" }));
      return gateway.logs.findLast(({ kind }) => kind === "access")?.clientIp;
    };
    expect(await clientOf()).toBe("10.0.0.1");
    gateway.control.plan = { ...(gateway.control.plan as GatewayPlan), ...trusted() };
    gateway.control.version++;
    vi.spyOn(Date, "now").mockReturnValue(Date.now() + 2 * limits.gateway.planLeaseMs);
    expect(await clientOf()).toBe("203.0.113.9");
    expect(await clientOf("/unknown%2f..")).toBe("203.0.113.9");
    const oversize = { "x-large": "x".repeat(limits.http.headBytesMax), "x-forwarded-for": "203.0.113.9" };
    await gateway.fetch("/r/a", asked("10.0.0.1:1", oversize));
    expect(gateway.logs.at(-1)).toMatchObject({ clientIp: "10.0.0.1", status: 431 });
  });
});
