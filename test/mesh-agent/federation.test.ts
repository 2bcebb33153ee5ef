/** Workloads of another trust domain call a service: by certificates of their own roots alone, and only where a rule names them. */
import { request } from "node:https";
import { connect } from "node:tls";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { AccessRule } from "../../shared/policy/settings.ts";
import { type LeafOptions, makeAuthority, type TestAuthority, type TestLeaf } from "../support/certificates.ts";
import { Fleet, type TestAgent, until } from "./support/agents.ts";
import { TestControl } from "./support/control-plane.ts";

const PARTNER = "partner.example";
const BILLING = `spiffe://${PARTNER}/service/billing`;

const fleet = new Fleet();
let control: TestControl;
let web: TestAgent;
let partner: TestAuthority;
let other: TestAuthority;

beforeAll(async () => {
  [control, partner, other] = await Promise.all([
    TestControl.start(),
    makeAuthority(PARTNER),
    makeAuthority("other.example"),
  ]);
  control.setPlan("web", {});
  web = fleet.run("web-1", control.joinToken("web"));
  await web.ready();
}, 60_000);

afterAll(async () => {
  await fleet.end();
  await control.close();
});

let turn = 0;
async function believe(federated: Record<string, string[]> | undefined): Promise<void> {
  control.federated = federated;
  control.trustId = `federated-${++turn}`;
  control.announceTrust();
  const isSaid = () => control.heard.some((said) => said.type === "trusts" && said.id === control.trustId);
  await until("the agent has said so", isSaid);
}

let plans = 1;
async function lets(access: AccessRule[] | undefined): Promise<void> {
  control.setPlan("web", access === undefined ? {} : { access });
  plans++;
  await until("the service has it", async () => {
    const { text } = await web.admin("/config");
    return (JSON.parse(text) as { plan: { version: number } }).plan.version === plans;
  });
}

const rule = (from: string, more: Partial<AccessRule> = {}): AccessRule => ({ from, scopes: [], methods: [], ...more });

/** Status of a call; 0: the connection was refused. */
function call({ keyPem, certPem }: TestLeaf): Promise<number> {
  const { inbound = 0 } = web.runtime.ports;
  const tls = { key: keyPem, cert: certPem, ca: control.authority.rootPem, checkServerIdentity: () => undefined };
  return new Promise((resolve) => {
    const asked = request({ host: "127.0.0.1", port: inbound, path: "/", agent: false, ...tls }, (answer) => {
      answer.resume();
      answer.on("end", () => resolve(answer.statusCode ?? 0));
    });
    asked.on("error", () => resolve(0));
    asked.end();
  });
}
const callAs = async (authority: TestAuthority, service = "billing", options?: LeafOptions): Promise<number> =>
  call(await authority.issue(service, options));

test("nobody of another trust domain is let in before its roots are believed and a rule names them", async () => {
  expect(await callAs(partner)).toBe(0);
  await believe({ [PARTNER]: [partner.rootPem] });
  // No list: the own trust domain alone.
  expect(await callAs(partner)).toBe(403);
  await lets([rule("*")]);
  expect(await callAs(partner)).toBe(403);
  await lets([rule("*", { mode: "shadow" })]);
  expect(await callAs(partner)).toBe(403);
  await lets([rule(BILLING, { methods: ["GET"] })]);
  expect(await callAs(partner)).toBe(200);
  expect(await callAs(partner, "reports")).toBe(403);
  await lets([rule(BILLING, { methods: ["POST"] })]);
  expect(await callAs(partner)).toBe(403);
  await lets([rule(BILLING), rule("caller")]);
  expect(await callAs(partner)).toBe(200);
});

test("no authority vouches for another trust domain than its own", async () => {
  await believe({ [PARTNER]: [partner.rootPem], "other.example": [other.rootPem] });
  await lets([rule(BILLING), rule("caller"), rule("spiffe://other.example/service/billing")]);
  expect(await callAs(control.authority, "caller")).toBe(200);
  expect(await callAs(other)).toBe(200);
  const forged = (uri: string): LeafOptions => ({ uris: [uri] });
  const own = "spiffe://test.internal/service/caller";
  expect(await callAs(other, "billing", forged(BILLING)), "another partner").toBe(0);
  expect(await callAs(control.authority, "billing", forged(BILLING)), "the own authority").toBe(0);
  expect(await callAs(partner, "caller", forged(own)), "the own trust domain").toBe(0);
  expect(await callAs(partner, "billing", { uris: [BILLING, own] }), "two names").toBe(0);
  expect(await callAs(partner, "billing", forged(`spiffe://${PARTNER}.evil/service/billing`))).toBe(0);
  expect(await callAs(partner, "billing", { notAfter: new Date(Date.now() - 1_000) }), "ended").toBe(0);
  expect(await callAs(await makeAuthority(PARTNER)), "another root of the same name").toBe(0);
});

test("another root of the partner is followed, and connections that rest on what is gone end", async () => {
  const next = await makeAuthority(PARTNER);
  await believe({ [PARTNER]: [partner.rootPem] });
  await lets([rule(BILLING)]);
  const { keyPem, certPem } = await partner.issue("billing");
  const ca = control.authority.rootPem;
  const socket = connect({
    ...{ host: "127.0.0.1", port: web.runtime.ports.inbound ?? 0, key: keyPem, cert: certPem, ca },
    checkServerIdentity: () => undefined,
  });
  socket.on("error", () => undefined);
  const closed = new Promise<void>((resolve) => socket.once("close", () => resolve()));
  await new Promise((resolve) => socket.once("secureConnect", resolve));
  await believe({ [PARTNER]: [partner.rootPem, next.rootPem] });
  expect([await callAs(partner), await callAs(next), socket.destroyed]).toEqual([200, 200, false]);
  await believe({ [PARTNER]: [next.rootPem] });
  await closed;
  expect([await callAs(partner), await callAs(next)]).toEqual([0, 200]);
});

test("what a partner is believed by may be an authority that another one has signed", async () => {
  const [, issuer = ""] = (await partner.issue("billing")).certPem.split(/(?=-----BEGIN)/);
  await lets([rule(BILLING)]);
  await believe({ [PARTNER]: [issuer] });
  expect([await callAs(partner), await callAs(other)]).toEqual([200, 0]);
  expect(await callAs(partner, "billing", { uris: ["spiffe://test.internal/service/caller"] })).toBe(0);
});

test("what cannot be used of a bundle is left out, and the rest holds; an end of it ends all", async () => {
  await lets([rule(BILLING)]);
  const leaf = (await partner.issue("billing")).certPem;
  await believe({ [PARTNER]: ["rubbish", leaf, partner.rootPem], "test.internal": [other.rootPem] });
  expect(await callAs(partner)).toBe(200);
  expect(await callAs(other, "caller", { uris: ["spiffe://test.internal/service/caller"] })).toBe(0);
  await believe(undefined);
  expect(await callAs(partner)).toBe(0);
});
