import { evictDurableObject, runInDurableObject } from "cloudflare:test";
import { beforeAll, describe, expect, test } from "vitest";
import { limits } from "../../../shared/limits.ts";
import { joinInput } from "../../../shared/wire/joining.ts";
import { toBase64Url, utf8 } from "../../../workers/control/authority/bytes.ts";
import {
  awsClaims,
  azureClaims,
  gcpClaims,
  githubClaims,
  gitlabClaims,
  kubernetesClaims,
} from "../../support/workload-tokens.ts";
import {
  challenge,
  comeBack,
  document,
  join,
  jwk,
  makeIssuerKeys,
  makeKeys,
  nowS,
  otherKey,
  signed,
  tokenOf,
} from "./joiners.ts";
import {
  applyDocument,
  authority,
  call,
  configStore,
  enrol,
  joinToken,
  macOf,
  makeCsr,
  renewal,
  shop,
} from "./support.ts";

/** Refusals are written down again, as many as at first. */
async function forgetRefusals(): Promise<void> {
  await evictDurableObject(authority());
  await runInDurableObject(configStore(), (_object, { storage }) => {
    storage.sql.exec("DELETE FROM refusal_budgets");
  });
}

const audit = async (): Promise<{ act: string; detail: string; outcome: string; by: string }[]> =>
  (await call("GET", "/v1/audit", "admin")).body.entries;

beforeAll(async () => {
  await makeIssuerKeys();
  expect((await applyDocument(document())).status).toBe(201);
}, 60_000);

