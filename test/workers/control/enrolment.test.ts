import { runInDurableObject } from "cloudflare:test";
import * as x509 from "@peculiar/x509";
import { beforeAll, describe, expect, test } from "vitest";
import { hex } from "../../../shared/http/hex.ts";
import { limits } from "../../../shared/limits.ts";
import { macInput } from "../../../shared/wire/enrolment.ts";
import { keyHash } from "../../../workers/control/authority/key-proof.ts";
import {
  applyDocument,
  applyShop,
  authority,
  call,
  configStore,
  enrol,
  enrolWith,
  joinToken,
  macOf,
  makeCsr,
  P256,
  readJoinToken,
  renewal,
  shop,
  token,
} from "./support.ts";

const log = () =>
  runInDurableObject(authority(), (_object, { storage }) => storage.sql.exec("SELECT * FROM issued").toArray());

test("before the first apply nothing can join", async () => {
  const { status, body } = await call("POST", "/v1/join-tokens", "admin", { service: "orders" });
  expect(status).toBe(409);
  expect(body.code).toBe("document_missing");
});

test("as long as nothing was issued, the trust domain may still change", async () => {
  const document = { ...shop(), mesh: { trustDomain: "first.internal", services: { orders: { port: 8080 } } } };
  expect((await applyDocument(document)).status).toBe(201);
  const early = await joinToken("orders");
  expect((await applyShop("9s")).status).toBe(201);
  expect((await joinToken("orders")).root).not.toBe(early.root);
  const { status } = await enrolWith(early, (await makeCsr()).csr, "orders-early");
  expect(status).toBe(401);
});

const rollback = (version: number) => call("POST", "/v1/config/rollback", "admin", { version, author: "bob" });

test("a rollback to another trust domain takes the authority along as long as nothing was issued", async () => {
  const { root } = await joinToken("orders");
  expect((await rollback(1)).status).toBe(201);
  expect((await joinToken("orders")).root).not.toBe(root);
});

