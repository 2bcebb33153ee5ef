/** Answers of sources, as their documentation shows them and as nobody should send them. */
import { describe, expect, test } from "vitest";
import { nextConsulIndex, readConsulEntries } from "../../../shared/discovery/consul-entries.ts";
import { dnsPauseMs, endpointsOfSrv, usedRecords } from "../../../shared/discovery/dns-records.ts";
import {
  endpointsOfSlices,
  newSlices,
  takeListPage,
  takeWatchEvent,
} from "../../../shared/discovery/endpoint-slices.ts";
import { limits } from "../../../shared/limits.ts";

describe("EndpointSlices", () => {
  /** As https://kubernetes.io/docs/concepts/services-networking/endpoint-slices/ shows it. */
  const documented = {
    apiVersion: "discovery.k8s.io/v1",
    kind: "EndpointSlice",
    metadata: { name: "example-abc", labels: { "kubernetes.io/service-name": "example" }, resourceVersion: "7" },
    addressType: "IPv4",
    ports: [{ name: "http", protocol: "TCP", port: 80 }],
    endpoints: [
      {
        addresses: ["10.1.2.3"],
        conditions: { ready: true },
        hostname: "pod-1",
        nodeName: "node-1",
        zone: "us-west2-a",
      },
    ],
  };
  const list = (...items: unknown[]) => ({ metadata: { resourceVersion: "10" }, items });
  const state = (...items: unknown[]) => {
    const made = newSlices();
    takeListPage(made, list(...items));
    return made;
  };
  const hosts = (items: readonly unknown[], port: string | number = "http"): string[] =>
    endpointsOfSlices(state(...items), port).map(({ host }) => host);
  const slice = (conditions: unknown, address = "10.0.0.1", more: object = {}) => ({
    ...documented,
    metadata: { name: `slice-${address}` },
    endpoints: [{ addresses: [address], conditions }],
    ...more,
  });

  test("the documented one, by the name and the number of its port", () => {
    const one = [{ host: "10.1.2.3", port: 80, labels: { zone: "us-west2-a" } }];
    expect(endpointsOfSlices(state(documented), "http")).toEqual(one);
    expect(endpointsOfSlices(state(documented), 80)).toEqual(one);
    expect(hosts([documented], "grpc")).toEqual([]);
    expect(hosts([documented], 81)).toEqual([]);
  });

  test.each([
    [{ ready: true, serving: true, terminating: false }, true],
    [{}, true],
    [null, true],
    [{ ready: null }, true],
    [{ ready: false }, false],
    [{ ready: false, serving: true, terminating: true }, false],
    [{ ready: true, serving: true, terminating: true }, false],
  ])("conditions %j beside one that is ready: %s", (conditions, isUsed) => {
    const all = hosts([slice({ ready: true }, "10.0.0.9"), slice(conditions)]);
    expect(all.includes("10.0.0.1")).toBe(isUsed);
  });

  test("where nobody is ready, those that terminate and serve do", () => {
    const leaving = { ready: false, serving: true, terminating: true };
    expect(hosts([slice(leaving), slice({ ready: false }, "10.0.0.2")])).toEqual(["10.0.0.1"]);
    expect(hosts([slice({ ready: false, serving: false, terminating: true })])).toEqual([]);
  });

  test("of both families IPv4, of names nothing", () => {
    const v6 = slice({}, "2001:db8::1", { addressType: "IPv6" });
    expect(hosts([v6])).toEqual(["2001:db8::1"]);
    expect(hosts([v6, slice({})])).toEqual(["10.0.0.1"]);
    expect(hosts([slice({}, "a.example", { addressType: "FQDN" })])).toEqual([]);
  });

  test("events change it; a bookmark moves on; 410 keeps what there is", () => {
    const slices = state(documented);
    expect(takeWatchEvent(slices, { type: "ADDED", object: slice({}, "10.0.0.2") })).toBe("changed");
    expect(takeWatchEvent(slices, { type: "DELETED", object: documented })).toBe("changed");
    expect(endpointsOfSlices(slices, "http").map(({ host }) => host)).toEqual(["10.0.0.2"]);
    const bookmark = { kind: "EndpointSlice", metadata: { resourceVersion: "99" }, endpoints: null };
    expect(takeWatchEvent(slices, { type: "BOOKMARK", object: bookmark })).toBe("alive");
    expect(slices.resourceVersion).toBe("99");
    expect(takeWatchEvent(slices, { type: "ERROR", object: { code: 410 } })).toBe("gone");
    expect(slices.resourceVersion).toBe("");
    expect(endpointsOfSlices(slices, "http").length).toBe(1);
  });

  test("pages are one list: until the last has come, the one before holds", () => {
    const slices = state(documented);
    const first = { metadata: { resourceVersion: "20", continue: "more" }, items: [slice({}, "10.0.0.1")] };
    expect(takeListPage(slices, first)).toBe("more");
    expect(endpointsOfSlices(slices, "http").map(({ host }) => host)).toEqual(["10.1.2.3"]);
    expect(takeListPage(slices, list(slice({}, "10.0.0.2")))).toBeUndefined();
    expect(endpointsOfSlices(slices, "http").map(({ host }) => host)).toEqual(["10.0.0.1", "10.0.0.2"]);
  });

  test("a list without an end is given up", () => {
    const slices = state(documented);
    const page = { metadata: { resourceVersion: "20", continue: "more" }, items: [] };
    expect(() => {
      for (let pages = 0; pages <= limits.discovery.slicesMax; pages++) takeListPage(slices, page);
    }).toThrow("too many pages");
    expect(endpointsOfSlices(slices, "http").length).toBe(1);
  });

  test.each([
    ["nothing", null],
    ["a text", "no"],
    ["a status", { kind: "Status", code: 403 }],
    ["a list of others", { metadata: { resourceVersion: "1" }, items: [{ kind: "Pod" }] }],
    [
      "too many",
      list(...Array.from({ length: limits.discovery.slicesMax + 1 }, (_, n) => slice({}, `10.0.${n >> 8}.${n & 255}`))),
    ],
  ])("%s is no list", (_, value) => {
    expect(() => takeListPage(newSlices(), value)).toThrow(RangeError);
  });

  test.each([
    ["nothing", null],
    ["no type", { object: documented }],
    ["an error", { type: "ERROR", object: { code: 500, message: "etcd is away" } }],
    ["a slice without a name", { type: "ADDED", object: { addressType: "IPv4" } }],
    ["a bookmark without a version", { type: "BOOKMARK", object: {} }],
  ])("%s is no event", (_, value) => {
    const slices = state(documented);
    expect(() => takeWatchEvent(slices, value)).toThrow(RangeError);
    expect(endpointsOfSlices(slices, "http").length).toBe(1);
  });
});

