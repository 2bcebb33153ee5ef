import { expect, test } from "vitest";
import type { AccessLogEntry } from "../../../shared/http/access-log.ts";
import { type DecisionFacts, recordedDecisions } from "../../../shared/policy/recorded-decisions.ts";

const entry: AccessLogEntry = {
  ...{ time: "2026-07-01T12:00:00.000Z", kind: "access", hop: "gateway", service: "gateway", instance: "i" },
  ...{ traceId: "t", spanId: "s", method: "GET", host: "h", path: "/orders/1", status: 200, durationMs: 1, plan: 3 },
  route: "orders",
};
const route = { hasAuth: true, scopes: ["orders:read"], limits: ["by-ip"], target: "service orders" };
const identity = { method: "jwt", sub: "alice", issuer: "", scopes: [], groups: [], claims: {} } as const;
const told = (more: Partial<DecisionFacts>, of: Partial<AccessLogEntry> = {}) =>
  recordedDecisions({ route, isReplay: false, identity, ...more, entry: { ...entry, ...of } }).map(
    ({ stage, verdict, text }) => `${stage} ${verdict} ${text}`,
  );

test("a request that went through tells what let it pass, and where it went", () => {
  expect(
    told(
      { rateLimit: '"by-ip";r=12;t=34', identity: { ...identity, provider: "login" } },
      { cache: "miss", peer: "stock", endpoint: "stock-2", attempts: 3, variant: "canary" },
    ),
  ).toEqual([
    "route pass orders takes it",
    "auth pass alice by login, with orders:read",
    "limits pass by-ip has 12 left for 34 s",
    "traffic pass goes to the variant canary",
    "cache pass was not in it, and is now",
    "target pass stock stock-2, 3 attempts",
  ]);
  expect(told({}, { cache: "hit" }).at(-1)).toBe("cache pass answered from it");
});

test("a request that was refused tells nothing of what comes behind", () => {
  expect(
    recordedDecisions({
      route,
      isReplay: false,
      entry: { ...entry, error: "credentials_missing", reason: "no proof" },
    }),
  ).toEqual([
    { stage: "route", verdict: "pass", text: "orders takes it" },
    { stage: "auth", verdict: "deny", text: "credentials_missing: no proof" },
  ]);
  expect(told({ rateLimit: '"by-ip";r=0;t=9' }, { error: "limit_exceeded", status: 429 }).slice(1)).toEqual([
    "auth pass alice by jwt, with orders:read",
    "limits deny limit_exceeded; by-ip has 0 left for 9 s",
  ]);
});

test("what failed behind the gateway says where, and what would have refused it", () => {
  const wouldRefuse = [{ policy: "limit", error: "limit_exceeded", limit: "strict" }] as const;
  expect(told({}, { error: "no_healthy_endpoint", reason: "all ejected", status: 503, wouldRefuse }).slice(-2)).toEqual(
    ["limits would-deny limit_exceeded by strict", "target deny service orders: no_healthy_endpoint: all ejected"],
  );
});

test("what met no route says why", () => {
  const { route: _, ...none } = entry;
  expect(recordedDecisions({ isReplay: false, entry: { ...none, error: "no_route", status: 404 } })).toEqual([
    { stage: "route", verdict: "deny", text: "no_route" },
  ]);
});
