/** Policies in shadow: who would be refused passes, as nobody else than who was proven, and is told and counted. */
import { decodeJwt } from "jose";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { AuthSettings } from "../../../shared/auth/compose.ts";
import type { DecisionPoint } from "../../../shared/auth/decision.ts";
import { limits } from "../../../shared/limits.ts";
import type { RoutePlan } from "../../../shared/plan/plan.ts";
import type { IdempotencySettings } from "../../../shared/policy/idempotency.ts";
import { type Gateway, startGateway } from "./support/gateway.ts";
import { createIssuer, type Issuer } from "./support/issuer.ts";
import { plan, route } from "./support/plans.ts";

const POINT = "https://pdp.example/access/v1/evaluation";
const point: DecisionPoint = {
  ...{ kind: "authzen", url: POINT, headers: {}, claims: [] },
  ...{ timeoutMs: 5_000, rememberMs: 10_000, onFailure: "closed" },
};
const shadow: AuthSettings = { any: ["login"], scopes: ["orders:read"], mode: "shadow" };
const keys: IdempotencySettings = {
  ...{ required: true, ttlMs: 60_000, methods: ["POST"], header: "idempotency-key", unquoted: false },
  ...{ fingerprintHeaders: [], answerBytesMax: 1_000, onUnknown: "refuse", mode: "shadow" },
};

let issuer: Issuer;
let gateway: Gateway;
let decide: () => Response | Promise<Response>;
beforeEach(async () => {
  issuer = await createIssuer();
  decide = () => Response.json({ decision: true });
});
afterEach(() => vi.restoreAllMocks());

async function start(more: Partial<RoutePlan>, issues = true): Promise<void> {
  const routes = [route(`orders-${crypto.randomUUID()}`, "/orders/{id}", more)];
  gateway = await startGateway(plan(routes, { decisions: { pdp: point } }), (request) => {
    if (request.url === POINT) return decide();
    return (
      (issues || !request.url.startsWith(issuer.url)
        ? issuer.answer(request.url)
        : new Response(null, { status: 500 })) ?? Response.json({ ok: true })
    );
  });
}

/** Status, and what the log says of it. */
async function ask(init: RequestInit = {}): Promise<[number, unknown]> {
  const answer = await gateway.fetch("/orders/1", init);
  expect(answer.headers.get("www-authenticate")).toBeNull();
  await gateway.settled();
  const { wouldRefuse } = gateway.logs.findLast(({ kind }) => kind === "access") ?? {};
  return [answer.status, wouldRefuse];
}
const bearer = (token: string): RequestInit => ({ headers: { authorization: `Bearer ${token}` } });
const sentOn = (): Headers =>
  gateway.sent.findLast(({ url }) => url !== POINT && !url.startsWith(issuer.url))?.headers ?? new Headers();
const told = (): Record<string, unknown> => decodeJwt(sentOn().get("txn-token") ?? "");
const would = (error: string, reason: unknown = expect.anything()): unknown => [
  200,
  [{ policy: "auth", error, reason }],
];

/** Counted by policy and code, as it was reported. */
async function counted(): Promise<Record<string, number>> {
  const later = Date.now() + limits.counters.reportEveryMs;
  vi.spyOn(Date, "now").mockImplementation(() => later);
  await gateway.fetch("/nothing");
  await gateway.settled();
  const reports = new Map(gateway.control.asked.flatMap(({ counted: one }) => (one ? [[one.seq, one]] : [])));
  const series = [...reports.values()].flatMap((one) => one.series).filter(({ kind }) => kind === "shadow");
  return Object.fromEntries(series.map(({ labels, counts }) => [labels.slice(1).join(" "), counts.requests ?? 0]));
}

