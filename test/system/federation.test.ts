/** A mesh that lets workloads of another trust domain in: it serves its bundle, and follows the other one's, whatever comes from there. */
import { execFileSync } from "node:child_process";
import { createPublicKey, sign, X509Certificate } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { makeKey, makeSigningRequest } from "../../mesh-agent/tls/signing-request.ts";
import { renewalProofInput } from "../../shared/wire/enrolment.ts";
import type { FederationStatus } from "../../shared/wire/federation.ts";
import { Fleet, type TestAgent } from "../mesh-agent/support/agents.ts";
import { readState } from "../support/agent-state.ts";
import { callAsWorkload } from "../support/call-as-workload.ts";
import { type LeafOptions, makeAuthority, type TestAuthority } from "../support/certificates.ts";
import { ControlWorker } from "../support/control-worker.ts";
import { base64Of, postTo, svidJoin } from "../support/svid-join.ts";
import { until } from "../support/system.ts";
import { OutsideAuthority, WorkloadApiServer } from "../support/workload-api-server.ts";

const folder = mkdtempSync(join(tmpdir(), "selvage-federation-"));
const fleet = new Fleet();
let partner: TestAuthority;
let shop: ControlWorker;
let web: TestAgent;
let spire: OutsideAuthority;
let api: WorkloadApiServer;
/** What is asked for by a path, beside the hostile ones the partner's bundle. */
const answers: Record<string, RequestListener> = {};
const endpoint: Server = createServer((incoming, response) =>
  answers[incoming.url?.slice(1) ?? ""]?.(incoming, response),
);

interface Bundle {
  readonly spiffe_sequence: number;
  readonly spiffe_refresh_hint: number;
  readonly keys: readonly Readonly<Record<string, unknown> & { x5c: readonly string[] }>[];
}

const ownBundle = () => fetch(`${shop.url}/v1/bundle`);
const pem = (der = ""): string => new X509Certificate(Buffer.from(der, "base64")).toString();
const x5c = (text: string): string[] => [new X509Certificate(text).raw.toString("base64")];
const keyOf = (text: string) => ({ kty: "EC", use: "x509-svid", x5c: x5c(text) });
const say =
  (body: unknown): RequestListener =>
  (_, response) =>
    response.end(JSON.stringify(body));
const bundleAt = (path: string): string => `http://127.0.0.1:${(endpoint.address() as AddressInfo).port}/${path}`;

/** @param federation other trust domains to what is known of them */
const shopWith = (federation: object): object => ({
  selvage: 1,
  name: "shop",
  mesh: {
    trustDomain: "shop.internal",
    federation,
    services: { web: { port: 8080, access: [{ from: "spiffe://partner.example/service/billing" }] } },
  },
});
const refreshed = (): Promise<FederationStatus> => shop.call("POST", "/v1/federation/refresh");

beforeAll(async () => {
  partner = await makeAuthority("partner.example");
  answers.bundle = say({ spiffe_sequence: 1, keys: [keyOf(partner.rootPem)] });
  await new Promise<void>((done) => endpoint.listen(0, "127.0.0.1", done));
  shop = await ControlWorker.start();
  await shop.apply(shopWith({ "partner.example": { bundle: bundleAt("bundle"), refresh: "1s" } }));
  web = fleet.run("web-1", await shop.joinToken("web"));
  await web.ready();
}, 120_000);

afterAll(async () => {
  endpoint.closeAllConnections();
  endpoint.close();
  await fleet.end();
  api?.close();
  spire?.close();
  await shop?.end();
  rmSync(folder, { recursive: true, force: true });
}, 30_000);

/** Status of a call by a workload of the partner; 0: the connection was refused. The called one is checked by the bundle of its own mesh. */
async function call(authority: TestAuthority, service = "billing"): Promise<number> {
  const { keyPem: key, certPem: cert } = await authority.issue(service);
  const { keys } = (await (await ownBundle()).json()) as Bundle;
  const ca = keys.map((one) => pem(one.x5c[0]));
  const expected = "spiffe://shop.internal/service/web";
  return callAsWorkload({ port: web.runtime.ports.inbound ?? 0, key, cert, ca, expected });
}

