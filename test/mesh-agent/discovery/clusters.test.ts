import { expect, test } from "vitest";
import type { ClusterEndpoint } from "../../../mesh-agent/discovery/cluster-endpoint.ts";
import { Clusters } from "../../../mesh-agent/discovery/clusters.ts";
import type { ClientPool } from "../../../mesh-agent/proxy/engine.ts";
import type { Endpoint } from "../../../shared/wire/endpoint.ts";
import { outboundDefaults } from "../support/control-plane.ts";

const endpoint = (instance: string, version = "v1", port = 1): Endpoint => ({
  instance,
  host: "127.0.0.1",
  port,
  labels: { version },
});

function fixture() {
  const closed: string[] = [];
  const clusters = new Clusters((_service, { instance }) => {
    const counts = { open: 0, idle: 0, waiting: 0, active: 0 };
    const pool: Partial<ClientPool> = { close: () => void closed.push(instance), counts: () => counts };
    return pool as ClientPool;
  });
  const settings = { ...outboundDefaults, subsets: { v1: { version: "v1" }, v2: { version: "v2" } } };
  const update = (...endpoints: Endpoint[]): void => clusters.update({ orders: settings }, { orders: endpoints });
  const cluster = () => {
    const found = clusters.get("orders");
    if (found === undefined) throw new Error("the service is missing");
    return found;
  };
  const picks = (count: number, subset?: string): (string | undefined)[] =>
    Array.from(
      { length: count },
      () => cluster().pick({ subset, hashKey: undefined }, new Set(), 1, 0.5)?.endpoint.instance,
    );
  return { clusters, closed, update, cluster, picks, settings };
}

test("turns go round among the endpoints of a subset", () => {
  const { update, picks } = fixture();
  update(endpoint("a"), endpoint("b"), endpoint("c", "v2"));
  expect(picks(4, "v1")).toEqual(["a", "b", "a", "b"]);
  expect(picks(2, "v2")).toEqual(["c", "c"]);
  expect(picks(4)).toEqual(["a", "b", "c", "a"]);
  expect(picks(1, "unknown")).toEqual([undefined]);
});

test("an endpoint that stays keeps connections and history, one that leaves or moves is closed", () => {
  const { update, cluster, closed } = fixture();
  update(endpoint("a"), endpoint("b"), endpoint("c"));
  for (const one of cluster().endpoints) cluster().pool(one);
  const [a] = cluster().endpoints as [ClusterEndpoint];
  a.breaker.failures = 2;
  update(endpoint("a"), endpoint("b", "v1", 2));
  expect(closed.sort()).toEqual(["b", "c"]);
  expect(cluster().endpoints[0]).toBe(a);
  expect(cluster().endpoints[0]?.breaker.failures).toBe(2);
});

test("what becomes of a request to an endpoint that has left says nothing of those that are there", () => {
  const { update, cluster } = fixture();
  update(endpoint("a"), endpoint("b"));
  const gone = cluster().endpoints[0] as ClusterEndpoint;
  update(endpoint("b"), endpoint("c"));
  for (let n = 0; n < 20; n++) cluster().record(gone, "failure", 1, 1);
  cluster().record(gone, "refused", 1, 1);
  expect(cluster().health).toMatchObject({ endpoints: 2, ejected: 0, out: 0 });
});

test("an endpoint that leaves while it is ejected makes room", () => {
  const { update, cluster } = fixture();
  update(endpoint("a"), endpoint("b"));
  for (let n = 0; n < 20; n++) cluster().record(cluster().endpoints[0] as ClusterEndpoint, "failure", 1, 1);
  expect(cluster().health).toMatchObject({ endpoints: 2, ejected: 1, out: 1 });
  update(endpoint("b"));
  expect(cluster().health).toMatchObject({ endpoints: 1, ejected: 0, out: 0 });
});

test("whoever joins later starts slowly, those of the first view do not", () => {
  const { update, cluster } = fixture();
  update(endpoint("a"));
  update(endpoint("a"), endpoint("b"));
  expect(cluster().endpoints.map(({ balance }) => balance.freshSinceMs > 0)).toEqual([false, true]);
});

test("new labels move an endpoint to another subset", () => {
  const { update, picks } = fixture();
  update(endpoint("a", "v1"));
  expect(picks(1, "v2")).toEqual([undefined]);
  update(endpoint("a", "v2"));
  expect(picks(1, "v2")).toEqual(["a"]);
});

test("a service that left the plan is gone with its connections", () => {
  const { clusters, update, cluster, closed } = fixture();
  update(endpoint("a"));
  for (const one of cluster().endpoints) cluster().pool(one);
  clusters.update({}, {});
  expect(clusters.get("orders")).toBeUndefined();
  expect(closed).toEqual(["a"]);
});

test("names of services are not names of objects' own making", () => {
  const { clusters, settings } = fixture();
  clusters.update({ constructor: settings }, {});
  expect(clusters.get("constructor")?.endpoints).toEqual([]);
});

test("two versions share endpoints, connections and what is known of them, and have settings of their own", () => {
  const { clusters, closed, settings } = fixture();
  const other = { ...settings, timeoutMs: 77 };
  const update = (second: typeof settings | undefined, ...endpoints: Endpoint[]): void =>
    clusters.update(
      { orders: settings },
      { orders: endpoints },
      second && { epoch: "8", services: { orders: second } },
    );
  update(other, endpoint("a"), endpoint("b"));
  const [one, two] = [clusters.get("orders", "7"), clusters.get("orders", "8")];
  if (one === undefined || two === undefined) throw new Error("a version is missing");
  expect([one, clusters.get("orders")]).toEqual([one, one]);
  expect([one.settings.timeoutMs, two.settings.timeoutMs]).toEqual([settings.timeoutMs, 77]);
  expect(two.endpoints).toBe(one.endpoints);
  expect([two.health, two.budget, two.mirrors]).toEqual([one.health, one.budget, one.mirrors]);
  expect(two.health).toBe(one.health);
  const picked = two.pick({ subset: undefined, hashKey: undefined }, new Set(), 1, 0.5);
  expect(picked?.balance.pending).toBe(1);
  expect(one.endpoints[0]?.balance.pending).toBe(1);
  if (picked !== undefined) expect(two.pool(picked)).toBe(one.pool(picked));
  update(undefined, endpoint("a"), endpoint("b"));
  expect([clusters.get("orders", "8"), closed]).toEqual([one, []]);
});

test("a service that one version alone knows keeps its endpoints when the other version takes its place", () => {
  const { clusters, closed, settings } = fixture();
  const view = { orders: [endpoint("a")], stock: [endpoint("s")] };
  clusters.update({ orders: settings }, view, { epoch: "8", services: { orders: settings, stock: settings } });
  expect(clusters.get("stock", "7")).toBeUndefined();
  const stock = clusters.get("stock", "8");
  for (const one of stock?.endpoints ?? []) stock?.pool(one);
  expect([...clusters].map(({ service }) => service)).toEqual(["orders", "stock"]);
  clusters.update({ orders: settings, stock: settings }, view, { epoch: "7", services: { orders: settings } });
  expect(clusters.get("stock", "8")).toBe(stock);
  expect(clusters.get("stock", "7")).toBeUndefined();
  expect(closed).toEqual([]);
  clusters.update({ orders: settings }, view);
  expect(closed).toEqual(["s"]);
});
