import { reset, runInDurableObject } from "cloudflare:test";
import { env as testEnv } from "cloudflare:workers";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { limits } from "../../../shared/limits.ts";
import type { GatewayPlan } from "../../../shared/plan/plan.ts";
import { planHash } from "../../../workers/gateway/authority/held-plan.ts";
import type { Env } from "../../../workers/gateway/env.ts";
import { type Gateway, newSigningKey, startGateway } from "./support/gateway.ts";
import { plan, route } from "./support/plans.ts";

const env = testEnv as unknown as Env;
const one = plan([route("one", "/one")]);
const two = plan([route("two", "/two")]);
let gateway: Gateway;
let clock: number;

const start = async (applied: GatewayPlan | undefined, deployed: GatewayPlan | null = null): Promise<void> => {
  gateway = await startGateway(applied, () => Response.json({}), { deployed });
};
const status = async (path: string): Promise<number> => (await gateway.fetch(path)).status;
const pass = (ms: number): void => {
  clock += ms;
};

beforeEach(() => {
  clock = Date.now();
  vi.spyOn(Date, "now").mockImplementation(() => clock);
});
afterEach(async () => {
  vi.restoreAllMocks();
  await reset();
});

describe("with the control plane", () => {
  test("the first request gets the plan, and the control plane hears at once that it serves", async () => {
    await start(one);
    expect(await status("/one")).toBe(200);
    const isolate = expect.stringMatching(/^[0-9a-f-]{36}$/);
    expect(gateway.control.asked).toEqual([
      { isolate, version: 0 },
      { isolate, version: 1, hash: await planHash(one), signingKey: "txn-1", hopKey: "hop-1" },
    ]);
    expect(gateway.control.tokens[0]).toBe("Bearer test-control-token");
  });

  test("within a lease nobody is asked; from its half on it is renewed beside the requests", async () => {
    await start(one);
    await status("/one");
    gateway.control.asked.length = 0;
    pass(limits.gateway.planLeaseMs / 2 - 1);
    await status("/one");
    expect(gateway.control.asked).toHaveLength(0);
    pass(1);
    await status("/one");
    expect(gateway.control.asked).toHaveLength(1);
    pass(limits.gateway.planLeaseMs / 2);
    await status("/one");
    expect(gateway.control.asked).toHaveLength(2);
  });

  test("a new plan that came beside a request decides the next one, and is acknowledged at once", async () => {
    await start(one);
    await status("/one");
    gateway.control.plan = two;
    gateway.control.version = 2;
    pass(limits.gateway.planLeaseMs / 2);
    expect(await status("/one")).toBe(200);
    expect(gateway.control.asked.at(-1)).toMatchObject({ version: 2 });
    expect(await status("/one")).toBe(404);
    expect(await status("/two")).toBe(200);
  });

  test("past its lease a request asks before it is decided", async () => {
    await start(one);
    await status("/one");
    gateway.control.plan = two;
    gateway.control.version = 2;
    pass(limits.gateway.planLeaseMs);
    expect(await status("/two")).toBe(200);
  });

  test("a clock that is set back ends the lease, and the answers count from then on", async () => {
    await start(one);
    await status("/one");
    gateway.control.plan = two;
    gateway.control.version = 2;
    pass(-3_600_000);
    expect(await status("/two")).toBe(200);
    gateway.control.asked.length = 0;
    await status("/two");
    expect(gateway.control.asked).toHaveLength(0);
    pass(limits.gateway.planLeaseMs / 2);
    await status("/two");
    expect(gateway.control.asked).toHaveLength(1);
  });

  test("many requests past a lease cause one call", async () => {
    await start(one);
    await status("/one");
    gateway.control.asked.length = 0;
    pass(limits.gateway.planLeaseMs);
    const all = await Promise.all(Array.from({ length: 20 }, () => status("/one")));
    expect(new Set(all)).toEqual(new Set([200]));
    expect(gateway.control.asked).toHaveLength(1);
  });

  test("a plan with another hash is refused with a reason, once, and the old one serves on", async () => {
    await start(one);
    await status("/one");
    gateway.control.plan = two;
    gateway.control.version = 2;
    gateway.control.hash = "0".repeat(64);
    pass(limits.gateway.planLeaseMs);
    expect(await status("/one")).toBe(200);
    expect(gateway.control.asked.at(-1)).toMatchObject({
      version: 1,
      refused: { version: 2, reason: expect.stringContaining("hash") },
    });
    const asked = gateway.control.asked.length;
    pass(limits.gateway.planLeaseMs);
    await status("/one");
    expect(gateway.control.asked).toHaveLength(asked + 1);
    gateway.control.version = 3;
    gateway.control.hash = undefined;
    pass(limits.gateway.planLeaseMs);
    expect(await status("/two")).toBe(200);
    expect(gateway.control.asked.at(-1)?.refused).toBeUndefined();
  });

  test("another plan under the same number, of a control plane that was made anew, is taken and acknowledged", async () => {
    await start(one);
    await status("/one");
    gateway.control.plan = two;
    pass(limits.gateway.planLeaseMs);
    expect(await status("/two")).toBe(200);
    expect(gateway.control.asked.at(-1)).toMatchObject({ version: 1, hash: await planHash(two) });
  });

  test("a plan that cannot be used is refused, too", async () => {
    await start(one);
    await status("/one");
    gateway.control.plan = { ...two, routes: [{ name: "broken" }] } as unknown as GatewayPlan;
    gateway.control.version = 2;
    pass(limits.gateway.planLeaseMs);
    expect(await status("/one")).toBe(200);
    expect(gateway.control.asked.at(-1)?.refused).toMatchObject({ version: 2 });
  });

  test("a plan of a format that this gateway does not read is refused", async () => {
    await start(one);
    await status("/one");
    gateway.control.plan = { ...two, format: 2 } as unknown as GatewayPlan;
    gateway.control.version = 2;
    pass(limits.gateway.planLeaseMs);
    expect(await status("/one")).toBe(200);
    expect(gateway.control.asked.at(-1)?.refused).toMatchObject({
      version: 2,
      reason: expect.stringContaining("format 2"),
    });
  });

  test("a new signing key is taken without a new plan", async () => {
    await start(one);
    await status("/one");
    gateway.control.signingKey = await newSigningKey("txn-2");
    pass(limits.gateway.planLeaseMs);
    await status("/one");
    pass(limits.gateway.planLeaseMs);
    await status("/one");
    expect(gateway.control.asked.at(-1)).toMatchObject({ version: 1, signingKey: "txn-2" });
  });
});