test("the control plane serves its bundle to everybody, as openssl believes it", async () => {
  const response = await ownBundle();
  expect([response.status, response.headers.get("content-type")]).toEqual([200, "application/json"]);
  const { keys, spiffe_refresh_hint, spiffe_sequence } = (await response.json()) as Bundle;
  expect([spiffe_refresh_hint, Number.isSafeInteger(spiffe_sequence)]).toEqual([300, true]);
  expect(keys.map((key) => Object.keys(key).sort())).toEqual([["crv", "kty", "use", "x", "x5c", "y"]]);
  expect(keys[0]).toMatchObject({ kty: "EC", crv: "P-256", use: "x509-svid" });
  const { certificates } = readState(web.folder, "identity.json") as { certificates: string[] };
  for (const [name, text] of [
    ["root", pem(keys[0]?.x5c[0])],
    ["leaf", certificates[0]],
    ["issuer", certificates[1]],
  ])
    writeFileSync(join(folder, `${name}.pem`), text ?? "");
  const verify = ["verify", "-x509_strict", "-CAfile", "root.pem", "-untrusted", "issuer.pem", "leaf.pem"];
  expect(execFileSync("openssl", verify, { cwd: folder, encoding: "utf8" })).toBe("leaf.pem: OK\n");
  const begun = await shop.call("POST", "/v1/ca/rotations", { what: "root", author: "test" });
  const { partners } = begun.rotation.waitingFor;
  expect(partners.named).toEqual(["partner.example"]);
  expect(partners.untilMs).toBe(begun.rotation.sinceMs + 300_000);
  await until(
    "the partner may fetch both roots",
    async () => ((await (await ownBundle()).json()) as Bundle).keys.length === 2,
  );
  expect((await shop.call("GET", "/v1/ca")).rotation.step).toBe("trust");
  await shop.call("POST", "/v1/ca/rotations/force", { step: "trust", whom: "partners", author: "test" });
  await until("another root alone is published, under a higher number", async () => {
    const next = (await (await ownBundle()).json()) as Bundle;
    const isGone = !next.keys.some(({ x5c }) => x5c[0] === keys[0]?.x5c[0]);
    return isGone && next.keys.length === 1 && next.spiffe_sequence > spiffe_sequence;
  });
});

test("the workload that a rule names is let in, others are not, and other roots are followed", async () => {
  await until("the partner's workload is let in", async () => (await call(partner)) === 200);
  expect(await call(partner, "reports")).toBe(403);
  const next = await makeAuthority("partner.example");
  expect(await call(next)).toBe(0);
  answers.bundle = say({ spiffe_sequence: 2, keys: [partner, next].map(({ rootPem }) => keyOf(rootPem)) });
  await until("its next root is believed", async () => (await call(next)) === 200);
  expect(await call(partner)).toBe(200);
  answers.bundle = say({ spiffe_sequence: 3, keys: [keyOf(next.rootPem)] });
  await until("its former root is not", async () => (await call(partner)) === 0);
  expect(await call(next)).toBe(200);
  answers.bundle = say({ spiffe_sequence: 2, keys: [keyOf(partner.rootPem)] });
  expect((await refreshed()).partners[0]?.failure?.reason).toBe("its number 2 is older than 3, which is known");
  expect([await call(next), await call(partner)]).toEqual([200, 0]);
});

