/** Routes with a cache, through the whole gateway: what is answered from it, to whom, and what goes to the upstream. */
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { RouteCache } from "../../../shared/cache/route-cache.ts";
import { limits } from "../../../shared/limits.ts";
import type { RoutePlan } from "../../../shared/plan/plan.ts";
import { env } from "./support/cache.ts";
import { type Gateway, startGateway } from "./support/gateway.ts";
import { createIssuer, type Issuer } from "./support/issuer.ts";
import { limit, plan, route } from "./support/plans.ts";

const target = { kind: "forward", to: { origin: "http://origin.example" } } as const;
const auth = { any: ["login"], scopes: [] };
const cached = (name: string, cache: RouteCache, more: Partial<RoutePlan> = {}): RoutePlan =>
  route(name, `/${name}/*`, { target, cache, ...more });

const routes = [
  cached("plain", {}),
  cached("ttl", { ttlMs: 60_000, tags: ["ttl"] }),
  cached("own", { ttlMs: 60_000 }, { auth }),
  cached("shared", { ttlMs: 60_000, shared: true }, { auth }),
  cached("maybe", { ttlMs: 60_000, shared: true }, { auth: { ...auth, optional: true } }),
  cached("query", { ttlMs: 60_000, methods: ["GET", "QUERY"] }),
  cached("keyed", {
    ttlMs: 60_000,
    keyFields: ["x-canary"],
    query: { ignore: ["utm"], sort: true },
    ignoreCookies: true,
  }),
  cached("split", { ttlMs: 60_000 }, { match: { ...route("split", "/split/*").match, methods: ["GET"] } }),
  route("writes", "/split/*", { target }),
  cached("small", { ttlMs: 60_000, bodyBytesMax: 4 }),
  cached("limited", { ttlMs: 60_000 }, { rateLimits: [limit("few", 2)] }),
  cached(
    "edited",
    { ttlMs: 60_000 },
    {
      transform: {
        request: { remove: [], set: {}, add: {} },
        response: { remove: ["x-gone"], set: { "x-set": "1" }, add: {} },
      },
    },
  ),
];

let gateway: Gateway;
let issuer: Issuer;
let count = 0;
/** What the origin answers with its count of requests. */
let answer: (count: number, request: Request) => Response | undefined = () => undefined;
/** Stores outlive a test: each has paths of its own. */
let path = 0;

beforeEach(async () => {
  issuer = await createIssuer();
  count = 0;
  path++;
  answer = (at) => new Response(`answer ${at}`);
  gateway = await startGateway(plan(routes), (request) => issuer.answer(request.url) ?? answer(++count, request));
});
afterEach(() => vi.restoreAllMocks());

interface Got {
  readonly status: number;
  readonly text: string;
  readonly headers: Headers;
  /** `Cache-Status` without what depends on the time. */
  readonly cache: string | undefined;
}

async function ask(name: string, init: RequestInit & { query?: string; at?: number } = {}): Promise<Got> {
  const { query = "", at = path, ...more } = init;
  const response = await gateway.fetch(`/${name}/${at}${query}`, { ...more, whole: false });
  const text = await response.text();
  await gateway.settled();
  const { status, headers } = response;
  return { status, text, headers, cache: headers.get("cache-status")?.replace(/;ttl=-?\d+/, "") };
}

async function as(sub: string, more: Record<string, unknown> = {}): Promise<RequestInit> {
  return { headers: { authorization: `Bearer ${await issuer.sign({ sub, ...more })}` } };
}

