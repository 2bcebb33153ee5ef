import { expect, test } from "vitest";
import { limits } from "../../../shared/limits.ts";
import {
  type CallerState,
  type CallerView,
  type Seen,
  seenAs,
  stepCaller,
  tellAnew,
} from "../../../shared/policy/caller-view.ts";

const settings = limits.fleet;
const endpoint = (instance: string, seen: Seen = "well") => ({ instance, seen, good: 5, failed: 2 });
const view = (requests: number, retries: number, ...endpoints: CallerView["endpoints"]): CallerView[] => [
  { service: "s", requests, retries, endpoints },
];

test.each([
  ["all went well", 10, 0, false, "well"],
  ["few failed", 10, 9, false, "well"],
  ["half failed", 10, 10, false, "failing"],
  ["two failed, nothing else was sent", 0, 2, false, "none"],
  ["three failed", 0, 3, false, "failing"],
  ["nothing was sent", 0, 0, false, "none"],
  ["it is out for its failures", 0, 0, true, "failing"],
] as const)("%s", (_what, goodAll, failedAll, isOut, seen) => {
  expect(seenAs({ goodAll, failedAll }, isOut, settings.failuresMin)).toBe(seen);
});

test("a caller for whom all is well is quiet, but for a whole report now and then", () => {
  const state: CallerState = new Map();
  expect(stepCaller(state, view(0, 0, endpoint("a", "none")), 0, settings)).toEqual([]);
  const whole = { service: "s", requests: 10, retries: 0, whole: true, endpoints: [endpoint("a")] };
  expect(stepCaller(state, view(10, 0, endpoint("a")), 10_000, settings)).toEqual([whole]);
  for (let nowMs = 20_000; nowMs < 310_000; nowMs += 10_000)
    expect(stepCaller(state, view(99, 0, endpoint("a")), nowMs, settings)).toEqual([]);
  expect(stepCaller(state, view(100, 0, endpoint("a")), 310_000, settings)).toEqual([{ ...whole, requests: 90 }]);
});

test("changes are told, failures again while they last, retries whenever there were some", () => {
  const state: CallerState = new Map();
  const step = (nowMs: number, retries: number, ...endpoints: CallerView["endpoints"]) =>
    stepCaller(state, view(10, retries, ...endpoints), nowMs, settings).map((report) => [
      report.retries,
      report.endpoints.map(({ instance, seen }) => `${instance} ${seen}`),
    ]);
  step(0, 0, endpoint("a"), endpoint("b"));
  expect(step(10_000, 0, endpoint("a", "failing"), endpoint("b"))).toEqual([[0, ["a failing"]]]);
  expect(step(20_000, 0, endpoint("a", "failing"), endpoint("b"))).toEqual([]);
  expect(step(30_000, 3, endpoint("a", "failing"), endpoint("b"))).toEqual([[3, []]]);
  expect(step(40_000, 3, endpoint("a", "failing"), endpoint("b"))).toEqual([[0, ["a failing"]]]);
  expect(step(50_000, 3, endpoint("a"))).toEqual([[0, ["a well", "b none"]]]);
  expect(step(60_000, 3, endpoint("a", "none"))).toEqual([[0, ["a none"]]]);
});

test("after a new connection everything is told, and nothing is counted twice", () => {
  const state: CallerState = new Map();
  stepCaller(state, view(10, 1, endpoint("a")), 0, settings);
  tellAnew(state);
  const [report] = stepCaller(state, view(12, 1, endpoint("a")), 10_000, settings);
  expect(report).toEqual({ service: "s", requests: 2, retries: 0, whole: true, endpoints: [endpoint("a")] });
});

test("a report has bounds; failing endpoints come first, and what did not fit follows", () => {
  const state: CallerState = new Map();
  const bounds = { ...settings, reportServicesMax: 2, reportEndpointsMax: 3, callerEndpointsMax: 2 };
  const many = [endpoint("a"), endpoint("b"), endpoint("c", "failing")];
  const views = ["s1", "s2", "s3"].map((service) => ({ service, requests: 0, retries: 0, endpoints: many }));
  const names = () =>
    stepCaller(state, views, 0, bounds).map(({ service, endpoints }) => [
      service,
      ...endpoints.map((one) => one.instance),
    ]);
  expect(names()).toEqual([["s1", "c", "a"]]);
  expect(names()).toEqual([
    ["s1", "b"],
    ["s2", "c", "a"],
  ]);
});