describe("by a token of its platform", () => {
  test.each([
    ["cluster", kubernetesClaims, "orders"],
    ["actions", githubClaims, "orders"],
    ["pipelines", gitlabClaims, "orders"],
    ["account", awsClaims, "orders"],
    ["machines", gcpClaims, "users"],
    ["tenant", azureClaims, "inventory"],
  ] as const)("a workload of %s joins as the service that its rule names", async (issuer, claims, service) => {
    const { status, body } = await join({ token: await tokenOf(issuer, claims) });
    expect([status, body.service, body.trustDomain]).toEqual([200, service, "shop.internal"]);
    expect(body.certificates).toHaveLength(2);
    expect((await audit())[0]).toMatchObject({ act: "join", detail: expect.stringContaining(`token of ${issuer}`) });
  });

  const other = (change: Record<string, unknown>): Record<string, unknown> => ({ ...kubernetesClaims, ...change });
  const forged: readonly (readonly [string, () => Promise<string>, RegExp])[] = [
    ["no token", async () => "garbage", /not three base64url segments/],
    ["alg none", unsigned, /alg is not allowed/],
    ["HS256 with the public key", signedByPublicKey, /alg is not allowed/],
    ["another key", () => tokenOf("cluster", kubernetesClaims, { key: otherKey }), /of none of its keys/],
    ["an unknown kid", () => tokenOf("cluster", kubernetesClaims, { header: { kid: "k9" } }), /no key of that kid/],
    ["crit", () => tokenOf("cluster", kubernetesClaims, { header: { typ: "dpop+jwt" } }), /typ is not/],
    ["another audience", () => tokenOf("cluster", other({ aud: ["https://kubernetes.default.svc"] })), /aud is/],
    ["another issuer", () => tokenOf("cluster", other({ iss: "https://evil.example" })), /no issuer of the document/],
    ["expired", () => tokenOf("cluster", other({ iat: nowS() - 900, nbf: 0, exp: nowS() - 120 })), /expired/],
    ["of the future", () => tokenOf("cluster", other({ nbf: nowS() + 300 })), /not valid yet/],
    ["issued in the future", () => tokenOf("cluster", other({ iat: nowS() + 300 })), /issued in the future/],
    ["without an end", () => tokenOf("cluster", other({ exp: undefined })), /exp is missing/],
    ["without a beginning", () => tokenOf("cluster", other({ iat: undefined })), /iat is missing/],
    ["that lives a year", () => tokenOf("cluster", other({ exp: nowS() + 31_536_000 })), /longer than/],
    ["of another namespace", () => tokenOf("cluster", otherNamespace()), /kubernetes.io.namespace is "evil"/],
    ["of a service that `allow` does not name", () => tokenOf("cluster", otherAccount()), /`allow` does not name/],
    [
      "of another repository",
      () => tokenOf("actions", { ...githubClaims, repository: "evil/orders" }),
      /repository is/,
    ],
    ["of a repository below", () => tokenOf("actions", { ...githubClaims, repository: "shop/a/b" }), /repository is/],
    ["of another branch", () => tokenOf("actions", { ...githubClaims, ref: "refs/heads/feature" }), /ref is/],
    ["a claim that is missing", () => tokenOf("actions", { ...githubClaims, environment: undefined }), /no claim env/],
    ["one issuer's claims by another", () => tokenOf("cluster", githubClaims), /no claim kubernetes/],
  ];

  test.each(forged)("%s is refused with one answer, and operators hear why", async (_, make, reason) => {
    await forgetRefusals();
    const { status, body } = await join({ token: await make() });
    expect([status, body.code, body.detail]).toEqual([401, "join_refused", "The workload may not join."]);
    const line = { act: "join-refused", outcome: "refused", by: "", detail: expect.stringMatching(reason) };
    expect((await audit())[0]).toMatchObject(line);
  });

  test("a flood of them pushes nothing out of the audit log", async () => {
    await forgetRefusals();
    const before = (await audit()).filter(({ act }) => act === "join-refused").length;
    for (let tried = 0; tried < 40; tried++) expect((await join({ token: "garbage" })).status).toBe(401);
    const after = (await audit()).filter(({ act }) => act === "join-refused").length;
    expect(after - before).toBeLessThanOrEqual(limits.control.refusalsAtOnce + 1);
  });

  test("one that is huge is refused", async () => {
    const { status } = await join({ token: "a".repeat(20_000) });
    expect(status).toBe(400);
    expect((await join({ token: "a".repeat(200_000) })).status).toBe(413);
  });

  test("a replayed token is refused, also with its signature written in another way; its owner may ask again", async () => {
    const token = await tokenOf("cluster", kubernetesClaims);
    const keys = await makeKeys();
    expect((await join({ token, keys })).status).toBe(200);
    expect((await join({ token })).status).toBe(401);
    expect((await join({ token, keys })).status).toBe(200);
  });

  test("of many who show one token with keys of their own exactly one joins", async () => {
    const token = await tokenOf("cluster", kubernetesClaims);
    const answers = await Promise.all(Array.from({ length: 6 }, (_, n) => join({ token, instance: `race-${n}` })));
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 401, 401, 401, 401, 401]);
  });

  test("several join by one token where the document says so", async () => {
    const token = await tokenOf("pipelines", gitlabClaims);
    expect((await join({ token, instance: "job-1" })).status).toBe(200);
    expect((await join({ token, instance: "job-2" })).status).toBe(200);
  });

  test("what is exchanged on the way is refused and leaves the token good", async () => {
    const token = await tokenOf("cluster", kubernetesClaims);
    const [{ csr }, foreign] = [await makeCsr(), await makeKeys()];
    for (const exchanged of [{ csr }, { instance: "pod-2" }, { key: foreign.spki }, { proof: "AAAA" }, { key: "%" }])
      expect((await join({ token, exchanged })).status).toBe(401);
    expect((await join({ token, exchanged: { csr: "AAAA" } })).status).toBe(401);
    expect((await join({ token, instance: "no name" })).status).toBe(400);
    expect((await join({ token })).status).toBe(200);
  });

  test("a challenge is good once, and none is made up", async () => {
    const once = await challenge();
    const keys = await makeKeys();
    expect((await join({ token: await tokenOf("cluster", kubernetesClaims), keys, challenge: once })).status).toBe(200);
    expect((await join({ token: await tokenOf("cluster", kubernetesClaims), keys, challenge: once })).status).toBe(401);
    const [end = "", random = ""] = once.split(".");
    const later = `${Number(end) + 60_000}.${random}.${once.split(".")[2]}`;
    for (const made of ["", "x", later])
      expect((await join({ token: await tokenOf("cluster", kubernetesClaims), challenge: made })).status).toBe(401);
  });
});

