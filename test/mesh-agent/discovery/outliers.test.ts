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
      cluster.record(endpoint, failed ? "failure" : "success", endMs, { tookMs, failed, pauseMs: 0 });
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