describe("without the control plane", () => {
  test("the last good plan serves on, and nobody waits", async () => {
    await start(one);
    await status("/one");
    gateway.control.mode = "down";
    for (let at = 0; at < 10; at++) {
      pass(limits.gateway.planLeaseMs);
      expect(await status("/one")).toBe(200);
    }
    gateway.control.mode = "up";
    gateway.control.plan = two;
    gateway.control.version = 2;
    pass(limits.gateway.planRetryMs);
    await status("/one");
    expect(await status("/two")).toBe(200);
  });

  test("a failing one is not asked more often than it may be", async () => {
    await start(one);
    await status("/one");
    let asked = 0;
    vi.spyOn(gateway.control, "fetch").mockImplementation(() => {
      asked++;
      return Promise.reject(new Error("down"));
    });
    pass(limits.gateway.planLeaseMs);
    for (let at = 0; at < 20; at++) expect(await status("/one")).toBe(200);
    expect(asked).toBe(1);
    pass(limits.gateway.planRetryMs);
    for (let at = 0; at < 20; at++) await status("/one");
    expect(asked).toBe(2);
  });

  test("a new isolate starts by what the last one left, and can sign", async () => {
    await start(one);
    await status("/one");
    gateway.control.mode = "down";
    gateway.restart();
    expect(await status("/one")).toBe(200);
    expect(gateway.sent.at(-1)?.headers.get("selvage-plan")).toBe("1");
    expect(gateway.sent.at(-1)?.headers.get("txn-token")).not.toBeNull();
  });

  test("what was left outranks what was deployed; what was deployed outranks nothing", async () => {
    await start(one);
    await status("/one");
    gateway.control.mode = "down";
    gateway.restart(two);
    expect(await status("/one")).toBe(200);
    await reset();
    gateway.restart(two);
    expect(await status("/two")).toBe(503);
    expect(gateway.logs.at(-1)).toMatchObject({ error: "plan_missing", reason: "no signing key for the mesh yet" });
  });

  test("with nothing at all: 503", async () => {
    await start(one);
    gateway.control.mode = "down";
    const response = await gateway.fetch("/one");
    expect(response.status).toBe(503);
    expect(await response.json()).toMatchObject({ code: "plan_missing" });
  });
});