describe("with a document", () => {
  beforeAll(async () => {
    expect((await applyShop()).status).toBe(201);
  });

  test("a join token carries the URL, the root's fingerprint and an expiry", async () => {
    const before = Date.now();
    const { status, body } = await call("POST", "/v1/join-tokens", "admin", { service: "orders" });
    expect(status).toBe(201);
    expect(body.expiresAtMs).toBeGreaterThanOrEqual(before + limits.control.joinTokenLifetimeMs);
    const join = readJoinToken(body.token);
    expect(join.url).toBe("http://127.0.0.1:8788");
    const { roots } = (await enrol("orders", "orders-fingerprint")).credentials;
    const root = new x509.X509Certificate(roots[0] ?? "");
    expect(hex(new Uint8Array(await crypto.subtle.digest("SHA-256", root.rawData)))).toBe(join.root);
  });

  test("a join token is for a service of the document or the gateway, and lives at most so long", async () => {
    const unknown = await call("POST", "/v1/join-tokens", "admin", { service: "payments" });
    expect([unknown.status, unknown.body.code]).toEqual([409, "service_undeclared"]);
    expect((await call("POST", "/v1/join-tokens", "admin", { service: "gateway" })).status).toBe(201);
    const lifetimeMs = limits.control.joinTokenLifetimeMaxMs + 1;
    expect((await call("POST", "/v1/join-tokens", "admin", { service: "orders", lifetimeMs })).status).toBe(400);
  });

  test("the answer is bound to the secret and holds an X.509-SVID whatever subject the request names", async () => {
    const own = new x509.SubjectAlternativeNameExtension([
      { type: "url", value: "spiffe://shop.internal/service/orders" },
    ]);
    const { csr, keys } = await makeCsr(P256, [own]);
    const join = await joinToken("orders");
    const { status, body } = await enrolWith(join, csr, "orders-1");
    expect(status).toBe(200);
    expect(body.mac).toBe(await macOf(join.secret, macInput.answer({ id: join.id, instance: "orders-1" }, body)));
    expect([body.service, body.trustDomain, body.certificates.length]).toEqual(["orders", "shop.internal", 2]);

    const leaf = new x509.X509Certificate(body.certificates[0]);
    const issuer = new x509.X509Certificate(body.certificates[1]);
    const root = new x509.X509Certificate(body.roots[0]);
    expect(await leaf.verify({ publicKey: issuer.publicKey })).toBe(true);
    expect(await issuer.verify({ publicKey: root.publicKey })).toBe(true);
    expect(await root.isSelfSigned()).toBe(true);
    expect(leaf.publicKey.equal(await x509.PublicKey.create(keys.publicKey))).toBe(true);

    const names = leaf.getExtension(x509.SubjectAlternativeNameExtension);
    expect(names?.names.toJSON()).toEqual([{ type: "url", value: "spiffe://shop.internal/service/orders" }]);
    expect(leaf.subject).toBe("");
    expect(names?.critical).toBe(true);
    expect(leaf.getExtension(x509.BasicConstraintsExtension)?.ca).toBe(false);
    expect(leaf.getExtension(x509.KeyUsagesExtension)?.usages).toBe(x509.KeyUsageFlags.digitalSignature);
    expect(leaf.getExtension(x509.ExtendedKeyUsageExtension)?.usages).toHaveLength(2);
    const lifeMs = leaf.notAfter.getTime() - leaf.notBefore.getTime();
    expect(lifeMs).toBe(limits.certificate.leafLifetimeMs + limits.certificate.backdateMs);
    expect(issuer.getExtension(x509.BasicConstraintsExtension)?.pathLength).toBe(0);
    expect((await log()).some((row) => row.serial === leaf.serialNumber && row.instance === "orders-1")).toBe(true);
  });

  test("a used, a wrong, an expired and an unknown token are refused in the same words", async () => {
    const { csr } = await makeCsr();
    const used = await joinToken("orders");
    await enrolWith(used, csr, "orders-2");
    const expired = await joinToken("orders");
    await runInDurableObject(authority(), (_object, { storage }) => {
      storage.sql.exec("UPDATE join_tokens SET expires_at = ? WHERE id = ?", Date.now(), expired.id);
    });
    const fresh = await joinToken("orders");
    const refusals = [
      await enrolWith(used, csr, "orders-3"),
      await enrolWith({ ...fresh, secret: used.secret }, csr, "orders-3"),
      await enrolWith(expired, csr, "orders-3"),
      await enrolWith({ ...fresh, id: "unknown" }, csr, "orders-3"),
    ];
    for (const { status, body } of refusals) {
      expect(status).toBe(401);
      expect(body).toEqual(refusals[0]?.body);
    }
    expect((await enrolWith(fresh, csr, "orders-3")).status).toBe(200);
  });

  test("of many requests with one token exactly one gets credentials", async () => {
    const join = await joinToken("orders");
    const before = (await log()).length;
    const requests = await Promise.all(Array.from({ length: 8 }, () => makeCsr()));
    const answers = await Promise.all(requests.map(({ csr }, index) => enrolWith(join, csr, `orders-race-${index}`)));
    expect(answers.map((answer) => answer.status).sort()).toEqual([200, 401, 401, 401, 401, 401, 401, 401]);
    expect((await log()).length).toBe(before + 1);
  });

  test("a request exchanged on the way is refused, the token stays good", async () => {
    const join = await joinToken("orders");
    const [own, foreign] = [await makeCsr(), await makeCsr()];
    const request = { id: join.id, csr: own.csr, instance: "orders-4" };
    const mac = await macOf(join.secret, macInput.request(request));
    for (const exchanged of [{ csr: foreign.csr }, { instance: "orders-5" }])
      expect((await call("POST", "/v1/enrol", undefined, { ...request, ...exchanged, mac })).status).toBe(401);
    expect((await enrolWith(join, own.csr, "orders-4")).status).toBe(200);
  });

  test.each([
    ["garbage", async () => "AAAA"],
    ["not base64", async () => "%%%"],
    ["an RSA key", async () => (await makeCsr(RSA)).csr],
    ["another curve", async () => (await makeCsr({ ...P256, namedCurve: "P-384" })).csr],
    ["a signature of another key", forgedCsr],
  ])("a certificate request that is %s is refused and leaves the token good", async (_name, make) => {
    const join = await joinToken("orders");
    const { status, body } = await enrolWith(join, await make(), "orders-5");
    expect([status, body.code]).toEqual([400, "csr_invalid"]);
    expect((await enrolWith(join, (await makeCsr()).csr, "orders-5")).status).toBe(200);
  });

  test("renewal gives the same instance a fresh certificate and a fresh token", async () => {
    const { credentials: first, keys } = await enrol("users", "users-1");
    const second = await makeCsr();
    const { status, body } = await call("POST", "/v1/renew", first.token, await renewal(second.csr, keys));
    expect(status).toBe(200);
    expect(body.service).toBe("users");
    expect(body.mac).toBeUndefined();
    expect(body.certificates[0]).not.toBe(first.certificates[0]);
    const third = await renewal((await makeCsr()).csr, second.keys);
    expect((await call("POST", "/v1/renew", body.token, third)).status).toBe(200);
  });

  test("a token without the key that was certified with it renews nothing", async () => {
    const { credentials, keys } = await enrol("users", "users-2");
    const [own, foreign] = [await makeCsr(), await makeCsr()];
    const good = await renewal(own.csr, keys);
    const ofOlderAgent = await token({ role: "agent", service: "users", sub: "users-2" });
    const refusals = [
      await call("POST", "/v1/renew", credentials.token, await renewal(foreign.csr, foreign.keys)),
      await call("POST", "/v1/renew", credentials.token, { ...good, csr: foreign.csr }),
      await call("POST", "/v1/renew", credentials.token, { ...good, proof: "AAAA" }),
      await call("POST", "/v1/renew", credentials.token, { ...good, key: "%" }),
      await call("POST", "/v1/renew", ofOlderAgent, good),
    ];
    for (const { status, body } of refusals) expect([status, body]).toEqual([401, refusals[0]?.body]);
    expect((await call("POST", "/v1/renew", credentials.token, { csr: own.csr })).status).toBe(400);
    expect((await call("POST", "/v1/renew", credentials.token, good)).status).toBe(200);
  });

  test("from the first certificate on a rollback to another trust domain is refused", async () => {
    const { status, body } = await rollback(1);
    expect([status, body.code]).toEqual([422, "document_invalid"]);
    expect(body.detail).toContain('the authority is for "shop.internal"');
  });

  test("renewal is for agents of declared services alone", async () => {
    const { csr, keys } = await makeCsr();
    const request = await renewal(csr, keys);
    expect((await call("POST", "/v1/renew", "admin", request)).status).toBe(403);
    expect((await call("POST", "/v1/renew", undefined, request)).status).toBe(401);
    const key = await keyHash((await crypto.subtle.exportKey("spki", keys.publicKey)) as ArrayBuffer);
    const stranger = await token({ role: "agent", service: "payments", sub: "payments-1", key });
    expect((await call("POST", "/v1/renew", stranger, request)).body.code).toBe("service_undeclared");
  });

  test("private keys lie encrypted in storage", async () => {
    const rows = await runInDurableObject(authority(), (_object, { storage }) =>
      ["keys", "ring_keys"].flatMap((table) => storage.sql.exec(`SELECT * FROM ${table}`).toArray()),
    );
    expect(rows.map((row) => row.kind).sort()).toEqual(["hop", "issuer", "root", "signing"]);
    for (const row of rows) expect(String(row.sealed)).toMatch(/^1\.[\w-]{64,}\.[\w-]{90,}$/);
    const lease = await call("POST", "/v1/gateway/lease", "gateway", { isolate: "isolate-1", version: 0 });
    const { signingKey, hopKey } = lease.body;
    expect(JSON.stringify(rows)).not.toContain(signingKey.d);
    expect(JSON.stringify(rows)).not.toContain(hopKey.key);
  });
});