describe("what is kept", () => {
  test("is given again, with its age, and the log says so", async () => {
    expect((await ask("ttl")).cache).toBe("selvage;fwd=uri-miss;fwd-status=200;stored");
    const hit = await ask("ttl");
    expect([hit.text, hit.cache, hit.headers.get("age")]).toEqual(["answer 1", "selvage;hit", "0"]);
    const uses = gateway.logs.filter(({ kind }) => kind === "access").map(({ cache }) => cache);
    expect(uses).toEqual(["miss", "hit"]);
  });

  test("is counted, and what came out of it", async () => {
    for (let at = 0; at < 3; at++) await ask("ttl");
    await ask("ttl", { method: "HEAD" });
    const later = Date.now() + limits.counters.reportEveryMs;
    vi.spyOn(Date, "now").mockImplementation(() => later);
    await ask("plain");
    // That one came after the report.
    expect(gateway.control.counted("cache")).toEqual({ miss: 1, hit: 3, bytes: 2 * "answer 1".length });
  });

  test("nothing without a lifetime, and it is said why", async () => {
    expect((await ask("plain")).cache).toBe("selvage;fwd=uri-miss;fwd-status=200;detail=no-lifetime");
    expect((await ask("plain")).text).toBe("answer 2");
  });

  test.each([
    ["no-store", "no-store"],
    ["private, max-age=60", "private"],
  ])("nothing that says %s", async (control, detail) => {
    answer = (at) => new Response(`answer ${at}`, { headers: { "cache-control": control } });
    expect((await ask("ttl")).cache).toContain(`detail=${detail}`);
    expect((await ask("ttl")).text).toBe("answer 2");
  });

  test("no more than the route keeps of one answer", async () => {
    for (const body of ["12345", "1234"]) {
      answer = (at) => new Response(body, { headers: { "x-count": String(at) } });
      await ask("small", { query: `?${body}` });
    }
    expect((await ask("small", { query: "?12345" })).headers.get("x-count")).toBe("3");
    expect((await ask("small", { query: "?1234" })).headers.get("x-count")).toBe("2");
  });

  test("an answer without content", async () => {
    answer = () => new Response(null, { status: 204 });
    await ask("ttl");
    expect(await ask("ttl")).toMatchObject({ status: 204, text: "", cache: "selvage;hit" });
  });

  test("a HEAD and a part come from the answer to a GET", async () => {
    await ask("ttl");
    const head = await ask("ttl", { method: "HEAD" });
    expect([head.text, head.cache]).toEqual(["", "selvage;hit"]);
    const part = await ask("ttl", { headers: { range: "bytes=0-5" } });
    expect([part.status, part.text, part.headers.get("content-range")]).toEqual([206, "answer", "bytes 0-5/8"]);
    expect(count).toBe(1);
  });

  test("a client that has it gets 304", async () => {
    answer = () => new Response("x", { headers: { etag: '"v1"' } });
    await ask("ttl");
    expect(await ask("ttl", { headers: { "if-none-match": '"v1"' } })).toMatchObject({ status: 304, text: "" });
    expect(count).toBe(1);
  });
});

describe("who gets it", () => {
  test("each identity its own", async () => {
    expect((await ask("own", await as("ann"))).text).toBe("answer 1");
    expect((await ask("own", await as("bob"))).text).toBe("answer 2");
    expect((await ask("own", await as("ann"))).text).toBe("answer 1");
    expect((await ask("own", await as("ann", { scope: "admin" }))).text).toBe("answer 3");
    expect((await ask("own")).status).toBe(401);
  });

  test.each(["own", "shared", "maybe"])("`public` shares it where the route shares, too: %s", async (name) => {
    answer = (at) => new Response(`answer ${at}`, { headers: { "cache-control": "public, max-age=60" } });
    await ask(name, await as("ann"));
    const shared = name === "own" ? "answer 2" : "answer 1";
    expect((await ask(name, await as("bob"))).text).toBe(shared);
    if (name === "maybe") expect((await ask(name)).text).toBe("answer 1");
  });

  test.each(["shared", "maybe"])("what does not say that it is for all stays apart: %s", async (name) => {
    answer = (at) => new Response(`answer ${at}`, { headers: { "cache-control": "max-age=60" } });
    await ask(name, await as("ann"));
    expect((await ask(name, await as("bob"))).text).toBe("answer 2");
    expect((await ask(name, await as("ann"))).text).toBe("answer 1");
    if (name === "maybe") expect((await ask(name)).text).toBe("answer 3");
  });

  test.each(["own", "shared"])("what is in memory asks no object: %s", async (name) => {
    let asked = 0;
    const CACHE = new Proxy(env.CACHE, {
      get: (objects, key) => {
        asked++;
        return Reflect.get(objects, key).bind(objects);
      },
    });
    const outside = (request: Request) => issuer.answer(request.url) ?? answer(++count, request);
    gateway = await startGateway(plan(routes), outside, { env: { CACHE } });
    for (const control of ["public, max-age=60", "max-age=60"]) {
      answer = (at) => new Response(`answer ${at}`, { headers: { "cache-control": control } });
      await ask(name, { ...(await as("ann")), query: `?${control.length}` });
      const before = asked;
      expect((await ask(name, { ...(await as("ann")), query: `?${control.length}` })).cache).toBe("selvage;hit");
      expect(asked).toBe(before);
    }
  });

  test("identities do not queue up behind one another's own answers", async () => {
    let running = 0;
    let together = 0;
    const slow = async (): Promise<Response> => {
      together = Math.max(together, ++running);
      await new Promise((resolve) => setTimeout(resolve, 30));
      running--;
      return new Response("own");
    };
    gateway = await startGateway(plan(routes), (request) => issuer.answer(request.url) ?? slow());
    await ask("shared", { ...(await as("first")), at: path * 1000 });
    const users = await Promise.all(Array.from({ length: 8 }, (_, at) => as(`user ${at}`)));
    const got = await Promise.all(users.map((user) => ask("shared", user)));
    expect(got.map(({ status }) => status)).toEqual(users.map(() => 200));
    expect(together).toBeGreaterThan(2);
  });

  test("limits count hits, too", async () => {
    expect([(await ask("limited")).status, (await ask("limited")).status, (await ask("limited")).status]).toEqual([
      200, 200, 429,
    ]);
  });

  test("the route's edits are made to it each time", async () => {
    answer = () => new Response("x", { headers: { "x-gone": "1" } });
    for (let at = 0; at < 2; at++) {
      const { headers } = await ask("edited");
      expect([headers.get("x-set"), headers.get("x-gone")]).toEqual(["1", null]);
    }
  });
});

