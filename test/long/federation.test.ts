/** Two complete meshes of two trust domains: each serves its bundle, one lets workloads of the other in and follows its roots. */
import { execFileSync } from "node:child_process";
import { X509Certificate } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { FederationStatus } from "../../shared/wire/federation.ts";
import { LOCAL_SYSTEM_FILE, localSystemSchema } from "../../shared/wire/runtime-files.ts";
import { Fleet, type TestAgent } from "../mesh-agent/support/agents.ts";
import { type Call, certificatesOf, SpiffeClient, type SvidMessage } from "../mesh-agent/support/spiffe-client.ts";
import { callAsWorkload } from "../support/call-as-workload.ts";
import { type Served, serveDocument } from "../support/serve.ts";
import { run, until } from "../support/system.ts";

const folder = mkdtempSync(join(tmpdir(), "selvage-federation-"));
const fleet = new Fleet();
const webSocket = join(folder, "web.sock");
const probe = join(folder, "go-spiffe");
/** Its modules come from the cache alone: nothing is fetched in a test. */
const hasGoSpiffe = builds();
let partner: Served;
let shop: Served;
let web: TestAgent;
let billing: SpiffeClient;
let reports: SpiffeClient;

interface Bundle {
  readonly spiffe_sequence: number;
  readonly spiffe_refresh_hint: number;
  readonly keys: readonly Readonly<Record<string, unknown> & { x5c: readonly string[] }>[];
}

const local = ({ state }: Served) =>
  localSystemSchema.parse(JSON.parse(readFileSync(join(state, LOCAL_SYSTEM_FILE), "utf8")));
const bundleUrl = (served: Served): string => `${local(served).control}/v1/bundle`;
const bundleOf = async (served: Served): Promise<Bundle> => (await (await fetch(bundleUrl(served))).json()) as Bundle;
const pem = (der: string): string => new X509Certificate(Buffer.from(der, "base64")).toString();
const rootsOf = async (served: Served): Promise<string[]> =>
  (await bundleOf(served)).keys.map(({ x5c }) => pem(x5c[0] ?? ""));

function put(name: string, federation: string): string {
  const trustDomain = name === "shop" ? "shop.internal" : "partner.example";
  const services =
    name === "shop"
      ? "web: { port: 8080, access: [{ from: 'spiffe://partner.example/service/billing' }] }"
      : "billing: { port: 8080, access: [] }\n    reports: { port: 8080, access: [] }";
  const file = join(folder, `${name}.yaml`);
  const mesh = `mesh:\n  trustDomain: ${trustDomain}\n${federation}  services:\n    ${services}\n`;
  writeFileSync(file, `selvage: 1\nname: ${name}\n${mesh}`);
  return file;
}

async function selvage({ state }: Served, ...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await run(process.execPath, ["bin/selvage.mjs", ...args], { SELVAGE_STATE: state });
  expect(code, stderr).toBe(0);
  return stdout.trim();
}

async function federation(): Promise<FederationStatus> {
  const { control, adminToken } = local(shop);
  const headers = { authorization: `Bearer ${adminToken}` };
  return (await (await fetch(`${control}/v1/federation`, { headers })).json()) as FederationStatus;
}

async function workload(service: string): Promise<SpiffeClient> {
  const socket = join(folder, `${service}.sock`);
  const token = await selvage(partner, "join-token", service);
  await fleet.run(`${service}-1`, token, ["--workload-api", `unix://${socket}`]).ready();
  return new SpiffeClient(socket);
}

beforeAll(async () => {
  partner = await serveDocument(put("partner", ""));
  const url = bundleUrl(partner);
  shop = await serveDocument(put("shop", `  federation: { partner.example: { bundle: '${url}', refresh: 1s } }\n`));
  web = fleet.run("web-1", await selvage(shop, "join-token", "web"), ["--workload-api", `unix://${webSocket}`]);
  [billing, reports] = [await workload("billing"), await workload("reports")];
  await web.ready();
}, 120_000);

afterAll(async () => {
  for (const client of [billing, reports]) client?.close();
  await fleet.end();
  await Promise.all([shop?.stop(), partner?.stop()]);
  rmSync(folder, { recursive: true, force: true });
}, 30_000);

const toPem = (der: Buffer): string =>
  certificatesOf(der)
    .map((one) => one.toString())
    .join("");

