import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { renewAtMs } from "../../../mesh-agent/tls/identity.ts";
import { limits } from "../../../shared/limits.ts";
import { emptySessions, instanceKey, stepSessions } from "../../../shared/policy/agent-sessions.ts";
import { outageAlarms } from "../../../shared/policy/alarms.ts";
import { stepHub } from "../../../shared/policy/hub.ts";
import { type HubEvent, newHub } from "../../../shared/policy/hub-state.ts";
import { certificateTerms } from "../../../shared/policy/issuance.ts";
import {
  fleetBudget,
  goodUntil,
  outageBoundMs,
  outageBudgetMs,
  viewAgeMs,
} from "../../../shared/policy/outage-budget.ts";
import { RETURNS } from "../../support/return-settings.ts";

const HOUR = 3_600_000;

describe("one agent", () => {
  test.each([
    ["the certificate", { certificateMs: 5, trustMs: 9, tokenMs: 8 }, { atMs: 5, by: "certificate" }],
    ["the root", { certificateMs: 9, trustMs: 5, tokenMs: 8 }, { atMs: 5, by: "trust" }],
    ["the token", { certificateMs: 9, trustMs: 8, tokenMs: 5 }, { atMs: 5, by: "token" }],
    ["no token that it knows of", { certificateMs: 9, trustMs: 8 }, { atMs: 8, by: "trust" }],
  ])("%s ends first", (_what, ends, until) => {
    expect(goodUntil(ends)).toEqual(until);
  });

  test("nothing is left after the end", () => {
    const until = goodUntil({ certificateMs: 100, trustMs: 200 });
    expect([0, 99, 100, 101].map((nowMs) => outageBudgetMs(until, nowMs))).toEqual([100, 1, 0, 0]);
  });

  test("that renews from one third on has 16 hours at any moment of a certificate of 24", () => {
    const moment = fc.double({ min: 0, max: 1, noNaN: true });
    const random = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 4e12 }), random, moment, (issuedMs, jitter, at) => {
        const terms = certificateTerms(limits.certificate.leafLifetimeMs, 1e15, issuedMs, new Uint8Array(16));
        const nowMs = issuedMs + (renewAtMs(terms, jitter) - issuedMs) * at;
        const tokenMs = issuedMs + limits.control.agentTokenLifetimeMs;
        const until = goodUntil({ certificateMs: terms.notAfterMs, trustMs: 1e15, tokenMs });
        return outageBudgetMs(until, nowMs) >= 16 * HOUR;
      }),
    );
  });

  test.each([
    ["connected", { connected: true, lostMs: 5, toldMs: 1 }, 0],
    ["away since the connection ended", { connected: false, lostMs: 60, toldMs: 10 }, 40],
    ["started without the control plane", { connected: false, lostMs: undefined, toldMs: 10 }, 90],
    ["not there", { connected: true, lostMs: undefined, toldMs: undefined }, undefined],
    ["of a clock that was set back", { connected: false, lostMs: undefined, toldMs: 500 }, 0],
  ])("the age of a view: %s", (_what, times, ageMs) => {
    expect(viewAgeMs(times, 100)).toBe(ageMs);
  });
});

describe("the fleet", () => {
  const agent = (instance: string, atMs: number) => ({ service: "s", instance, until: { atMs, by: "certificate" } });

  test("is as good as its worst", () => {
    const found = fleetBudget([agent("a", 20), agent("b", 12), agent("c", 14)], 10, 5);
    expect(found).toMatchObject({ instance: "b", budgetMs: 2, boundMs: 5, below: 2 });
    expect(fleetBudget([], 10, 5)).toBeUndefined();
  });

  test("raises one alarm, below the bound alone", () => {
    const alarm = (atMs: number) => outageAlarms(fleetBudget([agent("a", atMs), agent("b", 99 * HOUR)], 0, 12 * HOUR));
    expect(alarm(12 * HOUR)).toEqual([]);
    expect(outageAlarms(undefined)).toEqual([]);
    expect(alarm(11.5 * HOUR)).toMatchObject([
      {
        code: "outage_budget",
        agent: "s/a",
        agents: 1,
        text: "1 agent goes on for less than 12 h without the control plane; `s/a` for 11 h 30 min (certificate)",
      },
    ]);
    expect(alarm(-1)[0]?.text).toContain("`s/a` has nothing left");
  });

  test("of short lives has a bound of half of them, unless one is set", () => {
    expect(outageBoundMs(undefined, 24 * HOUR)).toBe(12 * HOUR);
    expect(outageBoundMs(undefined, HOUR)).toBe(HOUR / 2);
    expect(outageBoundMs(3 * HOUR, HOUR)).toBe(3 * HOUR);
  });
});

describe("renewing all", () => {
  const settings = {
    leaseMs: 20_000,
    graceMs: 1_000,
    ...RETURNS,
    forgetAfterMs: 3_600_000,
    instancesMax: 10,
    marksMax: 10,
  };
  const hello = (instance: string, connection: string): HubEvent => ({
    ...{ type: "hello", service: "s", instance, connection, planVersion: 1, certificateNotAfterMs: 9 },
  });
  const standing = (instance: string, connection: string, renewal?: string): HubEvent => ({
    ...{ type: "standing", key: instanceKey("s", instance), connection, renewal },
    outage: { atMs: 50, by: "certificate" },
  });

  test("tells those that are connected and have not acknowledged, over a new connection too", () => {
    const state = newHub();
    const step = (event: HubEvent) => stepHub(state, event, 0, settings);
    step(hello("a", "c1"));
    step(hello("b", "c2"));
    step(hello("gone", "c3"));
    step({ type: "closed", key: instanceKey("s", "gone"), connection: "c3" });
    const renew: HubEvent = { type: "renew", id: "r1", withinMs: 100 };
    expect(step(renew).sends).toEqual([{ to: ["c1", "c2"], message: renew }]);
    expect(step(standing("a", "c1", "r1")).touched).toEqual([instanceKey("s", "a")]);
    step(hello("a", "c4"));
    expect(step(renew).sends).toEqual([{ to: ["c2"], message: renew }]);
    step(standing("b", "an older connection", "r1"));
    expect(step(renew).sends).toEqual([{ to: ["c2"], message: renew }]);
    step(standing("b", "c2", "r1"));
    expect(step(renew).sends).toEqual([]);
    expect(step({ ...renew, id: "r2" }).sends[0]?.to).toEqual(["c4", "c2"]);
  });

  test("what an agent says of its standing is that of its last word", () => {
    const state = emptySessions();
    const key = instanceKey("s", "a");
    const about = { service: "s", instance: "a", planVersion: 1, certificateNotAfterMs: 9 };
    stepSessions(state, { type: "hello", connection: "c1", ...about, outage: { atMs: 9, by: "token" } }, 0, settings);
    expect(state.instances[key]?.outage).toEqual({ atMs: 9, by: "token" });
    const said = { type: "standing", key, connection: "c1", outage: { atMs: 20, by: "certificate" } } as const;
    stepSessions(state, said, 0, settings);
    expect(state.instances[key]?.outage).toEqual({ atMs: 20, by: "certificate" });
    stepSessions(state, { type: "hello", connection: "c2", ...about }, 0, settings);
    expect(state.instances[key]?.outage).toBeUndefined();
  });
});