describe("by an enrolment key", () => {
  test("an instance comes back as what it was, without any token, again and again", async () => {
    const keys = await makeKeys();
    await join({ token: await tokenOf("cluster", kubernetesClaims), instance: "pod-7", keys });
    for (let round = 0; round < 2; round++) {
      const { status, body } = await comeBack(keys);
      expect([status, body.service]).toEqual([200, "orders"]);
      const claims = JSON.parse(atob(body.token.split(".")[1]));
      expect(claims).toMatchObject({ sub: "pod-7", service: "orders", role: "agent" });
    }
    expect((await audit())[0]).toMatchObject({ act: "join", detail: expect.stringContaining("orders/pod-7") });
  });

  test("that was told with an enrolment by join token, bound to the token", async () => {
    const [token, keys, foreign] = [await joinToken("orders"), await makeKeys(), await makeKeys()];
    const { csr } = await makeCsr();
    const request = { id: token.id, csr, instance: "orders-9" };
    const mac = await macOf(token.secret, JSON.stringify(["enrol", request.id, request.instance, csr]));
    const keyMac = await macOf(token.secret, joinInput.enrol(token.id, "orders-9", csr, keys.spki));
    const with_ = (key: string) =>
      call("POST", "/v1/enrol", undefined, { ...request, mac, enrolment: { key, mac: keyMac } });
    expect((await with_(foreign.spki)).status).toBe(401);
    expect((await with_(keys.spki)).status).toBe(200);
    expect((await comeBack(keys)).body.service).toBe("orders");
    expect((await comeBack(foreign)).status).toBe(401);
  });

  test("that was told with a renewal, signed by the key certified last", async () => {
    const { credentials, keys: certified } = await enrol("users", "users-8");
    const [keys, foreign] = [await makeKeys(), await makeKeys()];
    const { csr } = await makeCsr();
    const request = await renewal(csr, certified);
    const proof = await signed({ keys: certified, spki: "" }, joinInput.renew(csr, keys.spki));
    const renew = (key: string) =>
      call("POST", "/v1/renew", credentials.token, { ...request, enrolment: { key, proof } });
    expect((await renew(foreign.spki)).status).toBe(401);
    expect((await renew(keys.spki)).status).toBe(200);
    expect((await comeBack(keys)).body.service).toBe("users");
  });

  test("of another instance is not taken over by naming it", async () => {
    const keys = await makeKeys();
    await join({ token: await tokenOf("cluster", kubernetesClaims), instance: "pod-8", keys });
    const { credentials, keys: certified } = await enrol("users", "users-9");
    const { csr } = await makeCsr();
    const proof = await signed({ keys: certified, spki: "" }, joinInput.renew(csr, keys.spki));
    const body = { ...(await renewal(csr, certified)), enrolment: { key: keys.spki, proof } };
    expect((await call("POST", "/v1/renew", credentials.token, body)).status).toBe(200);
    expect((await comeBack(keys)).body.service).toBe("orders");
  });

  test("needs the private half, a fresh challenge, and to be known", async () => {
    const [keys, foreign, stranger] = [await makeKeys(), await makeKeys(), await makeKeys()];
    await join({ token: await tokenOf("cluster", kubernetesClaims), instance: "pod-3", keys });
    const used = await challenge();
    expect((await comeBack(keys, { challenge: used })).status).toBe(200);
    const refusals = [
      await comeBack(keys, { challenge: used }),
      await comeBack(keys, { signer: foreign }),
      await comeBack(stranger),
    ];
    for (const { status, body } of refusals) expect([status, body]).toEqual([401, refusals[0]?.body]);
  });

  test("is listed and removed by an administrator, and a renewal does not bring it back", async () => {
    const keys = await makeKeys();
    const joined = await join({ token: await tokenOf("machines", gcpClaims), instance: "laptop", keys });
    const listed = (await call("GET", "/v1/join/keys", "admin")).body.keys;
    const own = listed.find(({ instance }: { instance: string }) => instance === "laptop");
    expect(own).toMatchObject({ service: "users", expiresAtMs: own.usedAtMs + 90 * 86_400_000 });
    expect((await call("GET", "/v1/join/keys")).status).toBe(401);
    expect((await call("DELETE", `/v1/join/keys/${own.id}`, joined.body.token)).status).toBe(403);
    expect((await call("DELETE", `/v1/join/keys/${own.id}`, "admin")).status).toBe(200);
    expect((await call("DELETE", `/v1/join/keys/${own.id}`, "admin")).status).toBe(404);
    expect((await audit())[0]).toMatchObject({ act: "enrolment-key-remove", by: "tester" });
    expect((await comeBack(keys)).status).toBe(401);
    const { credentials, keys: certified } = await enrol("users", "laptop");
    const { csr } = await makeCsr();
    const proof = await signed({ keys: certified, spki: "" }, joinInput.renew(csr, keys.spki));
    const body = { ...(await renewal(csr, certified)), enrolment: { key: keys.spki, proof } };
    expect((await call("POST", "/v1/renew", credentials.token, body)).status).toBe(200);
    expect((await comeBack(keys)).status).toBe(401);
  });

  test("of a service that left the document, or unused for longer than it lives, is refused", async () => {
    const keys = await makeKeys();
    await join({ token: await tokenOf("tenant", azureClaims), instance: "inventory-1", keys });
    const without = shop();
    const { inventory: _, ...services } = (without.mesh as { services: Record<string, unknown> }).services;
    await applyDocument({ ...without, mesh: { trustDomain: "shop.internal", services } });
    expect((await comeBack(keys)).status).toBe(401);
    await applyDocument(document("1s"));
    await new Promise((resolve) => setTimeout(resolve, 1_100));
    expect((await comeBack(keys)).status).toBe(401);
    await applyDocument(document());
    expect((await comeBack(keys)).status).toBe(200);
  });
});

