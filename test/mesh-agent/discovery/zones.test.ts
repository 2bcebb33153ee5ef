/** The real picks of an agent in zone a1, with instances there and elsewhere that are healthy, ejected or full. */
import { expect, test } from "vitest";
import type { ClusterEndpoint } from "../../../mesh-agent/discovery/cluster-endpoint.ts";
import { type Cluster, Clusters } from "../../../mesh-agent/discovery/clusters.ts";
import type { ClientPool } from "../../../mesh-agent/proxy/engine.ts";
import type { BalanceSettings } from "../../../shared/policy/settings.ts";
import { randomOf } from "../../support/queue-world.ts";
import { outboundDefaults } from "../support/control-plane.ts";

const zones = { sufficientPercent: 70, failover: { a1: ["c1"] } };
const NONE: ReadonlySet<ClusterEndpoint> = new Set();

function clusterOf(where: readonly (string | undefined)[], balance: BalanceSettings, maxRequests = 1_024, own = "a1") {
  const warmed: string[] = [];
  const clusters = new Clusters((_service, { instance }) => {
    const pool: Partial<ClientPool> = { close: () => {}, warm: () => void warmed.push(instance) };
    return pool as ClientPool;
  }, own);
  const breaker = { ...outboundDefaults.breaker, maxRequests, ejectedPercentMax: 100 };
  const endpoints = where.map((zone, at) => ({
    instance: `i${at}`,
    host: "h",
    port: at + 1,
    labels: zone === undefined ? {} : { zone },
  }));
  const update = (): void =>
    clusters.update({ orders: { ...outboundDefaults, balance, breaker } }, { orders: endpoints });
  update();
  const cluster = clusters.get("orders");
  if (cluster === undefined) throw new Error("no cluster");
  return { cluster, clusters, warmed, endpoints, update };
}

const nowMs = 1_000;

function eject(cluster: Cluster, ...at: number[]): void {
  for (const one of at)
    for (let n = 0; n < 5; n++) cluster.record(cluster.endpoints[one] as ClusterEndpoint, "failure", nowMs, nowMs);
}

/** Shares of the zones of many requests, in percent. */
function shares(cluster: Cluster, keys = false): Record<string, number> {
  const random = randomOf(3);
  const counts: Record<string, number> = {};
  for (let n = 0; n < 4_000; n++) {
    const hashKey = keys ? Math.floor(random() * 2 ** 32) : undefined;
    const picked = cluster.pick({ subset: undefined, hashKey }, NONE, nowMs, random());
    if (picked !== undefined) cluster.done(picked);
    const zone = picked?.endpoint.labels.zone ?? "none";
    counts[zone] = (counts[zone] ?? 0) + 1;
  }
  return Object.fromEntries(Object.entries(counts).map(([zone, count]) => [zone, Math.round(count / 40)]));
}

const WHERE = ["a1", "a1", "a1", "a1", "b1", "b1", "c1", "c1", undefined];

test.each(["peak-ewma", "least-request", "round-robin"] as const)(
  "%s stays in its zone, and spills in proportion",
  (policy) => {
    const { cluster } = clusterOf(WHERE, { policy, zones });
    expect(shares(cluster)).toEqual({ a1: 100 });
    eject(cluster, 0);
    expect(shares(cluster)).toEqual({ a1: 100 });
    eject(cluster, 1);
    const half = shares(cluster);
    expect(half.a1).toBeGreaterThan(67);
    expect(half.a1).toBeLessThan(75);
    expect(half.c1).toBe(100 - (half.a1 ?? 0));
    eject(cluster, 2, 3);
    expect(shares(cluster)).toEqual({ c1: 100 });
    eject(cluster, 6, 7);
    expect(Object.keys(shares(cluster)).sort()).toEqual(["b1", "none"]);
  },
);

test("by hash the keys that leave their zone are always the same", () => {
  const { cluster } = clusterOf(WHERE, { policy: "consistent-hash", hash: { header: "x" }, zones });
  expect(shares(cluster, true)).toEqual({ a1: 100 });
  eject(cluster, 0, 1);
  const half = shares(cluster, true);
  expect(half.a1).toBeGreaterThan(67);
  expect(half.a1).toBeLessThan(75);
  for (let key = 0; key < 2 ** 32; key += 2 ** 27) {
    const picks = [0.1, 0.5, 0.9].map((random) =>
      cluster.pick({ subset: undefined, hashKey: key }, NONE, nowMs, random),
    );
    expect(new Set(picks).size).toBe(1);
  }
});

test("a zone whose instances are full spills, and when all are full nobody is picked", () => {
  const { cluster } = clusterOf(["a1", "a1", "c1"], { policy: "peak-ewma", zones }, 2);
  const wanted = { subset: undefined, hashKey: undefined };
  const picks = Array.from({ length: 7 }, () => cluster.pick(wanted, NONE, nowMs, 0.3)?.endpoint.labels.zone);
  expect(picks.filter((zone) => zone === "a1")).toHaveLength(4);
  expect(picks.filter((zone) => zone === "c1")).toHaveLength(2);
  expect(picks.at(-1)).toBeUndefined();
  expect(cluster.has(undefined)).toBe(true);
  cluster.done(cluster.endpoints[2] as ClusterEndpoint);
  expect(cluster.pick(wanted, NONE, nowMs, 0.3)?.endpoint.labels.zone).toBe("c1");
});

test("what was tried comes last: a retry leaves the zone before it comes back to the same instance", () => {
  const { cluster } = clusterOf(["a1", "c1", "b1"], { policy: "peak-ewma", zones });
  const wanted = { subset: undefined, hashKey: undefined };
  const tried = new Set<ClusterEndpoint>();
  const order = [0, 1, 2, 3].map(() => {
    const picked = cluster.pick(wanted, tried, nowMs, 0.99) as ClusterEndpoint;
    tried.add(picked);
    return picked.endpoint.labels.zone;
  });
  expect(order.slice(0, 3)).toEqual(["a1", "c1", "b1"]);
});

test("without a zone of its own, or a word in the document, a caller has no preference", () => {
  for (const { cluster } of [
    clusterOf(["a1", "b1"], { policy: "round-robin" }),
    clusterOf(["a1", "b1"], { policy: "round-robin", zones }, 10, "z9"),
  ])
    expect(shares(cluster)).toEqual({ a1: 50, b1: 50 });
});

test("a service in use gets connections ahead, to its own zone where that comes first, and to ten at most", () => {
  const { cluster, clusters, warmed, endpoints, update } = clusterOf(["a1", "b1"], { policy: "peak-ewma", zones });
  expect(warmed).toEqual([]);
  cluster.pick({ subset: undefined, hashKey: undefined }, NONE, performance.now(), 0.5);
  for (let n = 0; n < 15; n++) endpoints.push({ instance: `n${n}`, host: "h", port: 100 + n, labels: { zone: "a1" } });
  update();
  expect(warmed).toEqual(["i0", ...Array.from({ length: 9 }, (_, n) => `n${n}`)]);
  warmed.length = 0;
  clusters.renewConnections();
  expect(warmed).toHaveLength(10);
  warmed.length = 0;
  clusters.close();
  expect(warmed).toEqual([]);
});