describe("auth", () => {
  test("whoever proves nothing passes as anonymous, whatever they say of themselves", async () => {
    await start({ auth: shadow });
    expect(await ask()).toEqual(would("credentials_missing", "no credentials"));
    expect(told()).toMatchObject({ sub: "anonymous", scope: "" });
    expect(await ask(bearer("no.good.token"))).toEqual(would("credentials_invalid"));
    expect(told()).toMatchObject({ sub: "anonymous", scope: "" });
    expect(sentOn().get("authorization")).toBeNull();
    expect(await counted()).toEqual({ "auth credentials_missing": 1, "auth credentials_invalid": 1 });
  });

  test("whoever is known passes as who that is, with no scope that was not proven", async () => {
    await start({ auth: shadow });
    const poor = await issuer.sign({ scope: "orders:write" });
    expect(await ask(bearer(poor))).toEqual(would("scope_missing", "misses orders:read"));
    expect(told()).toMatchObject({ sub: "alice", scope: "orders:write" });
    expect(await ask(bearer(await issuer.sign()))).toEqual([200, undefined]);
    expect(await counted()).toEqual({ "auth scope_missing": 1, "auth ": 1 });
  });

  test("an issuer that is away refuses nobody", async () => {
    await start({ auth: shadow }, false);
    expect(await ask(bearer(await issuer.sign()))).toEqual(would("issuer_unavailable"));
    expect(told()).toMatchObject({ sub: "anonymous" });
  });

  test("a part of what is asked for names nobody", async () => {
    const { any: _, ...rest } = shadow;
    await start({ auth: { ...rest, any: [], all: ["login", "partners"] } });
    expect(await ask(bearer(await issuer.sign()))).toEqual(would("credentials_invalid"));
    expect(told()).toMatchObject({ sub: "anonymous" });
  });
});

describe("a decision", () => {
  const forbid = { policy: "decision", error: "not_permitted", reason: expect.stringContaining("pdp") };
  const decision = { by: "pdp" };

  test.each<[string, AuthSettings]>([
    ["by itself", { any: ["login"], scopes: [], decision: { ...decision, mode: "shadow" } }],
    ["with the auth that it is part of", { any: ["login"], scopes: [], decision, mode: "shadow" }],
  ])("in shadow %s refuses nobody, and nobody waits for it", async (_, auth) => {
    await start({ auth });
    const asked = Promise.withResolvers<Response>();
    decide = () => asked.promise;
    const answer = await gateway.fetch("/orders/1", { ...bearer(await issuer.sign()), whole: false });
    expect(answer.status).toBe(200);
    asked.resolve(Response.json({ decision: false }));
    await gateway.settled();
    expect(gateway.logs.findLast(({ kind }) => kind === "access")).toMatchObject({ wouldRefuse: [forbid] });
    const { "auth ": __, ...counts } = await counted();
    expect(counts).toEqual({ "decision not_permitted": 1 });
  });

  test("whom it lets in is counted, too", async () => {
    await start({ auth: { any: ["login"], scopes: [], decision: { ...decision, mode: "shadow" } } });
    expect(await ask(bearer(await issuer.sign()))).toEqual([200, undefined]);
    expect(await counted()).toEqual({ "decision ": 1 });
  });
});

test("idempotency: a key that is missing or not valid is none, and a valid one holds", async () => {
  await start({ idempotency: keys });
  const post = (key?: string): RequestInit => ({
    ...{ method: "POST", body: "{}" },
    headers: { "content-type": "application/json", ...(key !== undefined && { "idempotency-key": key }) },
  });
  const lacks = (error: string): unknown => [200, [{ policy: "idempotency", error }]];
  expect(await ask(post())).toEqual(lacks("idempotency_key_missing"));
  expect(await ask(post("bare"))).toEqual(lacks("idempotency_key_invalid"));
  expect(gateway.sent).toHaveLength(2);
  const key = `"${crypto.randomUUID()}"`;
  expect([await ask(post(key)), await ask(post(key))]).toEqual([
    [200, undefined],
    [200, undefined],
  ]);
  expect(gateway.sent).toHaveLength(3);
  expect(await counted()).toEqual({
    "idempotency idempotency_key_missing": 1,
    "idempotency idempotency_key_invalid": 1,
    "idempotency ": 2,
  });
});

test.each([
  [{ sunsetAtMs: 1_000 }, "route_ended"],
  [{ brownouts: [{ fromMs: 0, untilMs: 9e12, percent: 100 }] }, "brownout"],
])("a life cycle of %j ends for nobody", async (lifeCycle, error) => {
  await start({ lifeCycle: { ...lifeCycle, mode: "shadow" } });
  expect(await ask()).toEqual([200, [{ policy: "lifecycle", error }]]);
  expect(await counted()).toEqual({ [`lifecycle ${error}`]: 1 });
});