describe("the key", () => {
  test("has what the route says, in one form, and nothing else reaches the upstream", async () => {
    await ask("keyed", {
      query: "?b=1&utm=x&a=2",
      headers: { "x-original-url": "/admin", "x-url-scheme": "gopher", cookie: "a=1" },
    });
    const [sent] = gateway.sent;
    expect(sent?.url).toBe(`http://origin.example/keyed/${path}?a=2&b=1`);
    expect([...(sent?.headers.keys() ?? [])].filter((name) => /^x-(original|url)|cookie/.test(name))).toEqual([]);
    expect((await ask("keyed", { query: "?a=2&b=1&utm=y", headers: { cookie: "b=2" } })).text).toBe("answer 1");
    expect((await ask("keyed", { query: "?a=2&b=1", headers: { "x-canary": "true" } })).text).toBe("answer 2");
  });

  test("of a QUERY has its content", async () => {
    const asking = (body: string): Promise<Got> => ask("query", { method: "QUERY", body });
    expect((await asking("a")).text).toBe("answer 1");
    expect((await asking("b")).text).toBe("answer 2");
    expect(await asking("a")).toMatchObject({ text: "answer 1", cache: "selvage;hit" });
    expect(await gateway.sent[0]?.text()).toBe("a");
  });

  test("`Vary` tells answers apart", async () => {
    answer = (at) => new Response(`answer ${at}`, { headers: { vary: "accept-language" } });
    const asking = (language: string): Promise<Got> => ask("ttl", { headers: { "accept-language": language } });
    expect([(await asking("de")).text, (await asking("en")).text, (await asking("de")).text]).toEqual([
      "answer 1",
      "answer 2",
      "answer 1",
    ]);
  });
});

describe("an answer that is not fresh", () => {
  const stale = (control: string): void => {
    answer = (at) => new Response(`answer ${at}`, { headers: { "cache-control": control, etag: `"${at}"` } });
  };

  test("is asked about, and confirmed", async () => {
    stale("max-age=0");
    await ask("plain");
    answer = (_, { headers }) => new Response(null, { status: headers.get("if-none-match") === '"1"' ? 304 : 500 });
    expect(await ask("plain")).toMatchObject({
      status: 200,
      text: "answer 1",
      cache: "selvage;fwd=stale;fwd-status=304",
    });
  });

  test("serves while it is asked for again", async () => {
    stale("max-age=0, stale-while-revalidate=60");
    await ask("plain");
    expect(await ask("plain")).toMatchObject({ text: "answer 1", cache: "selvage;hit" });
    expect((await ask("plain")).text).toBe("answer 2");
    expect(gateway.logs.filter(({ kind }) => kind === "access").map(({ cache }) => cache)).toEqual([
      "miss",
      "stale",
      "stale",
    ]);
  });

  test.each([
    ["answers with an error", () => new Response("down", { status: 503 }), "fwd-status=503"],
    ["is not there", () => undefined, "detail=unreachable"],
  ])("serves when the upstream %s", async (_, failing, detail) => {
    stale("max-age=0, stale-if-error=60");
    await ask("plain");
    answer = failing;
    const served = await ask("plain");
    expect(served).toMatchObject({ status: 200, text: "answer 1" });
    expect(served.cache).toBe(`selvage;fwd=stale;${detail}`);
  });

  test("does not serve when it forbids that", async () => {
    stale("max-age=0, must-revalidate, stale-if-error=60");
    await ask("plain");
    answer = () => undefined;
    expect(await ask("plain")).toMatchObject({ status: 502, cache: "selvage;fwd=stale" });
  });
});

