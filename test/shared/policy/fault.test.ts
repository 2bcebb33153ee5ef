import { expect, test } from "vitest";
import { chooseFault } from "../../../shared/policy/fault.ts";
import type { FaultRule } from "../../../shared/policy/settings.ts";

const request = { method: "GET", path: "/a", claims: undefined, scopes: undefined };
const rule = (change: Partial<FaultRule>): FaultRule => ({ headers: {}, untilMs: 1_000, ...change });
const choose = (rules: readonly FaultRule[], random: number, nowMs = 0) =>
  chooseFault(rules, request, () => undefined, nowMs, random);

test("the kinds of a rule share the requests, each gets one at most", () => {
  const rules = [
    rule({
      delay: { percent: 10, delayMs: 5 },
      abort: { percent: 20, status: 500 },
      reset: { percent: 5 },
      slowBody: { percent: 5, bytesPerSecond: 4096 },
    }),
  ];
  const kinds = [0, 0.099, 0.1, 0.299, 0.3, 0.349, 0.35, 0.399, 0.4, 0.999].map((at) => choose(rules, at)?.kind);
  expect(kinds).toEqual([
    "delay",
    "delay",
    "abort",
    "abort",
    "reset",
    "reset",
    "slow-body",
    "slow-body",
    undefined,
    undefined,
  ]);
});

test("the first rule that matches and is not over decides, also when it spares the request", () => {
  const abort = (status: number, percent = 100): Partial<FaultRule> => ({ abort: { percent, status } });
  expect(choose([rule({ path: "/b", ...abort(500) }), rule(abort(501))], 0.5)).toMatchObject({ status: 501 });
  expect(choose([rule({ ...abort(500), untilMs: 10 }), rule(abort(501))], 0.5, 10)).toMatchObject({ status: 501 });
  expect(choose([rule(abort(500, 10)), rule(abort(501))], 0.5)).toBeUndefined();
  expect(choose([rule(abort(500))], 0, 1_000)).toBeUndefined();
});