test("lives of certificates and tokens are those of the document", async () => {
  const made = document();
  await applyDocument({ ...made, mesh: { ...(made.mesh as object), certificates: { lifetime: "10m" } } });
  const { body } = await join({ token: await tokenOf("cluster", kubernetesClaims) });
  const { exp, iat } = JSON.parse(atob(body.token.split(".")[1]));
  expect(exp - iat).toBe(70 * 60);
});

test("without rules nobody joins by a token", async () => {
  await applyDocument(shop());
  expect((await join({ token: await tokenOf("cluster", kubernetesClaims) })).body.code).toBe("join_refused");
});

const segment = (value: unknown): string => toBase64Url(utf8(JSON.stringify(value)));

async function unsigned(): Promise<string> {
  const [, payload] = (await tokenOf("cluster", kubernetesClaims)).split(".");
  return `${segment({ alg: "none" })}.${payload}.AAAA`;
}

async function signedByPublicKey(): Promise<string> {
  return tokenOf("cluster", kubernetesClaims, { header: { alg: "HS256" }, key: utf8(jwk.n ?? "") });
}

function otherNamespace(): Record<string, unknown> {
  return { ...kubernetesClaims, "kubernetes.io": { ...kubernetesClaims["kubernetes.io"], namespace: "evil" } };
}

function otherAccount(): Record<string, unknown> {
  const serviceaccount = { name: "inventory", uid: "x" };
  return { ...kubernetesClaims, "kubernetes.io": { ...kubernetesClaims["kubernetes.io"], serviceaccount } };
}