test("bundles that must not be believed are refused with a reason, and what was good stays", async () => {
  const [bank, own] = [await makeAuthority("bank.example"), await (await ownBundle()).json()];
  const good = { keys: [keyOf(bank.rootPem)] };
  const leaf = (await bank.issue("web")).certPem;
  let isWell = true;
  const lead =
    (location: string): RequestListener =>
    (_, response) =>
      response.writeHead(302, { location }).end();
  const table: Record<string, [RequestListener, RegExp | undefined]> = {
    good: [say(good), undefined],
    led: [lead("/good"), undefined],
    breaks: [(_, response) => (isWell ? response.end(JSON.stringify(good)) : response.writeHead(503).end()), undefined],
    empty: [say({ keys: [] }), undefined],
    gone: [(_, response) => response.writeHead(404).end(), /status 404/],
    text: [(_, response) => response.end("<html>"), /no JSON/],
    number: [say({ ...good, spiffe_sequence: "7" }), /spiffe_sequence/],
    long: [(_, response) => response.end("x".repeat(1 << 20)), /more than 65536 bytes/],
    many: [say({ keys: Array.from({ length: 17 }, () => good.keys[0]) }), /17 roots/],
    rubbish: [say({ keys: [{ ...good.keys[0], x5c: ["AAAA"] }] }), /cannot be read/],
    leaf: [say({ keys: [{ ...good.keys[0], x5c: x5c(leaf) }] }), /no authority/],
    own: [say(own), /permit URIs of shop\.internal/],
    loop: [lead("/loop"), /leads on more than 3 times/],
    plain: [lead("http://bank.example/bundle"), /has to begin with https/],
    closed: [(incoming) => incoming.socket.destroy(), /cannot be reached/],
  };
  for (const [name, [answer]] of Object.entries(table)) answers[name] = answer;
  const others = Object.keys(table).map((name) => [`${name}.example`, { bundle: bundleAt(name) }] as const);
  await shop.apply(shopWith({ "partner.example": { bundle: bundleAt("bundle") }, ...Object.fromEntries(others) }));
  const { partners } = await refreshed();
  for (const [name, [, reason]] of Object.entries(table)) {
    const found = partners.find(({ trustDomain }) => trustDomain === `${name}.example`);
    if (reason !== undefined) expect(found?.failure?.reason, name).toMatch(reason);
    expect(found?.failure === undefined, name).toBe(reason === undefined);
    expect(found?.roots.length, name).toBe(reason === undefined && name !== "empty" ? 1 : 0);
  }
  isWell = false;
  const again = await refreshed();
  const broken = again.partners.find(({ trustDomain }) => trustDomain === "breaks.example");
  expect([broken?.roots.length, broken?.failure?.reason]).toEqual([1, "it answered with status 503"]);
  const told = (await shop.status()).alarms?.map(({ text }) => text).join("\n");
  expect(told).toContain("the bundle of breaks.example is not to be had since");
  expect(told).toContain("the bundle of empty.example holds no root");
});

const withIssuer = (): object => ({
  selvage: 1,
  name: "shop",
  mesh: {
    trustDomain: "shop.internal",
    identity: { spiffe: { id: "spiffe://shop.internal/ns/*/sa/{service}", bundle: spire.bundleUrl, refresh: "1s" } },
    services: { web: { port: 8080, access: [{ from: "orders" }] }, orders: { port: 8081 } },
  },
});

test("an agent whose identity is an outside issuer's is of the same mesh", async () => {
  spire = await OutsideAuthority.start("shop.internal");
  await shop.apply(withIssuer());
  const path = join(folder, "spire.sock");
  api = await WorkloadApiServer.start(path);
  api.tell([await spire.svid("/ns/prod/sa/orders")]);
  const orders = fleet.run("orders-1", undefined, ["--control", shop.url, "--svid-from", `unix://${path}`]);
  await orders.ready();
  await shop.knows("orders", "orders-1");
  await until("they call each other", async () => (await orders.calls("http://web.mesh/x")).status === 200);
  const serial = async () => JSON.parse((await orders.admin("/config")).text).certificate.serialNumber;
  const next = await spire.svid("/ns/prod/sa/orders");
  api.tell([next]);
  const expected = new X509Certificate(next.x509_svid).serialNumber;
  await until("another SVID is in use", async () => (await serial()) === expected);
  expect((await orders.calls("http://web.mesh/x")).status).toBe(200);
  const { outside } = await shop.call("GET", "/v1/ca");
  expect([outside.id, outside.roots.length]).toEqual(["spiffe://shop.internal/ns/*/sa/{service}", 1]);
  const { keys } = (await (await ownBundle()).json()) as Bundle;
  expect(keys.map((key) => key.x5c[0])).toContain(x5c(spire.roots[0] ?? "")[0]);
});

const WEB = "spiffe://shop.internal/ns/prod/sa/web";
const issueWeb = async (options: LeafOptions = {}, by = spire.authority) => {
  const { certPem, keyPem } = await by.issue("web", { uris: [WEB], ...options });
  return { certificates: base64Of(certPem), key: keyPem };
};

