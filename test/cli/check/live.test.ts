import { expect, test } from "vitest";
import { judgeLive, lifetimeIn } from "../../../cli/check/live.ts";
import type { SecretPlaces } from "../../../cli/check/secret-places.ts";
import type { AgentStatus, Drift, Status } from "../../../shared/wire/admin.ts";

const HOUR = 3_600_000;
const NOW = 1_800_000_000_000;
const agent: AgentStatus = {
  instance: "1",
  service: "orders",
  version: 7,
  state: "current",
  phase: "ready",
  lastSeenMsAgo: 10,
  certificateNotAfterMs: NOW + 20 * HOUR,
};
const gateway = { isolate: "g1", version: 7, state: "current", leaseEndsInMs: 1000 } as const;
const well: Status = { nowMs: NOW, version: 7, hash: "abc", gateways: [gateway], agents: [agent], keys: [] };
const broken: Drift = {
  route: "orders",
  operation: "getOrder",
  side: "response",
  place: "body /id",
  keyword: "type",
  requests: 3,
  firstAtMs: NOW - HOUR,
  lastAtMs: NOW,
};

const secrets: SecretPlaces = new Map([["API_KEY", { place: "routes.pay", usedAt: "selvage.yaml:12" }]]);
const lacking: Status = {
  ...well,
  alarms: [{ code: "secret_missing", secret: "API_KEY", gateways: 2, services: ["orders", "users"], text: "it is" }],
};

const judge = (status: Status, drift: readonly Drift[] = [], lifetimeMs = 24 * HOUR) =>
  judgeLive({ status, drift, lifetimeMs, secrets, askedAtMs: NOW, answeredAtMs: NOW });
const foundIn = (...args: Parameters<typeof judge>): string[] =>
  judge(...args).flatMap(({ findings }) => findings.map(({ severity, code, place }) => `${severity} ${code} ${place}`));
const withAgent = (more: Partial<AgentStatus>): Status => ({ ...well, agents: [{ ...agent, ...more }] });

test("all is well: what was looked at is said", () => {
  expect(judge(well).map(({ title, well: said, findings }) => [title, said, findings])).toEqual([
    ["control plane", ["version 7 is live (abc)"], []],
    ["gateways", ["1 gateway holds a lease"], []],
    ["mesh", ["1 agent is connected"], []],
    ["contracts", ["none was broken lately"], []],
  ]);
});

test.each<[string, Status, string[]]>([
  ["a certificate in its middle", withAgent({ certificateNotAfterMs: NOW + 9 * HOUR }), []],
  [
    "one that was not renewed",
    withAgent({ certificateNotAfterMs: NOW + 5 * HOUR }),
    ["warning SLV3250 agents.orders/1"],
  ],
  ["one that has ended", withAgent({ certificateNotAfterMs: NOW - 1 }), ["error SLV3250 agents.orders/1"]],
  ["one of an agent that is away", withAgent({ certificateNotAfterMs: NOW - 1, state: "offline" }), []],
  ["an agent behind", withAgent({ state: "behind", version: 6 }), ["warning SLV3251 agents.orders/1"]],
  ["one that refuses", withAgent({ state: "refused", reason: "no" }), ["error SLV3251 agents.orders/1"]],
  [
    "a gateway that refuses",
    { ...well, gateways: [{ ...gateway, state: "refused", reason: "no secret" }] },
    ["error SLV3251 gateways.g1"],
  ],
  [
    "an alarm",
    { ...well, alarms: [{ code: "upstream_unhealthy", upstream: "pay", requests: 1, text: "no target" }] },
    ["warning SLV3252 alarms.upstream_unhealthy"],
  ],
  ["secrets that are lacking", lacking, ["error SLV3260 routes.pay", "error SLV3260 routes.pay"]],
  ["a clock a little off", { ...well, nowMs: NOW + 4_999 }, []],
  ["a clock behind", { ...well, nowMs: NOW + 5_000 }, ["warning SLV3254 clock"]],
  ["a clock far ahead", { ...well, nowMs: NOW - 61_000 }, ["error SLV3254 clock"]],
])("%s", (_what, status, expected) => expect(foundIn(status)).toEqual(expected));

test("secrets: who lacks them, the line that uses them, and what to do", () => {
  const [gateway, agents] = judge(lacking).flatMap(({ findings }) => findings);
  expect(gateway).toMatchObject({ fix: expect.stringContaining("SECRET_API_KEY") });
  expect(gateway?.message).toBe("secret API_KEY is missing at the gateway, used at selvage.yaml:12");
  expect(agents?.message).toBe("secret API_KEY is missing at agents of orders, users, used at selvage.yaml:12");
});

test("contracts: one finding for each route, what was last first", () => {
  const older = { ...broken, requests: 2, place: "body /old", lastAtMs: NOW - HOUR };
  const [found] = judge(well, [older, broken, { ...broken, route: "users", requests: 1 }]).at(-1)?.findings ?? [];
  expect(found).toMatchObject({ code: "SLV3253", place: "routes.orders", fix: "selvage drift --route orders" });
  expect(found?.message).toBe("5 requests broke the contract of route orders, last in the response at body /id (type)");
});

test("certificates live as long as the live document says", () => {
  expect(lifetimeIn({ mesh: { certificates: { lifetime: "1h" } } })).toBe(HOUR);
  expect(lifetimeIn(undefined)).toBe(24 * HOUR);
  const half = withAgent({ certificateNotAfterMs: NOW + 30 * 60_000 });
  expect(foundIn(half, [], HOUR)).toEqual([]);
});