describe("unsafe requests", () => {
  test.each(["POST", "PUT", "PATCH", "DELETE"])(
    "a %s makes what is kept of its path invalid, for everybody",
    async (method) => {
      await ask("own", await as("ann"));
      await ask("own", await as("bob"));
      expect((await ask("own", { ...(await as("ann")), method })).text).toBe("answer 3");
      expect((await ask("own", await as("ann"))).text).toBe("answer 4");
      expect((await ask("own", await as("bob"))).text).toBe("answer 5");
    },
  );

  test("on a route of their own do the same", async () => {
    await ask("split");
    expect(await ask("split", { method: "POST" })).toMatchObject({ text: "answer 2", cache: undefined });
    expect((await ask("split")).text).toBe("answer 3");
  });

  test("that fail change nothing", async () => {
    await ask("ttl");
    answer = () => new Response("no", { status: 409 });
    await ask("ttl", { method: "POST" });
    expect((await ask("ttl")).text).toBe("answer 1");
  });
});

test("only-if-cached without an answer is 504", async () => {
  const headers = { "cache-control": "only-if-cached" };
  expect(await ask("ttl", { headers })).toMatchObject({ status: 504, cache: "selvage" });
  await ask("ttl");
  expect(await ask("ttl", { headers })).toMatchObject({ status: 200, text: "answer 1" });
});

/** Nothing that a client can say breaks a route with a cache. */
test.each<[string, RequestInit & { query?: string }, number]>([
  ["a query that is too long for a key", { query: `?${"a".repeat(6_000)}` }, 200],
  ["more parameters than are chosen among", { query: `?${"a&".repeat(1_000)}` }, 200],
  ["a broken escape in a parameter", { query: "?%E0%A4%A=1&%=2" }, 200],
  ["a field of the key that is too long", { headers: { "x-canary": "x".repeat(2_000) } }, 200],
  ["a range that is none", { headers: { range: "bytes=9-1, x" } }, 200],
  ["a range beyond the end", { headers: { range: "bytes=999-" } }, 416],
  ["a condition that is none", { headers: { "if-none-match": '"a, W/', "if-modified-since": "yesterday" } }, 200],
  ["many entity tags", { headers: { "if-none-match": '"a",'.repeat(5_000) } }, 200],
  ["directives that are none", { headers: { "cache-control": 'max-age=-1, ="x", max-stale="", no-cache="' } }, 200],
  ["a precondition of the origin", { headers: { "if-match": '"x"' } }, 200],
])("hostile: %s", async (_, init, status) => {
  await ask("keyed");
  expect((await ask("keyed", init)).status).toBe(status);
});

describe("a route that another version sends elsewhere", () => {
  const first = { kind: "forward", to: { origin: "http://first.example" } } as const;
  const second = { kind: "forward", to: { origin: "http://second.example" } } as const;

  test.each([
    ["another origin", first, second],
    ["a service of the mesh", first, { kind: "forward", to: { service: "orders" } }],
    ["another path", first, { ...first, rewrite: "/v2/*" }],
    ["another path by an expression", { ...first, rewrite: { regex: "a", to: "b" } }, { ...first, rewrite: "/v2/*" }],
  ] as const)("does not give what %s has answered", async (_, before, after) => {
    const routes = (target: RoutePlan["target"]) => plan([cached("moved", { ttlMs: 60_000 }, { target })]);
    const own = () => new Response(`answer ${++count}`);
    const answered = async (target: RoutePlan["target"]): Promise<boolean> => {
      const known = count;
      gateway = await startGateway(routes(target), own);
      const { text } = await ask("moved");
      expect(text).toBe(`answer ${count}`);
      return count === known;
    };
    expect(await answered(before)).toBe(false);
    // An isolate whose stores do not answer in time asks the origin.
    await expect.poll(() => answered(before), { timeout: 20_000 }).toBe(true);
    expect(await answered(after)).toBe(false);
  });
});
