/** A mesh that lets workloads of another trust domain in: it serves its bundle, and follows the other one's, whatever comes from there. */
import { execFileSync } from "node:child_process";
import { X509Certificate } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { FederationStatus } from "../../shared/wire/federation.ts";
import { Fleet, type TestAgent } from "../mesh-agent/support/agents.ts";
import { readState } from "../support/agent-state.ts";
import { callAsWorkload } from "../support/call-as-workload.ts";
import { makeAuthority, type TestAuthority } from "../support/certificates.ts";
import { ControlWorker } from "../support/control-worker.ts";
import { until } from "../support/system.ts";

const folder = mkdtempSync(join(tmpdir(), "selvage-federation-"));
const fleet = new Fleet();
let partner: TestAuthority;
let shop: ControlWorker;
let web: TestAgent;
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