test("one that says nothing holds no request longer than its bound", async () => {
  vi.restoreAllMocks();
  await start(one);
  await status("/one");
  const asking = vi.spyOn(gateway.control, "fetch").mockImplementation(
    (_, init) =>
      new Promise((_resolve, reject) => {
        init.signal?.addEventListener("abort", () => reject(new Error("aborted")));
      }),
  );
  const later = Date.now() + limits.gateway.planLeaseMs;
  const real = Date.now.bind(Date);
  const begin = real();
  vi.spyOn(Date, "now").mockImplementation(() => later + (real() - begin));
  expect(await status("/one")).toBe(200);
  expect(asking).toHaveBeenCalledTimes(1);
  // The request was answered before the call was given up.
  expect(gateway.logs.map(({ kind }) => kind)).toEqual(["access", "access", "control"]);
});

describe("nothing applied yet", () => {
  test("503, and the first plan serves as soon as it is there", async () => {
    await start(undefined);
    expect(await status("/one")).toBe(503);
    gateway.control.plan = one;
    expect(await status("/one")).toBe(200);
  });

  test("the deployed plan serves, until one is applied", async () => {
    const origin = { kind: "forward", to: { origin: "http://origin.example" } } as const;
    await start(undefined, plan([route("zero", "/zero", { target: origin })]));
    expect(await status("/zero")).toBe(200);
    expect(gateway.logs.at(-1)).toMatchObject({ plan: 0 });
    gateway.control.plan = one;
    pass(limits.gateway.planLeaseMs);
    expect(await status("/one")).toBe(200);
  });
});

describe("what is left behind", () => {
  const lastGood = () => env.LAST_GOOD.getByName("gateway");

  test("holds no key that could be read without the token", async () => {
    await start(one);
    await status("/one");
    const row = await gateway.lastGoods.getByName("").read();
    expect(row).toMatchObject({ version: 1, kid: "txn-1 hop-1" });
    expect(JSON.stringify(row)).not.toContain(gateway.control.signingKey?.d as string);
    expect(JSON.stringify(row)).not.toContain("test-control-token");
  });

  test("is written when something changes, not at each lease", async () => {
    await start(one);
    await status("/one");
    const before = await gateway.lastGoods.getByName("").read();
    for (let at = 0; at < 3; at++) {
      pass(limits.gateway.planLeaseMs);
      await status("/one");
    }
    expect(await gateway.lastGoods.getByName("").read()).toEqual(before);
  });

  test("never goes back to an older lease, and holds large plans", async () => {
    const row = { leasedAtMs: 2, version: 2, hash: "b", plan: JSON.stringify("ü".repeat(1_500_000)) };
    await lastGood().write(row);
    await lastGood().write({ leasedAtMs: 1, version: 1, hash: "a", plan: "{}" });
    expect(await lastGood().read()).toEqual(row);
    await lastGood().write({ leasedAtMs: 3, version: 3, hash: "c", plan: "{}" });
    expect(await lastGood().read()).toMatchObject({ version: 3, plan: "{}" });
    await runInDurableObject(lastGood(), (_, state) => {
      expect(state.storage.sql.exec("SELECT count(*) AS pieces FROM last_good").one()).toEqual({ pieces: 1 });
    });
  });

  test("keeps characters of two code units that stand where a piece of the store ends", async () => {
    for (const shift of ["", "a"]) {
      const version = shift.length + 1;
      const row = { leasedAtMs: version, version, hash: "b", plan: shift + "\u{1f600}".repeat(260_000) };
      await lastGood().write(row);
      expect((await lastGood().read())?.plan === row.plan).toBe(true);
    }
  });

  test("under another token only the plan can be read", async () => {
    await start(one);
    await status("/one");
    const origin = { kind: "forward", to: { origin: "http://origin.example" } } as const;
    const other = await startGateway(plan([route("x", "/x", { target: origin })]), () => Response.json({}), {
      env: { CONTROL_TOKEN: "another", LAST_GOOD: gateway.lastGoods },
    });
    other.control.mode = "down";
    expect((await other.fetch("/one")).status).toBe(503);
    expect(other.logs.at(-1)).toMatchObject({ reason: "no signing key for the mesh yet", plan: 1 });
  });
});
