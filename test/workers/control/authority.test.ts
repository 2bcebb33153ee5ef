/** Rotations of root and issuer, and issuers from outside, as agents and administrators see them. */
import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import * as x509 from "@peculiar/x509";
import { beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import type { CaStatus } from "../../../shared/wire/ca.ts";
import { uriNameConstraints } from "../../../workers/control/authority/name-constraints.ts";
import {
  agentOf,
  applyShop,
  audit,
  authority,
  bundleAt,
  call,
  enrol,
  enrolWith,
  hub,
  joinToken,
  makeCsr,
  P256,
} from "./support.ts";

const ca = async (): Promise<CaStatus> => (await call("GET", "/v1/ca", "admin")).body;
const order = (path: string, body: object = {}) => call("POST", `/v1/ca/${path}`, "admin", { author: "ann", ...body });
const look = () => runDurableObjectAlarm(authority());

const step = async () => (await ca()).rotation?.step;
/** The step, after the alarm went off. */
const advanced = async () => {
  await look();
  return step();
};

beforeAll(async () => {
  expect((await applyShop()).status).toBe(201);
});
beforeEach(async () => {
  await runInDurableObject(hub(), (_object, { storage }) => void storage.sql.exec("DELETE FROM instances"));
  await runInDurableObject(authority(), (_object, { storage }) => {
    for (const table of ["leaves", "denied"]) storage.sql.exec(`DELETE FROM ${table}`);
  });
  await evictDurableObject(hub(), { webSockets: "close" });
});

/** Nobody is there: every step passes. */
async function finish(): Promise<void> {
  await expect.poll(advanced).toBeUndefined();
}

describe("a rotation of the root", () => {
  test("waits for every agent at each step, names them, and survives the death of the authority", async () => {
    const before = (await ca()).roots[0]?.fingerprint;
    const one = await agentOf("orders", "orders-1");
    const other = await agentOf("users", "users-1");
    expect((await order("rotations", { what: "root" })).status).toBe(202);
    const both = await bundleAt(one.agent, ({ roots }) => roots.length === 2);
    expect(both.issuer).toBeUndefined();
    one.agent.send({ type: "trusts", id: both.id ?? "" });
    await expect
      .poll(async () => (await ca()).rotation?.waitingFor)
      .toMatchObject({ live: 1, away: 0, named: [{ name: "users/users-1", connected: true }] });
    await evictDurableObject(authority());
    await look();
    expect(await step()).toBe("trust");
    other.agent.send({ type: "trusts", id: (await bundleAt(other.agent, ({ roots }) => roots.length === 2)).id ?? "" });
    await expect.poll(advanced).toBe("renew");

    const wanted = await bundleAt(one.agent, ({ issuer }) => issuer !== undefined);
    expect(wanted.renewWithinMs).toBeGreaterThan(0);
    const [, issuer] = await one.renew(wanted);
    expect((await ca()).issuer?.pem.trim()).toBe(issuer?.trim());
    await expect.poll(async () => (await ca()).rotation?.waitingFor.live).toBe(1);
    // One that says it and has not done it: its old certificate holds the step back.
    other.agent.send({ type: "trusts", id: wanted.id ?? "" });
    await expect.poll(async () => (await ca()).rotation?.waitingFor.live).toBe(0);
    await look();
    expect((await ca()).rotation).toMatchObject({
      step: "renew",
      waitingFor: { leaves: 1, leavesNamed: [{ name: "users/users-1" }] },
    });
    await other.renew(wanted);
    await expect.poll(advanced).toBe("remove");
    for (const { agent } of [one, other]) {
      const last = await bundleAt(agent, ({ roots }) => roots.length === 1);
      agent.send({ type: "trusts", id: last.id ?? "" });
    }
    await finish();
    const after = await ca();
    expect(after.roots.map(({ fingerprint, state }) => [fingerprint === before, state])).toEqual([[false, "signs"]]);
    const details = (await audit()).slice(0, 4).map(({ act, detail }) => `${act} ${detail.split(",")[0]}`);
    expect(details).toEqual([
      "ca-step root: step remove passed",
      "ca-step root: step renew passed",
      "ca-step root: step trust passed",
      "ca-rotate root: begun",
    ]);
  });

  test("goes past one that is away when it is forced, and not before", async () => {
    const gone = await agentOf("orders", "orders-gone");
    gone.agent.close();
    await expect.poll(async () => (await call("GET", "/v1/status", "admin")).body.agents[0]?.state).toBe("offline");
    await order("rotations", { what: "root" });
    await look();
    expect((await ca()).rotation?.waitingFor).toMatchObject({ live: 0, away: 1 });
    expect((await order("rotations/force", { step: "renew", whom: "away" })).status).toBe(409);
    expect((await order("rotations/force", { step: "trust", whom: "away" })).status).toBe(200);
    await finish();
  });

  test("is given up at its first step alone", async () => {
    await agentOf("orders", "orders-abort");
    const { fingerprint } = (await ca()).roots[0] ?? {};
    await order("rotations", { what: "root" });
    expect((await order("rotations", { what: "root" })).body.detail).toContain("step trust");
    expect((await order("rotations/abort")).status).toBe(200);
    expect((await ca()).roots.map((root) => root.fingerprint)).toEqual([fingerprint]);
    expect((await order("rotations/abort")).status).toBe(409);
  });

  test("leaves join tokens from before it good: the old root vouches for the new one", async () => {
    const early = await joinToken("orders");
    for (let turn = 0; turn < 2; turn++) {
      await order("rotations", { what: "root" });
      await finish();
    }
    const { status, body } = await enrolWith(early, (await makeCsr()).csr, "orders-early");
    expect(status).toBe(200);
    expect(body.lineage).toHaveLength(4);
    const late = await enrolWith(await joinToken("orders"), (await makeCsr()).csr, "orders-late");
    expect(late.body.lineage).toBeUndefined();
  });
});

test("an authority from before roots could change goes on as it is, and so do its certificates", async () => {
  const { roots, issuer } = await ca();
  await agentOf("orders", "orders-before");
  await runInDurableObject(authority(), (_object, { storage }) => {
    for (const table of ["authority_state", "leaves"]) storage.sql.exec(`DELETE FROM ${table}`);
    storage.sql.exec("UPDATE keys SET root = '', chain = ''");
  });
  await evictDurableObject(authority());
  expect(await ca()).toMatchObject({ roots, issuer });
  await order("rotations", { what: "root" });
  await order("rotations/force", { step: "trust", whom: "all" });
  expect((await ca()).rotation).toMatchObject({ step: "renew", waitingFor: { leaves: expect.any(Number) } });
  expect((await ca()).rotation?.waitingFor.leavesNamed).toContainEqual(
    expect.objectContaining({ name: "orders/orders-before" }),
  );
  await finish();
});

test("another issuing key of the same root: every agent renews, nothing else changes", async () => {
  const before = await ca();
  const one = await agentOf("orders", "orders-issuer");
  await order("rotations", { what: "issuer" });
  await one.renew(await bundleAt(one.agent, ({ issuer }) => issuer !== undefined));
  await finish();
  const after = await ca();
  expect(after.roots).toEqual(before.roots);
  expect(after.issuer?.fingerprint).not.toBe(before.issuer?.fingerprint);
});

test("an issuer is replaced by itself in the last third of its life, and nobody has to hurry", async () => {
  const before = await ca();
  const one = await agentOf("orders", "orders-old");
  vi.spyOn(Date, "now").mockReturnValue(Date.now() + 250 * 86_400_000);
  try {
    const after = await ca();
    expect(after.issuer?.fingerprint).not.toBe(before.issuer?.fingerprint);
    expect([after.roots, after.rotation]).toEqual([before.roots, undefined]);
    await expect.poll(async () => (await audit())[0]?.detail).toContain("replaced by itself");
    expect(one.agent.messages.filter(({ type }) => type === "trust")).toEqual([]);
  } finally {
    vi.restoreAllMocks();
  }
});

interface Chain {
  readonly root: x509.X509Certificate;
  readonly key: CryptoKey;
}

async function makeRoot(extensions = [new x509.BasicConstraintsExtension(true)], algorithm = P256): Promise<Chain> {
  const keys = (await crypto.subtle.generateKey(algorithm, true, ["sign", "verify"])) as CryptoKeyPair;
  const name = `CN=offline ${crypto.randomUUID()}`;
  const root = await x509.X509CertificateGenerator.createSelfSigned({
    ...{ name, keys, signingAlgorithm: algorithm, extensions },
    ...{ notBefore: new Date(Date.now() - 60_000), notAfter: new Date(Date.now() + 9e11) },
  });
  return { root, key: keys.privateKey };
}

async function sign(
  csr: string,
  { root, key }: Chain,
  extensions: x509.Extension[] = [new x509.BasicConstraintsExtension(true, 0, true)],
  change: Partial<x509.X509CertificateCreateWithKeyParams> = {},
): Promise<string> {
  const made = await x509.X509CertificateGenerator.create({
    ...{ subject: "CN=our issuer", issuer: root.subject, signingKey: key, signingAlgorithm: P256, extensions },
    publicKey: new x509.Pkcs10CertificateRequest(csr).publicKey,
    ...{ notBefore: new Date(Date.now() - 60_000), notAfter: new Date(Date.now() + 9e9), ...change },
  } as x509.X509CertificateCreateParams);
  return made.toString("pem");
}

describe("an issuer from outside", () => {
  const constraints = (host: string) => new x509.Extension("2.5.29.30", true, uriNameConstraints(host));
  const authorityOf = new x509.BasicConstraintsExtension(true, 0, true);

  test.each<[string, (csr: string, outside: Chain) => Promise<string>, string]>([
    ["nothing", async () => "", "no certificate"],
    ["a private key", async () => "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----", "PRIVATE KEY"],
    ["no root", async (csr, outside) => sign(csr, outside), "is missing"],
    ["another key", async (_csr, { root }) => root.toString("pem"), "selvage ca csr"],
    [
      "another root of the same name",
      async (csr, outside) => {
        const forged = await makeRoot();
        const { root } = await x509OfName(outside.root.subject);
        return (await sign(csr, { root: outside.root, key: forged.key })) + root;
      },
      "not signed by",
    ],
    ["a leaf", (csr, outside) => chain(csr, outside, [new x509.BasicConstraintsExtension(false)]), "CA:TRUE"],
    [
      "a key that may not sign",
      (csr, outside) => chain(csr, outside, [authorityOf, new x509.KeyUsagesExtension(1, true)]),
      "may not sign",
    ],
    [
      "one for mail alone",
      (csr, outside) => chain(csr, outside, [authorityOf, new x509.ExtendedKeyUsageExtension(["1.3.6.1.5.5.7.3.4"])]),
      "extended key usage",
    ],
    [
      "another trust domain",
      (csr, outside) => chain(csr, outside, [authorityOf, constraints("bank.internal")]),
      "name constraints permit URIs of bank.internal",
    ],
    [
      "an extension that nobody knows",
      (csr, outside) => chain(csr, outside, [authorityOf, new x509.Extension("1.2.3.4", true, new Uint8Array([5, 0]))]),
      "not understood",
    ],
    [
      "one that ends soon",
      (csr, outside) => chain(csr, outside, [authorityOf], { notAfter: new Date(Date.now() + 3_600_000) }),
      "ends at",
    ],
    [
      "one that begins later",
      (csr, outside) => chain(csr, outside, [authorityOf], { notBefore: new Date(Date.now() + 3_600_000) }),
      "begins at",
    ],
    [
      "a root that allows no authority below",
      async (csr) => chain(csr, await makeRoot([new x509.BasicConstraintsExtension(true, 0)]), [authorityOf]),
      "path length",
    ],
  ])("with %s is refused, and nothing changes", async (_name, make, reason) => {
    const before = await ca();
    const { csr } = (await order("csr")).body;
    const { status, body } = await order("import", { chain: await make(csr, await makeRoot()) });
    expect([status, body.code]).toEqual([422, "certificate_refused"]);
    expect(body.detail).toContain(reason);
    expect((await ca()).roots).toEqual(before.roots);
  });

  test("comes in by the same steps, and tokens of its root say why they are not good after the next", async () => {
    const early = await joinToken("orders");
    const outside = await makeRoot();
    const { csr } = (await order("csr")).body;
    expect((await order("csr")).body.csr).toBe(csr);
    const { status, body } = await order("import", { chain: await chain(csr, outside, [authorityOf]) });
    expect(status).toBe(202);
    expect(body.warnings).toEqual([expect.stringContaining("name constraints"), expect.stringContaining("key usage")]);
    await finish();
    const used = await ca();
    expect(used.roots.map(({ subject, external }) => [subject, external])).toEqual([[outside.root.subject, true]]);
    expect(used.csrPending).toBe(false);
    const { credentials } = await enrol("orders", "orders-outside");
    expect(credentials.roots[0]?.trim()).toBe(outside.root.toString("pem").trim());
    // The root before was our own, and could vouch for it.
    expect((await enrolWith(early, (await makeCsr()).csr, "orders-early-outside")).status).toBe(200);

    expect((await order("rotations", { what: "issuer" })).body.detail).toContain("signed outside");
    expect((await order("rotations", { what: "root" })).body.detail).toContain("--self-made");
    const later = await joinToken("orders");
    // The issuer that follows may be one of the same root; this one ends soon.
    const second = (await order("csr", { fresh: true })).body.csr;
    const soon = { notAfter: new Date(Date.now() + 10 * 86_400_000) };
    expect((await order("import", { chain: await chain(second, outside, [authorityOf], soon) })).status).toBe(202);
    const alarm = { code: "issuer_ends", endsAtMs: Math.floor(soon.notAfter.getTime() / 1000) * 1000 };
    expect((await ca()).alarms).toMatchObject([alarm]);
    expect((await call("GET", "/v1/status", "admin")).body.alarms).toMatchObject([alarm]);
    await runInDurableObject(authority(), (_object, { storage }) => void storage.sql.exec("DELETE FROM leaves"));
    await finish();
    expect((await ca()).roots).toEqual(used.roots);
    expect((await order("rotations", { what: "root", selfMade: true })).status).toBe(202);
    await finish();
    expect((await ca()).roots[0]?.external).toBe(false);
    const outdated = await enrolWith(later, (await makeCsr()).csr, "orders-later");
    expect([outdated.status, outdated.body.code]).toEqual([409, "join_token_outdated"]);
  });

  async function chain(
    csr: string,
    outside: Chain,
    extensions: x509.Extension[],
    change: Parameters<typeof sign>[3] = {},
  ): Promise<string> {
    return `${await sign(csr, outside, extensions, change)}\n${outside.root.toString("pem")}`;
  }

  async function x509OfName(subject: string): Promise<{ root: string }> {
    const keys = (await crypto.subtle.generateKey(P256, true, ["sign", "verify"])) as CryptoKeyPair;
    const extensions = [new x509.BasicConstraintsExtension(true)];
    const made = await x509.X509CertificateGenerator.createSelfSigned({
      ...{ name: subject, keys, signingAlgorithm: P256, extensions },
      ...{ notBefore: new Date(Date.now() - 60_000), notAfter: new Date(Date.now() + 9e11) },
    });
    return { root: made.toString("pem") };
  }
});