const RSA = {
  name: "RSASSA-PKCS1-v1_5",
  hash: "SHA-256",
  modulusLength: 2048,
  publicExponent: new Uint8Array([1, 0, 1]),
};

/** The last byte of the signature changed. */
async function forgedCsr(): Promise<string> {
  const { csr } = await makeCsr();
  const der = Uint8Array.from(atob(csr), (character) => character.charCodeAt(0));
  der[der.length - 1] = (der[der.length - 1] ?? 0) ^ 1;
  return btoa(String.fromCharCode(...der));
}

test("a token or challenge that ended after it was proven is refused: that it was used may be forgotten", async () => {
  const { csr } = await makeCsr();
  const later = Date.now() + 60_000;
  const proven = { csr, keyId: "k", service: "orders", instance: "late", cause: "test", reuse: false };
  const { version: judgedBy } = await configStore().joining();
  const good = { ...proven, judgedBy, challengeId: "c", challengeEndMs: later, tokenId: "t", tokenEndMs: later };
  for (const ended of [{ tokenEndMs: Date.now() }, { challengeEndMs: Date.now() }])
    expect(await authority().joinByToken({ ...good, ...ended })).toMatchObject({ refused: { code: "join_refused" } });
  expect(await authority().joinByToken({ ...good, judgedBy: judgedBy + 1 })).toBe("outdated");
  expect(await authority().joinByToken(good)).toMatchObject({ service: "orders" });
});
