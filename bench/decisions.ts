/** What the decisions of the mesh cost a request, without any socket. */

import { compileBreaker } from "../shared/plan/compile-balance.ts";
import { type BalanceQuestion, balanceStep, newBalancer } from "../shared/policy/balance.ts";
import { newEndpointLoad, observeLatency } from "../shared/policy/endpoint-load.ts";
import { newOutlier, newServiceHealth, outlierStep, recountHealth } from "../shared/policy/outlier.ts";
import type { BalanceSettings } from "../shared/policy/settings.ts";
import { randomOf } from "../test/support/queue-world.ts";
import type { Bench, Figure } from "./support/bench.ts";
import { spreadOf } from "./support/compare.ts";

const bench: Bench = {
  question: "What do choosing an endpoint and taking note of its answer cost?",
  run: async ({ quick }) => {
    const rounds = quick ? 3 : 9;
    const times = quick ? 200_000 : 1_000_000;
    return variants().map(({ name, what, run }): Figure => {
      run(times);
      return {
        name: `${name}_ns`,
        what: `${what}, ns`,
        spread: spreadOf(repeat(rounds, () => nanoseconds(run, times))),
      };
    });
  },
};
export default bench;

interface Variant {
  readonly name: string;
  readonly what: string;
  /** @param times how often */
  readonly run: (times: number) => void;
}

function variants(): Variant[] {
  const policies = ["peak-ewma", "least-request", "round-robin", "consistent-hash"] as const;
  const picks = policies.flatMap((policy) => [3, 30].map((count) => picking({ policy }, count)));
  return [...picks, observing(), judging()];
}

function picking(settings: BalanceSettings, count: number): Variant {
  const random = randomOf(1);
  const loads = Array.from({ length: count }, (_, at) => newEndpointLoad(`orders-${at}`, 1, 0));
  const state = newBalancer(loads, settings);
  const question: BalanceQuestion = { loads, settings, grades: undefined, random: 0, nowMs: 1_000, key: 1 };
  const run = (times: number): void => {
    for (let n = 0; n < times; n++) {
      question.random = random();
      question.key = n;
      question.nowMs += 0.01;
      const load = loads[balanceStep(state, question)];
      if (load !== undefined) load.pending = n & 3;
    }
  };
  return { name: `pick_${settings.policy.replace("-", "_")}_${count}`, what: `${settings.policy} of ${count}`, run };
}

function observing(): Variant {
  const load = newEndpointLoad("orders", 1, 0);
  let nowMs = 0;
  const run = (times: number): void => {
    for (let n = 0; n < times; n++) observeLatency(load, 5 + (n & 15), ++nowMs);
  };
  return { name: "observe_latency", what: "peak EWMA of one answer", run };
}

function judging(): Variant {
  const settings = compileBreaker(undefined);
  const health = newServiceHealth();
  const states = [newOutlier(), newOutlier(), newOutlier()] as const;
  recountHealth(health, states);
  let nowMs = 0;
  const run = (times: number): void => {
    for (let n = 0; n < times; n++) {
      const event = n % 50 === 0 ? "failure" : "success";
      outlierStep(states[(n % 3) as 0 | 1 | 2], health, event, ++nowMs, settings);
    }
  };
  return { name: "outlier_step", what: "breaker and success rate of one answer", run };
}

function nanoseconds(run: (times: number) => void, times: number): number {
  const before = process.hrtime.bigint();
  run(times);
  return Number(process.hrtime.bigint() - before) / times;
}

const repeat = (rounds: number, measure: () => number): number[] => Array.from({ length: rounds }, measure);
