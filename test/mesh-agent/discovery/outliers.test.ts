/** A service under load in virtual time: what callers see of an instance that fails half of its calls, and when it is back. */
import { expect, test } from "vitest";
import type { ClusterEndpoint } from "../../../mesh-agent/discovery/cluster-endpoint.ts";
import { type Cluster, Clusters } from "../../../mesh-agent/discovery/clusters.ts";
import type { BalanceSettings } from "../../../shared/policy/settings.ts";
import { randomOf } from "../../support/queue-world.ts";
import { outboundDefaults } from "../support/control-plane.ts";

const PER_SECOND = 100;

interface Flight {
  readonly endpoint: ClusterEndpoint;
  readonly tookMs: number;
  readonly failed: boolean;
  readonly endMs: number;
}

function world(policy: BalanceSettings["policy"], seed: number) {
  const clusters = new Clusters(() => {
    throw new Error("nothing is sent");
  });
  const endpoints = ["a", "b", "c"].map((instance) => ({ instance, host: "h", port: 1, labels: {} }));
  clusters.update({ orders: { ...outboundDefaults, balance: { policy } } }, { orders: endpoints });
  const cluster = clusters.get("orders") as Cluster;
  const random = randomOf(seed);
  let flights: Flight[] = [];
  let nowMs = 1_000_000;
  let probesMax = 0;
  const land = (untilMs: number): void => {
    const over = flights.filter(({ endMs }) => endMs <= untilMs).sort((one, other) => one.endMs - other.endMs);
    flights = flights.filter(({ endMs }) => endMs > untilMs);
    for (const { endpoint, tookMs, failed, endMs } of over) {
      cluster.record(endpoint, failed ? "failure" : "success", endMs - tookMs, endMs, { tookMs, failed, pauseMs: 0 });
      cluster.done(endpoint);
    }
  };
  /** @returns the share of failures, and that of requests that the first endpoint got, by second */
  const run = (seconds: number, failsShare: number): { failed: number; first: number }[] => {
    const each: { failed: number; first: number }[] = [];
    for (let second = 0; second < seconds; second++) {
      let failures = 0;
      let first = 0;
      for (let n = 0; n < PER_SECOND; n++) {
        nowMs += 1_000 / PER_SECOND;
        land(nowMs);
        const endpoint = cluster.pick({ subset: undefined, hashKey: undefined }, new Set(), nowMs, random());
        if (endpoint === undefined) throw new Error("no endpoint");
        const isFirst = endpoint === cluster.endpoints[0];
        const failed = isFirst && random() < failsShare;
        const tookMs = 5 + random() * 40;
        if (isFirst) first++;
        if (failed) failures++;
        flights.push({ endpoint, tookMs, failed, endMs: nowMs + tookMs });
        const probing = flights.filter(
          (one) =>
            one.endpoint.breaker.probedAtMs !== 0 && one.endMs - one.tookMs >= one.endpoint.breaker.ejectedUntilMs,
        );
        probesMax = Math.max(probesMax, probing.length);
      }
      each.push({ failed: failures / PER_SECOND, first: first / PER_SECOND });
    }
    return each;
  };
  return { run, cluster, probesMax: () => probesMax };
}

const mean = (values: readonly number[]): number => values.reduce((sum, one) => sum + one, 0) / values.length;

test.each(["peak-ewma", "least-request", "round-robin"] as const)(
  "%s: an instance that fails half of its calls is out within 10 s, and back within 90 s of its recovery",
  (policy) => {
    for (let seed = 1; seed <= 10; seed++) {
      const { run, cluster, probesMax } = world(policy, seed);
      const fair = mean(run(20, 0).map(({ first }) => first));
      expect(fair).toBeGreaterThan(0.2);
      run(10, 0.5);
      const ill = run(300, 0.5);
      expect(mean(ill.map(({ failed }) => failed))).toBeLessThan(0.01);
      // Each minute for itself, not only on average.
      for (let at = 0; at < ill.length; at += 60)
        expect(mean(ill.slice(at, at + 60).map(({ failed }) => failed))).toBeLessThan(0.01);
      expect(probesMax()).toBeLessThanOrEqual(1);
      run(90, 0);
      expect(cluster.health.ejected).toBe(0);
      expect(mean(run(20, 0).map(({ first }) => first))).toBeGreaterThan(0.2);
    }
  },
);

