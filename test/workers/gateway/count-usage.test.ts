import { afterEach, describe, expect, test, vi } from "vitest";
import { anonymous, type Identity } from "../../../shared/identity/identity.ts";
import { limits } from "../../../shared/limits.ts";
import { newCounters } from "../../../shared/policy/counters.ts";
import { leaseRequestSchema } from "../../../shared/wire/gateway-lease.ts";
import type { UsagePoints } from "../../../workers/gateway/env.ts";
import { UsageCounts } from "../../../workers/gateway/upstream/usage-counts.ts";
import { startGateway } from "./support/gateway.ts";
import { limit, plan, route } from "./support/plans.ts";

afterEach(() => vi.restoreAllMocks());

const routes = [
  route("open", "/open"),
  route("mine", "/mine", { auth: { any: ["login"], scopes: [] } }),
  route("few", "/few", { rateLimits: [limit("by-ip", 1)] }),
  route("away", "/away", { target: { kind: "forward", to: { origin: "https://away.example" } } }),
  route("said", "/said", { target: { kind: "respond", answer: { status: 204, fields: {} } } }),
];
type Point = Parameters<UsagePoints["writeDataPoint"]>[0];

async function served(): Promise<{ told: Map<string, Record<string, number>>; points: Point[] }> {
  const points: Point[] = [];
  const env = { USAGE: { writeDataPoint: (point: Point) => void points.push(point) } };
  const outside = (request: Request) => {
    if (request.url.startsWith("https://away.example")) return undefined;
    return new Response("", { status: new URL(request.url).search === "?bad" ? 500 : 200 });
  };
  const gateway = await startGateway(plan(routes), outside, { env });
  // The first report is made with what is there; the next one is due later.
  for (const path of ["/open", "/open?bad", "/mine", "/few", "/few", "/away", "/said", "/none"])
    await gateway.fetch(path);
  const sums = () => {
    const told = new Map<string, Record<string, number>>();
    const reports = new Map(gateway.control.asked.flatMap(({ counted }) => (counted ? [[counted.seq, counted]] : [])));
    for (const { kind, labels, counts } of [...reports.values()].flatMap(({ series }) => series)) {
      const key = `${kind} ${labels.join(" ")}`;
      const sum = told.get(key) ?? {};
      told.set(key, sum);
      for (const [name, count] of Object.entries(counts))
        if (!/^(le|sum)/.test(name)) sum[name] = (sum[name] ?? 0) + count;
    }
    return told;
  };
  await vi.waitFor(
    async () => {
      await gateway.fetch("/none");
      for (const one of gateway.control.asked) expect(leaseRequestSchema.safeParse(one).error).toBeUndefined();
      expect([...sums()]).toContainEqual(["usage said anonymous ", { s2xx: 1 }]);
    },
    { timeout: 15_000, interval: 200 },
  );
  return { told: sums(), points };
}

describe("usage", () => {
  test("is counted by route, caller and status, calls by what was called, and told to Analytics Engine", async () => {
    const { told, points } = await served();
    expect(told.get("usage open anonymous ")).toEqual({ s2xx: 1, s5xx: 1 });
    expect(told.get("usage mine anonymous ")).toEqual({ s4xx: 1, denied: 1 });
    expect(told.get("usage few anonymous ")).toEqual({ s2xx: 1, s4xx: 1, limited: 1 });
    expect(told.get("usage away anonymous ")).toEqual({ s5xx: 1 });
    expect(told.get("usage said anonymous ")).toEqual({ s2xx: 1 });
    expect(told.get("usage  anonymous ")?.s4xx).toBeGreaterThan(0);
    expect(told.get("call orders")).toEqual({ s2xx: 2, s5xx: 1 });
    expect(told.get("call https://away.example")).toEqual({ noAnswer: 1 });
    expect(points.slice(0, 4).map(({ indexes, blobs }) => [indexes[0], blobs[4], blobs[5]])).toEqual([
      ["open", "200", ""],
      ["open", "500", ""],
      ["mine", "401", "credentials_missing"],
      ["few", "200", ""],
    ]);
    expect(points[0]?.doubles.slice(0, 3)).toEqual([1, expect.any(Number), 200]);
  });

  const known = (more: Partial<Identity>): Identity => ({ ...anonymous, method: "api-key", sub: "key-1", ...more });
  const labelsOf = (counters: ReturnType<typeof newCounters>) =>
    [...counters.series.values()].map(({ labels }) => labels);

  test("names consumers and programs, but not people, and nobody is called as all others together are", () => {
    const counters = newCounters();
    const counts = new UsageCounts(counters);
    const callers = [
      ...[known({}), known({ consumer: "acme", plan: "gold" }), known({ method: "jwt", sub: "alice" })],
      ...[known({ method: "oidc", sub: "bob", consumer: "J\u00fcrgen\n" }), known({ consumer: "*" })],
    ];
    for (const identity of [...callers, ...callers]) counts.count("r", identity, 200, 1);
    expect(labelsOf(counters)).toEqual([
      ["r", "key-1", ""],
      ["r", "acme", "gold"],
      ["r", "", ""],
      ["r", "J%C3%BCrgen%0A", ""],
      ["r", "* ", ""],
    ]);
    expect([...counters.series.values()].map((series) => (series.counts as { s2xx: number }).s2xx)).toEqual(
      Array(5).fill(2),
    );
  });

  test("has a bound of callers, beyond which those of a route are counted together", () => {
    const counters = newCounters();
    const counts = new UsageCounts(counters);
    const { isolateCallersMax } = limits.usage;
    for (let at = 0; at < 3 * isolateCallersMax; at++)
      counts.count(`r${at % 2}`, known({ consumer: `c${at}` }), 200, 1);
    expect(counters.series.size).toBe(isolateCallersMax + 2);
    expect(labelsOf(counters).slice(-2)).toEqual([
      ["r0", "*", "*"],
      ["r1", "*", "*"],
    ]);
  });
});
