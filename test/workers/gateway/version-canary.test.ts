import { reset } from "cloudflare:test";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { PLAN_VERSION } from "../../../shared/http/header-names.ts";
import { limits } from "../../../shared/limits.ts";
import type { GatewayPlan } from "../../../shared/plan/plan.ts";
import { type FakeControl, type Gateway, startGateway } from "./support/gateway.ts";
import { plan, route } from "./support/plans.ts";

const stable = plan([route("both", "/both"), route("old", "/old")]);
const next = plan([route("both", "/both"), route("new", "/new")]);
let gateway: Gateway;
let clock: number;

const pass = (ms: number): void => {
  clock += ms;
};
/** An address of its own for each number. */
const ip = (client: number): string => `10.1.${client >> 8}.${client & 255}`;
const get = (path: string, client = 1, headers: Record<string, string> = {}): Promise<Response> =>
  gateway.fetch(path, { headers: { "cf-connecting-ip": ip(client), ...headers }, whole: false });
/** The isolate asks for its lease before it serves the next request. */
async function renew(): Promise<void> {
  pass(limits.gateway.planLeaseMs);
  await get("/both");
}
const lastAsked = () => gateway.control.asked.at(-1);
async function begin(share: number, more: Partial<NonNullable<FakeControl["canary"]>> = {}): Promise<void> {
  gateway.control.canary = { version: 2, share, by: "ip", plan: next, ...more };
  await renew();
  gateway.sent.length = 0;
}

beforeEach(async () => {
  clock = Date.now();
  vi.spyOn(Date, "now").mockImplementation(() => clock);
  gateway = await startGateway(stable, () => Response.json({}));
  await get("/both");
});
afterEach(async () => {
  await gateway.settled();
  vi.restoreAllMocks();
  await reset();
});

/** Sums of what was reported of versions, by version and route. */
function reported(): Record<string, Record<string, number>> {
  const reports = new Map(gateway.control.asked.flatMap(({ counted }) => (counted ? [[counted.seq, counted]] : [])));
  const sums: Record<string, Record<string, number>> = {};
  for (const { kind, labels, counts } of [...reports.values()].flatMap(({ series }) => series)) {
    if (kind !== "version") continue;
    const name = labels.join(" ");
    const sum = sums[name] ?? {};
    sums[name] = sum;
    for (const [counter, count] of Object.entries(counts)) sum[counter] = (sum[counter] ?? 0) + count;
  }
  return sums;
}

describe("choice", () => {
  test("a share of the clients is served by the other version as a whole: routes, log and proof to the mesh", async () => {
    await begin(3000);
    let canaries = 0;
    for (let client = 0; client < 1_000; client++) {
      const [old, fresh] = [(await get("/old", client)).status, (await get("/new", client)).status];
      expect([old, fresh].sort()).toEqual([200, 404]);
      if (fresh === 200) canaries++;
    }
    // Four standard deviations.
    expect(Math.abs(canaries - 300)).toBeLessThan(58);
    const plans = gateway.sent.map(({ headers }) => headers.get(PLAN_VERSION));
    expect(plans.filter((version) => version === "2")).toHaveLength(canaries);
    expect(new Set(plans)).toEqual(new Set(["1", "2"]));
  });

  test("a client stays where it is, and a larger share only adds", async () => {
    await begin(3000);
    const sideOf = async (client: number): Promise<number> => (await get("/new", client)).status;
    const before = new Map<number, number>();
    for (let client = 0; client < 100; client++) before.set(client, await sideOf(client));
    for (const [client, side] of before) expect(await sideOf(client)).toBe(side);
    await begin(6000);
    for (const [client, side] of before) if (side === 200) expect(await sideOf(client)).toBe(200);
  });

  test("none and all", async () => {
    await begin(0);
    for (let client = 0; client < 50; client++) expect((await get("/old", client)).status).toBe(200);
    await begin(10_000);
    for (let client = 0; client < 50; client++) expect((await get("/new", client)).status).toBe(200);
  });

  test("a header asks for it at any share", async () => {
    await begin(0, { match: { header: "x-try", value: "next" } });
    expect((await get("/new", 1, { "x-try": "next" })).status).toBe(200);
    expect((await get("/new", 1, { "x-try": "other" })).status).toBe(404);
  });

  test("by a header's value, whatever the address", async () => {
    await begin(5000, { by: { header: "x-session" } });
    for (let session = 0; session < 20; session++) {
      const sides = new Set<number>();
      for (let client = 0; client < 5; client++)
        sides.add((await get("/new", client, { "x-session": `s${session}` })).status);
      expect(sides.size).toBe(1);
    }
  });

  test("nobody can name the version himself", async () => {
    await begin(0);
    expect((await get("/new", 1, { [PLAN_VERSION]: "2" })).status).toBe(404);
    await get("/both", 1, { [PLAN_VERSION]: "2" });
    expect(gateway.sent.at(-1)?.headers.get(PLAN_VERSION)).toBe("1");
  });
});