/** Status of a call with an SVID as its workload has it; 0: the connection was refused. The server is checked by the shop's own bundle. */
async function call({ svids }: SvidMessage): Promise<number> {
  const [svid] = svids;
  const key = `-----BEGIN PRIVATE KEY-----\n${svid?.x509SvidKey.toString("base64")}\n-----END PRIVATE KEY-----`;
  const cert = toPem(svid?.x509Svid ?? Buffer.alloc(0));
  const ca = await rootsOf(shop);
  const expected = "spiffe://shop.internal/service/web";
  return callAsWorkload({ port: web.runtime.ports.inbound ?? 0, key, cert, ca, expected });
}

const svidOf = (stream: Call<SvidMessage>): Promise<SvidMessage> => until("an SVID", () => stream.last);

test("each control plane serves its bundle to everybody, as openssl believes it", async () => {
  const response = await fetch(bundleUrl(partner));
  expect([response.status, response.headers.get("content-type")]).toEqual([200, "application/json"]);
  const { keys, spiffe_refresh_hint, spiffe_sequence } = (await response.json()) as Bundle;
  expect([spiffe_refresh_hint, Number.isSafeInteger(spiffe_sequence)]).toEqual([300, true]);
  expect(keys.map((key) => Object.keys(key).sort())).toEqual([["crv", "kty", "use", "x", "x5c", "y"]]);
  expect(keys[0]).toMatchObject({ kty: "EC", crv: "P-256", use: "x509-svid" });
  const [leaf, issuer] = certificatesOf((await svidOf(billing.svids())).svids[0]?.x509Svid ?? Buffer.alloc(0));
  const files = { "root.pem": pem(keys[0]?.x5c[0] ?? ""), "leaf.pem": `${leaf}`, "issuer.pem": `${issuer}` };
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  const verify = ["verify", "-x509_strict", "-CAfile", "root.pem", "-untrusted", "issuer.pem", "leaf.pem"];
  expect(execFileSync("openssl", verify, { cwd: folder, encoding: "utf8" })).toBe("leaf.pem: OK\n");
  expect((await bundleOf(partner)).spiffe_sequence).toBe(spiffe_sequence);
});

test("the workload that a rule names is let in by its own SVID, others are not, and another root is followed", async () => {
  const [mine, other] = [billing.svids(), reports.svids()];
  const before = await svidOf(mine);
  await until("the partner's workload is let in", async () => (await call(before)) === 200);
  expect(await call(await svidOf(other))).toBe(403);
  const { spiffe_sequence } = await bundleOf(partner);
  const [root] = await rootsOf(partner);
  await selvage(partner, "ca", "rotate-root");
  expect((await bundleOf(partner)).spiffe_sequence).toBeGreaterThan(spiffe_sequence);
  expect(await rootsOf(partner)).not.toContain(root);
  const isNew = ({ svids }: SvidMessage): boolean =>
    certificatesOf(svids[0]?.bundle ?? Buffer.alloc(0))[0]?.toString() !== root;
  const after = await until("the workload has an SVID of the new root", () =>
    mine.last && isNew(mine.last) ? mine.last : undefined,
  );
  await until("it is let in", async () => (await call(after)) === 200);
  await until("the old one is not", async () => (await call(before)) === 0);
  expect((await federation()).partners[0]).toMatchObject({
    trustDomain: "partner.example",
    roots: [expect.stringContaining((await rootsOf(partner))[0]?.trim() ?? "-")],
  });
});

test.skipIf(!hasGoSpiffe)(
  "go-spiffe takes SVID and bundles from the agent, and believes both workloads by them",
  async () => {
    writeFileSync(join(folder, "bundle.json"), JSON.stringify(await bundleOf(shop)));
    const { svids } = await svidOf(billing.svids());
    writeFileSync(join(folder, "partner.pem"), toPem(svids[0]?.x509Svid ?? Buffer.alloc(0)));
    const ask = (): string =>
      execFileSync(probe, ["bundle.json", "shop.internal", "partner.pem"], {
        ...{ cwd: folder, encoding: "utf8", stdio: "pipe" },
        env: { SPIFFE_ENDPOINT_SOCKET: `unix://${webSocket}` },
      });
    const own = "spiffe://shop.internal/service/web";
    expect(ask().trim().split("\n")).toEqual([own, own, "spiffe://partner.example/service/billing", "true 5m0s"]);
  },
);

function builds(): boolean {
  const cwd = join(import.meta.dirname, "go-spiffe");
  try {
    execFileSync("go", ["build", "-o", probe, "."], { cwd, stdio: "pipe", env: { ...process.env, GOPROXY: "off" } });
    return true;
  } catch {
    console.log("go or the modules of go-spiffe are not here (go mod download in test/long/go-spiffe): not asked");
    return false;
  }
}
