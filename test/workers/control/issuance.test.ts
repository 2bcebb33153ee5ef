/** What the authority does not give, each with a line in the issuance log, and workloads that get nothing any more. */
import { evictDurableObject, runInDurableObject } from "cloudflare:test";
import * as x509 from "@peculiar/x509";
import { afterEach, beforeAll, describe, expect, test } from "vitest";
import { limits } from "../../../shared/limits.ts";
import type { IssuanceEntry } from "../../../shared/wire/ca.ts";
import { toBase64 } from "../../../workers/control/authority/bytes.ts";
import {
  agentOf,
  applyShop,
  audit,
  authority,
  bundleAt,
  call,
  connect,
  enrol,
  enrolWith,
  hub,
  joinToken,
  makeCsr,
  P256,
  renewal,
  token,
} from "./support.ts";

const OWN = "spiffe://shop.internal/service/orders";
const named = (...names: x509.JsonGeneralNames) => new x509.SubjectAlternativeNameExtension(names);
const url = (value: string) => ({ type: "url" as const, value });

const deny = (body: object) => call("POST", "/v1/denied", "admin", { author: "ann", ...body });
const log = async (): Promise<IssuanceEntry[]> => (await call("GET", "/v1/ca/log", "admin")).body.entries;

beforeAll(async () => {
  expect((await applyShop()).status).toBe(201);
});
afterEach(async () => {
  for (const { id } of (await call("GET", "/v1/denied", "admin")).body.denied)
    await call("DELETE", `/v1/denied/${id}`, "admin");
  await runInDurableObject(hub(), (_object, { storage }) => void storage.sql.exec("DELETE FROM instances"));
  await evictDurableObject(hub(), { webSockets: "close" });
});

const bytesOf = (csr: string): Uint8Array => Uint8Array.from(atob(csr), (character) => character.charCodeAt(0));
const good = async (): Promise<Uint8Array> => bytesOf((await makeCsr()).csr);

/** The outer SEQUENCE without a definite length: BER, not DER. */
function indefinite(der: Uint8Array): Uint8Array {
  const head = (der[1] ?? 0) < 0x80 ? 2 : 2 + ((der[1] ?? 0) & 0x7f);
  return Uint8Array.of(0x30, 0x80, ...der.subarray(head), 0, 0);
}

/** The outer length in one byte more than it needs. */
function longLength(der: Uint8Array): Uint8Array {
  const count = (der[1] ?? 0) & 0x7f;
  return Uint8Array.of(0x30, 0x80 | (count + 1), 0, ...der.subarray(2));
}

function changed(der: Uint8Array, at: number): Uint8Array {
  const copy = der.slice();
  copy[copy.length + at] = (copy[copy.length + at] ?? 0) ^ 1;
  return copy;
}

const withExtensions = async (...extensions: x509.Extension[]) => bytesOf((await makeCsr(P256, extensions)).csr);
const RSA = { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256", publicExponent: new Uint8Array([1, 0, 1]) };

test.each<[string, () => Promise<Uint8Array>, string]>([
  ["the name of another service", () => withExtensions(named(url("spiffe://shop.internal/service/users"))), "name"],
  ["a name of another trust domain", () => withExtensions(named(url("spiffe://bank.internal/service/orders"))), "name"],
  ["its own name and another one", () => withExtensions(named(url(OWN), url(`${OWN}2`))), "name"],
  ["a DNS name", () => withExtensions(named(url(OWN), { type: "dns", value: "bank.example" })), "bank.example"],
  ["an address", () => withExtensions(named({ type: "ip", value: "10.0.0.1" })), "10.0.0.1"],
  ["to be an authority", () => withExtensions(new x509.BasicConstraintsExtension(true)), "authority"],
  [
    "to sign certificates",
    () => withExtensions(new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign)),
    "sign certificates",
  ],
  ["a certificate for an RSA key", async () => bytesOf((await makeCsr({ ...RSA, modulusLength: 2048 })).csr), "P-256"],
  ["one for a short RSA key", async () => bytesOf((await makeCsr({ ...RSA, modulusLength: 1024 })).csr), "P-256"],
  ["one for P-384", async () => bytesOf((await makeCsr({ ...P256, namedCurve: "P-384" })).csr), "P-256"],
  ["one for Ed25519", async () => bytesOf((await makeCsr({ name: "Ed25519" })).csr), ""],
  ["one with a changed signature", async () => changed(await good(), -1), ""],
  ["one with a changed key", async () => changed(await good(), -120), ""],
  ["one that is too large", async () => new Uint8Array(limits.authority.csrBytesMax + 1), "more than"],
  ["one with bytes behind it", async () => Uint8Array.of(...(await good()), 0x05, 0x00), "exactly one"],
  ["one that is cut off", async () => (await good()).subarray(0, -3), "cut off"],
  ["one in BER of indefinite length", async () => indefinite(await good()), "definite"],
  ["one with a length that is not the shortest", async () => longLength(await good()), "shortest"],
  ["one that is nested without an end", async () => deep(40), "nested"],
  ["nothing", async () => new Uint8Array(0), "base64"],
])("who asks for %s is refused, and it is written down", async (_name, make, reason) => {
  const join = await joinToken("orders");
  const { status, body } = await enrolWith(join, toBase64(await make()), "orders-hostile");
  expect([status, body.code]).toEqual([400, "csr_invalid"]);
  const [entry] = await log();
  expect(entry).toMatchObject({ service: "orders", instance: "orders-hostile", cause: `join token ${join.id}` });
  expect((entry as { reason: string }).reason).toContain(reason);
  // The refusal did not use the token up.
  expect((await enrolWith(join, (await makeCsr()).csr, "orders-good")).status).toBe(200);
});