test("whoever does not prove a good SVID of the issuer gets no token, and it is written down", async () => {
  const [good, other] = [await issueWeb(), await issueWeb()];
  const own = readState(web.folder, "identity.json");
  const first = await svidJoin(shop.url, good.certificates, good.key);
  expect((await postTo(shop.url, "/v1/join/svid", first)).status).toBe(200);
  const issued = (uri: string) => issueWeb({ uris: [uri] });
  const shown = async ({ certificates, key }: Awaited<ReturnType<typeof issueWeb>>) =>
    svidJoin(shop.url, certificates, key);
  const stranger = await makeAuthority("shop.internal");
  const table: [string, object, RegExp][] = [
    ["a replay", first, /challenge was used before/],
    ["another key", await svidJoin(shop.url, good.certificates, other.key), /not signed by the key/],
    ["another instance", await svidJoin(shop.url, good.certificates, good.key, { instance: "web-8" }), /not signed by/],
    [
      "a forged challenge",
      { ...first, challenge: `${Date.now() + 60_000}.${"a".repeat(22)}.${"b".repeat(43)}` },
      /not one of this/,
    ],
    ["another authority", await shown(await issueWeb({}, stranger)), /does not lead to a root/],
    ["the leaf alone", await svidJoin(shop.url, good.certificates.slice(0, 1), good.key), /does not lead to a root/],
    [
      "the mesh's own certificate",
      await svidJoin(shop.url, own.certificates.flatMap(base64Of), own.privateKey),
      /is not named as/,
    ],
    ["an authority", await svidJoin(shop.url, good.certificates.slice(1), good.key), /exactly one URI|an authority's/],
    ["two names", await shown(await issueWeb({ uris: [WEB, `${WEB}2`] })), /exactly one URI/],
    ["no SPIFFE ID", await shown(await issueWeb({ uris: [], dnsNames: ["web"] })), /exactly one URI/],
    ["what has ended", await shown(await issueWeb({ notAfter: new Date(Date.now() - 1_000) })), /has ended/],
    ["what begins later", await shown(await issueWeb({ notBefore: new Date(Date.now() + 3_600_000) })), /begins at/],
    ["another path", await shown(await issued("spiffe://shop.internal/other/web")), /is not named as/],
    ["the gateway", await shown(await issued("spiffe://shop.internal/ns/prod/sa/gateway")), /is not named as/],
    ["the form of the mesh", await shown(await issued("spiffe://shop.internal/service/web")), /is not named as/],
    ["another trust domain", await shown(await issued("spiffe://partner.example/ns/prod/sa/web")), /is not named as/],
    ["no service", await shown(await issued("spiffe://shop.internal/ns/prod/sa/nobody")), /nobody/],
    ["no base64", { ...first, certificates: ["%"] }, /cannot be read|challenge/],
    ["no certificate", await svidJoin(shop.url, ["MAA="], good.key), /cannot be read/],
  ];
  for (const [what, request, reason] of table) {
    const answer = await postTo(shop.url, "/v1/join/svid", request);
    const { code } = (await answer.json()) as { code: string };
    expect([what, answer.status, code]).toEqual([what, 401, "join_refused"]);
    expect(
      shop
        .log()
        .split("\n")
        .filter((line) => line.includes("refuse-join"))
        .at(-1),
      what,
    ).toMatch(reason);
  }
  const many = await svidJoin(
    shop.url,
    Array.from({ length: 6 }, () => good.certificates[0] ?? ""),
    good.key,
  );
  for (const bad of [many, { ...first, certificates: [] }, { ...first, proof: 1 }, {}])
    expect((await postTo(shop.url, "/v1/join/svid", bad)).status).toBe(400);
  const { entries } = await shop.call("GET", "/v1/audit?act=join-refused");
  expect(entries.length).toBeGreaterThan(10);
});

test("its token connects and renews nothing, and ends with the SVID", async () => {
  const soon = Date.now() + 60_000;
  const { certificates, key } = await issueWeb({ notAfter: new Date(soon) });
  const answer = await postTo(shop.url, "/v1/join/svid", await svidJoin(shop.url, certificates, key));
  const { service, token } = (await answer.json()) as { service: string; token: string };
  const claims = JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString());
  expect([service, claims.service, claims.outside, claims.exp <= soon / 1_000]).toEqual(["web", "web", true, true]);
  const csrKey = makeKey();
  const csr = makeSigningRequest(csrKey, createPublicKey(csrKey));
  const proof = sign("sha256", Buffer.from(renewalProofInput(csr)), { key, dsaEncoding: "ieee-p1363" });
  const spki = createPublicKey(key).export({ type: "spki", format: "der" }).toString("base64");
  const renewal = await postTo(shop.url, "/v1/renew", { csr, key: spki, proof: proof.toString("base64") }, token);
  expect(renewal.status).toBe(401);
  const { entries } = await shop.call("GET", "/v1/ca/log");
  expect(entries[0]).toMatchObject({ instance: "web-9", reason: expect.stringContaining("outside issuer's") });
});