describe("lease", () => {
  test("it is said what is held, with the share that is given, at once", async () => {
    gateway.control.canary = { version: 2, share: 500, by: "ip", plan: next };
    gateway.control.asked.length = 0;
    await renew();
    expect(gateway.control.asked[0]).not.toHaveProperty("canary");
    await vi.waitFor(() => expect(lastAsked()?.canary).toMatchObject({ version: 2, share: 500 }));
    gateway.control.canary.share = 700;
    await renew();
    await vi.waitFor(() => expect(lastAsked()?.canary?.share).toBe(700));
  });

  test("requests of both versions are counted by route, failed and refused apart", async () => {
    gateway = await startGateway(
      stable,
      (request) => new Response(null, { status: request.url.endsWith("/new") ? 503 : 200 }),
    );
    await get("/both");
    await begin(10_000);
    for (let at = 0; at < 3; at++) await get("/new");
    await get("/old");
    await begin(0);
    await get("/old");
    await gateway.settled();
    // Each request that made the lease new was one, too.
    expect(reported()).toEqual({
      "2 both": { requests: 1 },
      "2 new": { requests: 3, errors: 3 },
      "2 -": { requests: 1, refused: 1 },
      "1 both": { requests: 1 },
      "1 old": { requests: 1 },
    });
  });

  test("when it is over nothing of it is left, and the stable version has all requests", async () => {
    await begin(10_000);
    expect((await get("/new")).status).toBe(200);
    gateway.control.canary = undefined;
    await renew();
    expect((await get("/new")).status).toBe(404);
    await gateway.settled();
    expect(lastAsked()).not.toHaveProperty("canary");
    gateway.control.asked.length = 0;
    pass(limits.counters.reportKeptMs);
    await renew();
    expect(reported()).toEqual({});
  });

  test("one that is promoted is the plan that was tried", async () => {
    await begin(10_000);
    gateway.control.canary = undefined;
    gateway.control.plan = next;
    gateway.control.version = 2;
    await renew();
    expect((await get("/new")).status).toBe(200);
    await vi.waitFor(() => expect(lastAsked()).toMatchObject({ version: 2 }));
  });

  test("while the control plane is away the share stays as it was heard last", async () => {
    await begin(10_000);
    gateway.control.mode = "down";
    pass(3_600_000);
    expect((await get("/new")).status).toBe(200);
    expect((await get("/new")).status).toBe(200);
  });

  test("one that cannot be used decides nothing, and the reason is told", async () => {
    const bad = { ...next, format: 99 } as unknown as GatewayPlan;
    gateway.control.canary = { version: 2, share: 10_000, by: "ip", plan: bad };
    await renew();
    expect((await get("/old")).status).toBe(200);
    const refused = expect.stringContaining("plan of format 99");
    await vi.waitFor(() => expect(lastAsked()?.canary).toMatchObject({ version: 2, refused }));
  });

  test("a new key of the gateway counts for both versions", async () => {
    await begin(10_000);
    gateway.control.hopKey = { kid: "hop-2", key: gateway.control.hopKey?.key ?? "" };
    await renew();
    await get("/new");
    expect(gateway.sent.at(-1)?.headers.get("signature-input")).toContain('keyid="hop-2"');
  });
});

test("what one version has stored answers nobody of the other", async () => {
  const cached = (...hosts: string[]): GatewayPlan =>
    plan([route("both", "/both", { cache: { ttlMs: 60_000 } })], { hosts: ["api.shop.example", ...hosts] });
  let served = 0;
  gateway = await startGateway(cached(), () =>
    Response.json({ at: ++served }, { headers: { "cache-control": "max-age=60" } }),
  );
  const read = async (): Promise<unknown> => (await get("/both")).json();
  const first = await read();
  await gateway.settled();
  expect(await read()).toEqual(first);
  gateway.control.canary = { version: 2, share: 10_000, by: "ip", plan: cached("next.example") };
  pass(limits.gateway.planLeaseMs);
  const second = await read();
  expect(second).not.toEqual(first);
  gateway.control.canary.share = 0;
  pass(limits.gateway.planLeaseMs);
  expect(await read()).toEqual(first);
});