/** Sequences in sequences. */
function deep(levels: number): Uint8Array {
  let bytes = new Uint8Array(0);
  for (let level = 0; level < levels; level++) bytes = Uint8Array.of(0x30, bytes.length, ...bytes);
  return bytes;
}

test("an agent that asks for another's identity is refused, and it is written down", async () => {
  const { credentials, keys } = await enrol("orders", "orders-thief");
  const asks = async (name: string) => (await makeCsr(P256, [named(url(name))])).csr;
  const stolen = await renewal(await asks("spiffe://shop.internal/service/inventory"), keys);
  const refused = await call("POST", "/v1/renew", credentials.token, stolen);
  expect([refused.status, refused.body.code]).toEqual([400, "csr_invalid"]);
  expect((await log())[0]).toMatchObject({ service: "orders", instance: "orders-thief", cause: "renewal" });
  const own = await renewal(await asks(OWN), keys);
  expect((await call("POST", "/v1/renew", credentials.token, own)).status).toBe(200);
});

test("a token with another agent's key is refused, and it is written down", async () => {
  const [one, other] = [await enrol("orders", "orders-a"), await enrol("users", "users-a")];
  const request = await renewal((await makeCsr()).csr, one.keys);
  expect((await call("POST", "/v1/renew", other.credentials.token, request)).status).toBe(401);
  expect((await log())[0]).toMatchObject({ service: "users", instance: "users-a", cause: "renewal" });
});

test("join tokens that are forged or used again are written down; those of strangers up to a bound", async () => {
  const { csr } = await makeCsr();
  const join = await joinToken("orders");
  expect((await enrolWith({ ...join, secret: "AAAA" }, csr, "orders-forged")).status).toBe(401);
  expect((await log())[0]).toMatchObject({ instance: "orders-forged", reason: expect.stringContaining("not bound") });
  await enrolWith(join, csr, "orders-first");
  expect((await enrolWith(join, csr, "orders-again")).status).toBe(401);
  expect((await log())[0]).toMatchObject({ instance: "orders-again", reason: expect.stringContaining("used") });
  const before = (await log()).length;
  const asked = limits.authority.strangersKeptPerMinute + 20;
  for (let n = 0; n < asked; n++)
    expect((await enrolWith({ ...join, id: `unknown-${n}` }, csr, "stranger")).status).toBe(401);
  // A minute may have turned meanwhile.
  expect((await log()).length - before).toBeLessThan(asked);
});

