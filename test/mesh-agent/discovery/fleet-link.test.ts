import { expect, test } from "vitest";
import { Clusters } from "../../../mesh-agent/discovery/clusters.ts";
import { FleetLink } from "../../../mesh-agent/discovery/fleet-link.ts";
import type { ClientPool } from "../../../mesh-agent/proxy/engine.ts";
import { Metrics } from "../../../mesh-agent/telemetry/metrics.ts";
import { limits } from "../../../shared/limits.ts";
import type { CallerReport } from "../../../shared/policy/caller-view.ts";
import type { BalanceSettings } from "../../../shared/policy/settings.ts";
import type { Endpoint } from "../../../shared/wire/endpoint.ts";
import { outboundDefaults } from "../support/control-plane.ts";

const endpoint = (instance: string): Endpoint => ({ instance, host: "127.0.0.1", port: 1, labels: {} });

function fixture(policy: BalanceSettings["policy"] = "round-robin") {
  const clusters = new Clusters(() => ({ close: () => undefined }) as Partial<ClientPool> as ClientPool);
  const settings = { ...outboundDefaults, balance: { policy } };
  const update = (...instances: string[]): void =>
    clusters.update({ orders: settings }, { orders: instances.map(endpoint) });
  update("a", "b", "c");
  const metrics = new Metrics();
  const link = new FleetLink(clusters, metrics);
  const cluster = () => clusters.get("orders") as NonNullable<ReturnType<Clusters["get"]>>;
  const pick = () => {
    const picked = cluster().pick({ subset: undefined, hashKey: undefined }, new Set(), 1, Math.random());
    if (picked !== undefined) cluster().done(picked);
    return picked;
  };
  const share = (instance: string): number =>
    Array.from({ length: 2_000 }, pick).filter((one) => one?.endpoint.instance === instance).length / 2_000;
  const told: CallerReport[][] = [];
  const look = (connected = true) => {
    told.length = 0;
    link.look({ connected, observed: (services) => void told.push(services) });
    return told.flat();
  };
  return { cluster, update, metrics, link, share, look };
}

test.each(["round-robin", "least-request", "peak-ewma"] as const)("advice takes most of the share, by %s", (policy) => {
  const { link, share, update } = fixture(policy);
  const before = share("b");
  link.advised("orders", ["b"], 60_000);
  const advised = share("b");
  expect(advised).toBeLessThan(before / 2);
  expect(advised).toBeGreaterThan(0);
  // It holds for whoever stays, also over a new view.
  update("a", "b", "d");
  expect(share("b")).toBeLessThan(before / 2);
  link.advised("orders", [], 0);
  expect(share("b")).toBeGreaterThan(before / 2);
  link.stop();
});

test("advice alone never leaves nobody", () => {
  const { link, share, update } = fixture();
  link.advised("orders", ["a", "b", "c"], 60_000);
  expect(share("a")).toBeGreaterThan(0.25);
  update("b");
  expect(share("b")).toBe(1);
  link.advised("nobody", ["x"], 60_000);
  link.stop();
});

test("advice ends by itself", async () => {
  const { link, cluster } = fixture();
  link.advised("orders", ["b"], 30);
  expect(cluster().advisedAgainst.size).toBe(1);
  await expect.poll(() => cluster().advisedAgainst.size).toBe(0);
});

test("what outlier detection and metrics count is told", () => {
  const { cluster, metrics, link, look } = fixture();
  expect(look()).toEqual([]);
  const nowMs = performance.now();
  const [a, b] = cluster().endpoints;
  if (a === undefined || b === undefined) throw new Error("there are no endpoints");
  cluster().record(a, "success", nowMs, nowMs);
  for (let count = 0; count < limits.fleet.failuresMin; count++) cluster().record(b, "failure", nowMs, nowMs);
  for (const service of ["orders", "orders", "another"]) metrics.request("outbound", service, 200, 1);
  metrics.request("inbound", "orders", 200, 1);
  metrics.retry("orders");
  expect(look(false)).toEqual([]);
  expect(look()).toMatchObject([
    {
      ...{ service: "orders", requests: 2, retries: 1, whole: true },
      endpoints: [
        { instance: "b", seen: "failing" },
        { instance: "a", seen: "well", good: 1, failed: 0 },
      ],
    },
  ]);
  expect(look()).toEqual([]);
  link.connected();
  expect(look()).toMatchObject([{ requests: 0, retries: 0, whole: true }]);
});
