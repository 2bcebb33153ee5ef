import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { VERSION_FIELD } from "../../../shared/route/requested-version.ts";
import { leaseRequestSchema } from "../../../shared/wire/gateway-lease.ts";
import { type Gateway, startGateway } from "./support/gateway.ts";
import { createIssuer, type Issuer } from "./support/issuer.ts";
import { plan, route } from "./support/plans.ts";

const DAY_MS = 86_400_000;
const nowMs = Date.now();
const versioned = (version: string, name: string, path = "/items/*") => {
  const { match } = route("", path);
  return route(name, path, { match: { ...match, headers: { [VERSION_FIELD]: version } } });
};
const routes = [
  route("old", "/old/{id}", {
    lifeCycle: { deprecatedAtMs: nowMs - DAY_MS, sunsetAtMs: nowMs + DAY_MS, successor: "/new/{id}" },
  }),
  route("mine", "/mine", { auth: { any: ["login"], scopes: [] }, lifeCycle: { deprecatedAtMs: nowMs - DAY_MS } }),
  route("soon", "/soon", { lifeCycle: { deprecatedAtMs: nowMs + DAY_MS } }),
  route("over", "/over", { lifeCycle: { sunsetAtMs: nowMs - DAY_MS } }),
  route("kept", "/kept", { lifeCycle: { sunsetAtMs: nowMs - DAY_MS, servesAfterSunset: true } }),
  route("trial", "/trial", {
    lifeCycle: { brownouts: [{ fromMs: nowMs - DAY_MS, untilMs: nowMs + DAY_MS, percent: 100 }] },
  }),
  route("half", "/half", {
    lifeCycle: { brownouts: [{ fromMs: nowMs - DAY_MS, untilMs: nowMs + DAY_MS, percent: 50 }] },
  }),
  versioned("1", "items-1"),
  versioned("2", "items-2"),
  versioned("2", "things-2", "/things/*"),
  route("things", "/things/*"),
  { ...versioned("1", "reads", "/kept-items/*"), cache: { ttlMs: 60_000 } },
  route("writes", "/kept-items/*", { match: { ...route("", "/kept-items/*").match, methods: ["POST"] } }),
];

let gateway: Gateway;
let issuer: Issuer;
beforeEach(async () => {
  issuer = await createIssuer();
  const versioning = { source: { header: "api-version" }, byDefault: "1" } as const;
  gateway = await startGateway(
    plan(routes, { versioning }),
    (request) => issuer.answer(request.url) ?? Response.json({}),
  );
});
afterEach(() => vi.restoreAllMocks());

describe("a deprecated route", () => {
  test("says so with every answer, and where to go instead", async () => {
    const { status, headers } = await gateway.fetch("/old/7");
    expect(status).toBe(200);
    expect(headers.get("deprecation")).toBe(`@${Math.floor((nowMs - DAY_MS) / 1000)}`);
    expect(headers.get("sunset")).toBe(new Date(nowMs + DAY_MS).toUTCString());
    expect(headers.get("link")).toBe('</new/7>; rel="successor-version"');
  });

  test("says nothing to strangers", async () => {
    const { status, headers } = await gateway.fetch("/mine");
    expect(status).toBe(401);
    expect(headers.get("deprecation")).toBeNull();
  });

  test("counts who still calls, and only once it is deprecated", async () => {
    const authorization = `Bearer ${await issuer.sign({ sub: "alice" })}`;
    for (let at = 0; at < 3; at++) await gateway.fetch("/mine", { headers: { authorization } });
    for (const sub of ["J\u00fcrgen\n", "\ud83d"])
      await gateway.fetch("/mine", { headers: { authorization: `Bearer ${await issuer.sign({ sub })}` } });
    await gateway.fetch("/old/7");
    expect((await gateway.fetch("/soon")).headers.get("deprecation")).toMatch(/^@/);
    await vi.waitFor(
      async () => {
        await gateway.fetch("/over");
        expect(gateway.control.asked.every((one) => leaseRequestSchema.safeParse(one).success)).toBe(true);
        const reported = gateway.control.asked.flatMap(({ counted }) => counted?.series ?? []);
        const callers = reported
          .filter(({ kind }) => kind === "deprecated")
          .map(({ labels, counts }) => [...labels, counts.requests]);
        const sums = new Map<string, number>();
        for (const [name, caller, requests] of callers) {
          const key = `${name} ${caller}`;
          sums.set(key, (sums.get(key) ?? 0) + Number(requests));
        }
        expect(Object.fromEntries(sums)).toEqual({
          ...{ "mine alice": 3, "old anonymous": 1 },
          ...{ "mine J%C3%BCrgen%0A": 1, "mine %EF%BF%BD": 1 },
        });
      },
      { timeout: 15_000, interval: 200 },
    );
  });
});

describe("the end", () => {
  test("is 410, and nothing is sent", async () => {
    const response = await gateway.fetch("/over");
    expect(response.status).toBe(410);
    expect(await response.json()).toMatchObject({ code: "route_ended" });
    expect(response.headers.get("sunset")).toBe(new Date(nowMs - DAY_MS).toUTCString());
    expect(gateway.sent).toEqual([]);
  });

  test("can be told alone", async () => {
    expect((await gateway.fetch("/kept")).status).toBe(200);
  });
});

describe("a brownout", () => {
  test("is 503 until it is over", async () => {
    const response = await gateway.fetch("/trial");
    expect(response.status).toBe(503);
    expect(await response.json()).toMatchObject({ code: "brownout" });
    const seconds = Number(response.headers.get("retry-after"));
    expect(seconds).toBeGreaterThan(86_000);
    expect(seconds).toBeLessThanOrEqual(86_400);
  });

  test("of a share refuses some", async () => {
    const statuses = await Promise.all(Array.from({ length: 60 }, async () => (await gateway.fetch("/half")).status));
    expect(new Set(statuses)).toEqual(new Set([200, 503]));
  });
});

describe("versions", () => {
  test.each([
    ["2", "items-2"],
    ["1", "items-1"],
    [undefined, "items-1"],
  ])("asked for by %j", async (version, name) => {
    const { headers } = await gateway.fetch(
      "/items/1",
      version === undefined ? {} : { headers: { "api-version": version } },
    );
    expect(gateway.logs.at(-1)?.route).toBe(name);
    expect(headers.get("vary")).toBe("api-version");
  });

  test("tell caches so, also where a route without one answers", async () => {
    const { headers } = await gateway.fetch("/things/1");
    expect(gateway.logs.at(-1)?.route).toBe("things");
    expect(headers.get("vary")).toBe("api-version");
  });

  test("of a route that keeps answers are no matter to writes beside it", async () => {
    const ask = async (method: string) => (await gateway.fetch("/kept-items/1", { method })).status;
    const version = { "api-version": "2" };
    expect([await ask("GET"), await ask("POST")]).toEqual([200, 200]);
    expect((await gateway.fetch("/kept-items/1", { method: "POST", headers: version })).status).toBe(200);
  });

  test("that nothing serves, and fields that pass for ours", async () => {
    const { status, headers } = await gateway.fetch("/items/1", { headers: { "api-version": "3" } });
    expect([status, headers.get("vary")]).toEqual([404, "api-version"]);
    expect((await gateway.fetch("/soon")).headers.get("vary")).toBeNull();
  });
});