describe("Consul", () => {
  /** As https://developer.hashicorp.com/consul/api-docs/health shows it. */
  const documented = {
    Node: { ID: "40e4a748", Node: "foobar", Address: "10.1.10.12", Datacenter: "dc1" },
    Service: {
      ...{ ID: "redis", Service: "redis", Tags: ["primary"], Address: "10.1.10.13", Port: 8000 },
      ...{ Meta: { redis_version: "4.0" }, Weights: { Passing: 10, Warning: 1 }, Namespace: "default" },
    },
    Checks: [{ Node: "foobar", CheckID: "service:redis", Status: "passing" }],
  };

  test("the documented one", () => {
    const labels = { weight: "10", redis_version: "4.0" };
    expect(readConsulEntries([documented])).toEqual([{ name: "redis", host: "10.1.10.13", port: 8000, labels }]);
    const { Service } = documented;
    const located = { ...documented, Service: { ...Service, Address: "", Meta: null, Locality: { Zone: "a" } } };
    expect(readConsulEntries([located])[0]).toMatchObject({ host: "10.1.10.12", labels: { zone: "a" } });
  });

  test.each([null, {}, "no", [{}], [{ Node: {}, Service: {} }], [{ ...documented, Service: { ID: 1 } }]])(
    "%j is no list of instances",
    (value) => {
      expect(() => readConsulEntries(value)).toThrow(RangeError);
    },
  );

  test.each([
    [0, "5", 5],
    [5, "5", 5],
    [5, "9", 9],
    [9, "5", 0],
    [5, "0", 0],
    [5, undefined, 0],
    [5, "-1", 0],
    [5, "6; x", 0],
    [5, "99999999999999999999", 0],
  ])("after index %s the field %s gives %s", (before, field, next) => {
    expect(nextConsulIndex(before, field)).toBe(next);
  });
});

describe("DNS", () => {
  const record = (target: string, priority = 0, weight = 0) => ({ target, port: 80, priority, weight });

  test("of the records of SRV the lowest priority, and nobody where the target is the root", () => {
    const all = [record("b", 20), record("a", 10), record("c", 10)];
    expect(usedRecords(all).map(({ target }) => target)).toEqual(["a", "c"]);
    expect(usedRecords([record(".")])).toEqual([]);
    expect(usedRecords([record("")])).toEqual([]);
    const many = Array.from({ length: 1_000 }, (_, n) => record(`t${n}`));
    expect(usedRecords(many).length).toBe(limits.discovery.srvTargetsMax);
  });

  test("each address of a target is an endpoint; without addresses it is none", () => {
    const addresses = new Map([["a", ["10.0.0.1", "10.0.0.2"]]]);
    const found = endpointsOfSrv([record("a", 0, 7), record("b")], addresses);
    expect(found.map(({ host, labels }) => [host, labels])).toEqual([
      ["10.0.0.1", { weight: "7" }],
      ["10.0.0.2", { weight: "7" }],
    ]);
  });

  test.each([
    [[], 30_000, 30_000],
    [[5, 300], 30_000, 5_000],
    [[0], 30_000, 1_000],
    [[4_000_000_000], 30_000, 30_000],
    [[-1], 30_000, 30_000],
    [[7], 2_000, 2_000],
  ])("times to live %j within %s ms: %s", (ttls, everyMs, pauseMs) => {
    expect(dnsPauseMs(ttls, everyMs)).toBe(pauseMs);
  });
});