test("an instance gets no more certificates than can be revoked together, until older ones end", async () => {
  const { credentials, keys } = await enrol("orders", "orders-greedy");
  const nowMs = Date.now();
  await runInDurableObject(authority(), (_object, { storage }) => {
    for (let n = 1; n < limits.authority.leavesOfInstanceMax; n++)
      storage.sql.exec(
        "INSERT INTO leaves (serial, service, instance, root, key, not_after) VALUES (?, 'orders', 'orders-greedy', '', '', ?)",
        `${n}`,
        nowMs + 60_000,
      );
  });
  const refused = await call("POST", "/v1/renew", credentials.token, await renewal((await makeCsr()).csr, keys));
  expect([refused.status, refused.body.code]).toEqual([429, "issuance_limited"]);
  await runInDurableObject(authority(), (_object, { storage }) => {
    storage.sql.exec("UPDATE leaves SET not_after = ? WHERE serial = '1'", nowMs - 1);
  });
  expect((await call("POST", "/v1/renew", credentials.token, await renewal((await makeCsr()).csr, keys))).status).toBe(
    200,
  );
});

test("the log is not for gateways and agents", async () => {
  for (const path of ["/v1/ca", "/v1/ca/log", "/v1/denied"])
    expect((await call("GET", path, await token({ role: "gateway" }))).status).toBe(403);
});

describe("a denied workload", () => {
  test("of a service is cut off, gets no certificate and no connection, and everybody hears of it", async () => {
    const denied = await agentOf("users", "users-denied");
    const other = await agentOf("orders", "orders-other");
    const { status, body } = await deny({ service: "users", reason: "leaked" });
    expect(status).toBe(201);
    expect((await denied.agent.untilClosed()).code).toBe(4004);
    const { denied: list } = await bundleAt(other.agent, (trust) => trust.denied !== undefined);
    expect(list).toEqual({ services: ["users"], serials: [] });
    await expect(connect(denied.token)).rejects.toThrow("403");
    const late = await enrolWith(await joinToken("users"), (await makeCsr()).csr, "users-late");
    expect([late.status, late.body.code]).toEqual([403, "workload_denied"]);
    // The one that is denied is waited for by nobody.
    const { agents } = (await call("GET", "/v1/status", "admin")).body;
    expect(agents.map(({ instance }: { instance: string }) => instance)).toEqual(["orders-other"]);
    await evictDurableObject(authority());
    expect((await call("GET", "/v1/denied", "admin")).body.denied).toMatchObject([
      { service: "users", reason: "leaked" },
    ]);

    expect((await call("DELETE", `/v1/denied/${body.id}`, "admin")).status).toBe(200);
    await bundleAt(other.agent, (trust) => trust.denied === undefined);
    (await connect(denied.token)).close();
    expect((await call("DELETE", `/v1/denied/${body.id}`, "admin")).body.code).toBe("revocation_unknown");
    const acts = (await audit()).map(({ act, detail }) => `${act} ${detail}`);
    expect(acts.slice(0, 3)).toEqual(["unrevoke service users", "join-token service users", "revoke service users"]);
  });

  test("that is one instance: all its certificates are denied, and those of others of the service are not", async () => {
    const denied = await agentOf("orders", "orders-bad");
    const other = await agentOf("orders", "orders-ok");
    await denied.renew(denied.trust);
    await deny({ service: "orders", instance: "orders-bad" });
    const { denied: list } = await bundleAt(other.agent, (trust) => trust.denied !== undefined);
    expect(list?.services).toEqual([]);
    expect(list?.serials).toHaveLength(2);
    expect(list?.serials).toContain(denied.serial);
    expect(list?.serials).not.toContain(other.serial);
    await expect(connect(denied.token)).rejects.toThrow("403");
    (await connect(other.token)).close();
  });

  test("that is one certificate: its key gets no other", async () => {
    const { credentials, keys } = await enrol("orders", "orders-serial");
    const { serialNumber } = new x509.X509Certificate(credentials.certificates[0] ?? "");
    expect((await deny({ serial: "abc123" })).body.detail).toContain("abc123");
    const first = await deny({ serial: serialNumber.toUpperCase() });
    expect(first.status).toBe(201);
    expect((await deny({ serial: serialNumber })).body.id).toBe(first.body.id);
    const request = await renewal((await makeCsr()).csr, keys);
    expect((await call("POST", "/v1/renew", credentials.token, request)).status).toBe(403);
    expect((await enrol("orders", "orders-serial")).credentials.service).toBe("orders");
  });

  test.each([[{}], [{ service: "users", jti: "x" }], [{ instance: "users-1" }], [{ serial: "not hex" }]])(
    "is named by one thing: %j is refused",
    async (body) => {
      expect((await deny(body)).status).toBe(400);
    },
  );
});
