/** Revocations as gateways honour them: with the lease, for remembered tokens, and without the control plane. */
import { reset } from "cloudflare:test";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { Revocation } from "../../../shared/auth/revocations.ts";
import { limits } from "../../../shared/limits.ts";
import { type Gateway, startGateway } from "./support/gateway.ts";
import { createIssuer, ISSUER, type Issuer } from "./support/issuer.ts";
import { plan, route } from "./support/plans.ts";

const begin = Date.now();
const { planLeaseMs } = limits.gateway;
let issuer: Issuer;
let gateway: Gateway;
let nowMs: number;

beforeEach(async () => {
  await reset();
  nowMs = begin;
  issuer = await createIssuer();
  gateway = await startGateway(
    plan([route("orders", "/orders/*", { auth: { any: ["login"], scopes: [] } })]),
    ({ url }) => (url.startsWith(ISSUER) ? issuer.answer(url) : Response.json({ ok: true })),
  );
  vi.spyOn(Date, "now").mockImplementation(() => nowMs);
});
afterEach(() => vi.restoreAllMocks());

const status = async (token: string): Promise<number> =>
  (await gateway.fetch("/orders/1", { headers: { authorization: `Bearer ${token}` } })).status;

function revoke(revision: number, ...entries: Revocation[]): void {
  gateway.control.revocations = { revision, entries };
  nowMs += planLeaseMs;
}
const expiresAtMs = begin + 600_000;

test.each<[string, (iat: number) => Revocation]>([
  ["token", () => ({ jti: "t1", expiresAtMs })],
  ["subject", () => ({ sub: "alice", issuer: ISSUER, expiresAtMs })],
  ["time of issue", (iat) => ({ issuer: ISSUER, issuedBefore: iat + 1, expiresAtMs })],
])("a %s is refused as soon as the lease is renewed, also where the token is remembered", async (_, make) => {
  const iat = Math.floor(begin / 1000);
  const [token, other] = [
    await issuer.sign({ jti: "t1", iat }),
    await issuer.sign({ jti: "t2", sub: "bob", iat: iat + 1 }),
  ];
  nowMs += 2_000;
  expect([await status(token), await status(token), await status(other)]).toEqual([200, 200, 200]);
  revoke(1, make(iat));
  expect([await status(token), await status(other)]).toEqual([401, 200]);
  expect(gateway.logs.at(-2)).toMatchObject({
    error: "credentials_invalid",
    reason: expect.stringContaining("revoked"),
  });
  revoke(2);
  expect(await status(token)).toBe(200);
});

test("within the lease it is honoured in less than 5 s by a gateway that is asked all the time", async () => {
  const token = await issuer.sign({ jti: "t1" });
  expect(await status(token)).toBe(200);
  gateway.control.revocations = { revision: 1, entries: [{ jti: "t1", expiresAtMs }] };
  let elapsedMs = 0;
  while ((await status(token)) === 200) {
    elapsedMs += 100;
    nowMs += 100;
    expect(elapsedMs).toBeLessThan(5_000);
  }
  expect(elapsedMs).toBeLessThanOrEqual(planLeaseMs);
});

test("the list travels when it changed, and not with every lease", async () => {
  const token = await issuer.sign();
  await status(token);
  revoke(7, { jti: "x", expiresAtMs });
  await status(token);
  expect(gateway.control.asked.at(-1)?.revocations).toBeUndefined();
  nowMs += planLeaseMs;
  await status(token);
  expect(gateway.control.asked.at(-1)?.revocations).toBe(7);
  expect(gateway.control.listsSent).toBe(1);
});

test("a new plan keeps them", async () => {
  const token = await issuer.sign({ jti: "t1" });
  await status(token);
  revoke(1, { jti: "t1", expiresAtMs });
  expect(await status(token)).toBe(401);
  const open = route("more", "/more/*");
  gateway.control.plan = plan([route("orders", "/orders/*", { auth: { any: ["login"], scopes: [] } }), open]);
  gateway.control.version = 2;
  nowMs += planLeaseMs;
  expect(await status(token)).toBe(401);
  expect((await gateway.fetch("/more/1")).status).toBe(200);
});

test("an isolate that starts without the control plane knows them", async () => {
  const token = await issuer.sign({ jti: "t1" });
  await status(token);
  revoke(1, { jti: "t1", expiresAtMs });
  expect(await status(token)).toBe(401);
  gateway.control.mode = "down";
  gateway.restart();
  expect(await status(token)).toBe(401);
  expect(await status(await issuer.sign({ jti: "t2" }))).toBe(200);
});

test("a control plane that forgot them all is believed", async () => {
  const token = await issuer.sign({ jti: "t1" });
  await status(token);
  revoke(5, { jti: "t1", expiresAtMs });
  expect(await status(token)).toBe(401);
  revoke(0);
  expect(await status(token)).toBe(200);
});

test("the largest list fits into an answer", async () => {
  const { revocationsMax, revocationBytesMax } = limits.control;
  const pad = "x".repeat(
    Math.min(limits.identity.nameCharsMax - 10, Math.floor(revocationBytesMax / revocationsMax) - 30),
  );
  const token = await issuer.sign({ jti: `${revocationsMax - 1}${pad}` });
  expect(await status(token)).toBe(200);
  revoke(1, ...Array.from({ length: revocationsMax }, (_, at) => ({ jti: `${at}${pad}`, expiresAtMs })));
  expect(await status(token)).toBe(401);
});
