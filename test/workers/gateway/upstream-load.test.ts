/** What agents say of a service's load, at the gateway: who is refused by it, and what is said to agents. */
import { afterEach, describe, expect, test, vi } from "vitest";
import { formatLoad } from "../../../shared/http/load-report.ts";
import type { SheddingSettings } from "../../../shared/policy/load-shedding.ts";
import { type Gateway, startGateway } from "./support/gateway.ts";
import { plan, route } from "./support/plans.ts";

afterEach(() => vi.restoreAllMocks());

const settings: SheddingSettings = {
  mode: "enforce",
  tolerance: 1.2,
  concurrencyMin: 1,
  concurrencyMax: 100,
  plans: {},
};
const FULL = formatLoad({ utilization: 1, places: 8, queueMs: 9, full: [0, 0, 1] });
const EMPTY = formatLoad({ utilization: 0.1, places: 8, queueMs: 0, full: [0, 0, 0] });

const routes = [
  route("low", "/low", { priority: "low" }),
  route("normal", "/normal"),
  route("high", "/high", { priority: "high" }),
  route("origin", "/origin", { priority: "low", target: { kind: "forward", to: { origin: "http://o.example" } } }),
];

/** The clock is the test's: the gateway hears a word each 100 ms. */
async function start(
  shedding: SheddingSettings | undefined,
  answer: () => Response,
): Promise<Gateway & { load(path: string, count: number): Promise<void> }> {
  const gateway = await startGateway(plan(routes, shedding === undefined ? {} : { shedding }), answer);
  await gateway.fetch("/nothing");
  let nowMs = Date.now();
  vi.spyOn(Date, "now").mockImplementation(() => nowMs);
  return Object.assign(gateway, {
    load: async (path: string, count: number) => {
      for (let at = 0; at < count; at++) {
        nowMs += 100;
        await (await gateway.fetch(path)).arrayBuffer();
      }
    },
  });
}

const said = (text: string, init: ResponseInit = {}): Response =>
  new Response("{}", { ...init, headers: { "selvage-load": text, ...init.headers } });

describe("a service that says it has no place for low priority", () => {
  test("gets none of it soon, and all of the others; the log says why", async () => {
    const gateway = await start(settings, () => said(FULL));
    await gateway.load("/high", 25);
    gateway.sent.length = 0;
    const low = await gateway.fetch("/low");
    expect(low.status).toBe(503);
    expect(low.headers.get("retry-after")).toBe("1");
    expect(await low.json()).toMatchObject({
      code: "overloaded",
      type: "https://iana.org/assignments/http-problem-types#temporary-reduced-capacity",
    });
    expect(gateway.sent).toEqual([]);
    expect(gateway.logs.at(-1)).toMatchObject({
      error: "overloaded",
      reason: `orders says that it is full for low priority: ${FULL}`,
    });
    await gateway.load("/low", 100);
    expect(gateway.control.counted("upstream").shed).toBeGreaterThan(0);
    for (const path of ["/normal", "/high"]) expect((await gateway.fetch(path)).status).toBe(200);
  });

  test("gets it again when it has places", async () => {
    let word = FULL;
    const gateway = await start(settings, () => said(word));
    await gateway.load("/high", 25);
    word = EMPTY;
    await gateway.load("/high", 25);
    expect((await gateway.fetch("/low")).status).toBe(200);
  });

  test("is asked again when nothing more is heard of it", async () => {
    const gateway = await start(settings, () => said(FULL));
    await gateway.load("/high", 25);
    await gateway.load("/nothing", 200);
    expect((await gateway.fetch("/low")).status).toBe(200);
  });

  test("says it also with answers of agents", async () => {
    const headers = { "selvage-error": "overloaded", "selvage-sent": "none" };
    const gateway = await start(settings, () => said(FULL, { status: 503, headers }));
    const refused = await gateway.fetch("/low");
    expect(refused.status).toBe(503);
    expect(refused.headers.get("retry-after")).toBe("1");
    expect(await refused.json()).toMatchObject({
      code: "overloaded",
      type: expect.stringContaining("reduced-capacity"),
    });
    expect(gateway.logs.at(-1)).toMatchObject({ reason: "the mesh answered 503 overloaded" });
    await gateway.load("/high", 25);
    gateway.sent.length = 0;
    expect((await gateway.fetch("/low")).status).toBe(503);
    expect(gateway.sent).toEqual([]);
  });

  test("in shadow: the log says whom it would have refused", async () => {
    const gateway = await start({ ...settings, mode: "shadow" }, () => said(FULL));
    await gateway.load("/high", 25);
    expect((await gateway.fetch("/low")).status).toBe(200);
    expect(gateway.logs.at(-1)).toMatchObject({ wouldRefuse: [{ error: "overloaded" }] });
    expect((await gateway.fetch("/normal")).status).toBe(200);
    expect(gateway.logs.at(-1)).not.toHaveProperty("wouldRefuse");
  });

  test("without `shedding` of the gateway nobody is refused there", async () => {
    const gateway = await start(undefined, () => said(FULL));
    await gateway.load("/high", 25);
    expect((await gateway.fetch("/low")).status).toBe(200);
  });
});

test("clients are told nothing of it, and an origin that is none of the mesh cannot say it", async () => {
  const gateway = await start(settings, () => said(FULL));
  for (const path of ["/high", "/origin"]) expect((await gateway.fetch(path)).headers.get("selvage-load")).toBeNull();
  await gateway.load("/origin", 25);
  expect((await gateway.fetch("/origin")).status).toBe(200);
});

test("agents are told the priority, under the proof; nobody else is, and no client says it", async () => {
  for (const shedding of [settings, undefined]) {
    const gateway = await start(shedding, () => said(EMPTY));
    const told = async (path: string): Promise<(string | null)[]> => {
      await gateway.fetch(path, { headers: { "selvage-priority": "high", selvage_priority: "high" } });
      const { headers } = gateway.sent.at(-1) as Request;
      expect(headers.get("selvage_priority")).toBeNull();
      const isCovered = (headers.get("signature-input") ?? "").includes('"selvage-priority"');
      return [headers.get("selvage-priority"), String(isCovered)];
    };
    expect(await told("/high")).toEqual(["high", "true"]);
    expect(await told("/low")).toEqual(["low", "true"]);
    expect(await told("/normal")).toEqual([null, "false"]);
    expect(await told("/origin")).toEqual([null, "false"]);
    vi.restoreAllMocks();
  }
});

test.each(["", "utilization=1", "full", "utilization=9e9, places=8, queue=9, full=(0.000 0.000 1.000)"])(
  "what cannot be read says nothing: %j",
  async (word) => {
    const gateway = await start(settings, () => said(word));
    await gateway.load("/high", 25);
    expect((await gateway.fetch("/low")).status).toBe(200);
  },
);