test("of 64 callers at a time exactly one probes, whatever becomes of requests that were sent before", () => {
  const clusters = new Clusters(() => {
    throw new Error("nothing is sent");
  });
  const endpoints = ["a", "b", "c"].map((instance) => ({ instance, host: "h", port: 1, labels: {} }));
  clusters.update({ orders: { ...outboundDefaults, balance: { policy: "round-robin" } } }, { orders: endpoints });
  const cluster = clusters.get("orders") as Cluster;
  const [bad] = cluster.endpoints as [ClusterEndpoint];
  const { consecutiveFailures, ejectForMs } = cluster.settings.breaker;
  const random = randomOf(7);
  /** Picks for so many at the same moment. @returns those that got the failing one, and gives the others back as well */
  const callers = (count: number, nowMs: number): number => {
    let got = 0;
    for (let n = 0; n < count; n++) {
      const one = cluster.pick(
        { subset: undefined, hashKey: undefined },
        new Set(),
        nowMs,
        random(),
      ) as ClusterEndpoint;
      if (one === bad) got++;
      else {
        cluster.record(one, "success", nowMs, nowMs);
        cluster.done(one);
      }
    }
    return got;
  };
  let nowMs = 1_000;
  const early = callers(192, nowMs);
  expect(early).toBe(64);
  for (let n = 0; n < consecutiveFailures; n++) cluster.record(bad, "failure", nowMs, nowMs);
  expect(callers(64, nowMs + 1)).toBe(0);
  let ejectedMs = ejectForMs;
  for (const outcome of ["failure", "abandoned", "success"] as const) {
    nowMs += ejectedMs;
    expect(callers(64, nowMs)).toBe(1);
    // Requests from before the ejection end while the probe is on its way.
    for (const event of ["abandoned", "success", "failure", "refused", "abandoned"] as const) {
      cluster.record(bad, event, 1_000, nowMs + 1);
      expect(callers(64, nowMs + 1)).toBe(0);
    }
    expect(cluster.health.ejected).toBe(1);
    cluster.record(bad, outcome, nowMs, nowMs + 2);
    // One that was given up says nothing: the next is the probe, at once.
    if (outcome === "abandoned") ejectedMs = 2;
    else if (outcome === "failure") ejectedMs *= 2;
    if (outcome === "failure") nowMs += 2;
  }
  expect(cluster.health.ejected).toBe(0);
  expect(callers(192, nowMs + 3)).toBe(64);
});

test("in panic the probe that was sent first decides, however many are sent beside it", () => {
  const clusters = new Clusters(() => {
    throw new Error("nothing is sent");
  });
  const breaker = { ...outboundDefaults.breaker, ejectedPercentMax: 100, panicPercent: 100 };
  const endpoints = ["a", "b"].map((instance) => ({ instance, host: "h", port: 1, labels: {} }));
  clusters.update(
    { orders: { ...outboundDefaults, breaker, balance: { policy: "round-robin" } } },
    { orders: endpoints },
  );
  const cluster = clusters.get("orders") as Cluster;
  for (const one of cluster.endpoints)
    for (let n = 0; n < breaker.consecutiveFailures; n++) cluster.record(one, "failure", 1, 1);
  expect(cluster.health.ejected).toBe(2);
  // A steady load, each answered only after the next were sent.
  let nowMs = 1 + breaker.ejectForMs;
  const flights: { one: ClusterEndpoint; sentMs: number }[] = [];
  for (let n = 0; n < 40 && cluster.health.ejected > 0; n++) {
    nowMs += 5;
    const one = cluster.pick({ subset: undefined, hashKey: undefined }, new Set(), nowMs, 0.5) as ClusterEndpoint;
    flights.push({ one, sentMs: nowMs });
    const over = n < 8 ? undefined : flights.shift();
    if (over !== undefined) cluster.record(over.one, "success", over.sentMs, nowMs);
  }
  expect(cluster.health.ejected).toBe(0);
});
