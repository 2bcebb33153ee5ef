/**
 * Keys that gateways hold are replaced again and again under load, whatever dies meanwhile, and so are root and issuer of the mesh:
 * no request is refused, but those of who is revoked.
 */
import "reflect-metadata";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import * as x509 from "@peculiar/x509";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Status } from "../../../shared/wire/admin.ts";
import type { DeniedList } from "../../../shared/wire/ca.ts";
import {
  agentsOf,
  caStatus,
  identityOf,
  printOf,
  rotateUnderLoad,
  selvage,
  verifyStrictly,
} from "../../support/authority.ts";
import { makeAuthority } from "../../support/certificates.ts";
import { Envoy, hasEnvoy } from "../../support/envoy.ts";
import { orderLoad } from "../../support/outages.ts";
import { type System, startSystem, until } from "../../support/system.ts";

let system: System;
let token: string;

beforeAll(async () => {
  system = await startSystem();
  token = await system.token("alice", "orders:read");
});
afterAll(async () => {
  await system?.stop();
  rmSync(folder, { recursive: true, force: true });
});

const folder = mkdtempSync(join(tmpdir(), "selvage-rotation-"));

const RATE = 100;

const call = (path: string, body?: object): Promise<Response> =>
  fetch(`http://127.0.0.1:${system.port("CONTROL")}${path}`, {
    method: body === undefined ? "GET" : "POST",
    headers: { authorization: `Bearer ${system.adminToken}` },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });

async function rotate(key: "signing" | "hop", more: object = {}): Promise<string> {
  const answer = await call("/v1/keys/rotate", { key, author: "test", ...more });
  expect(answer.status).toBe(202);
  return ((await answer.json()) as { kid: string }).kid;
}

async function keyOf(kid: string): Promise<{ state: string; gateways: number } | undefined> {
  const answer = await call("/v1/status").catch(() => undefined);
  if (answer?.status !== 200) return undefined;
  return ((await answer.json()) as Status).keys.flatMap(({ keys }) => keys).find((key) => key.kid === kid);
}

/** The key signs what gateways send. They ask for it with the requests that they serve. */
async function inUse(kid: string): Promise<void> {
  let key: Awaited<ReturnType<typeof keyOf>>;
  await until(
    () => `the gateway holds the new key; it is ${JSON.stringify(key)}`,
    async () => {
      await system.get("/load/orders/ask", token);
      key = await keyOf(kid);
      return key?.state === "current" && key.gateways > 0;
    },
  );
}

test("one after the other, through a death of the control plane and agents that are away", async () => {
  const load = orderLoad(system, token, RATE);
  for (const key of ["signing", "hop", "signing"] as const) await inUse(await rotate(key));

  // An agent that hears nothing holds the new key back, and is believed on while it is away.
  const { pid } = system.process("orders-v1-2", "agent");
  process.kill(pid, "SIGSTOP");
  const held = await rotate("signing");
  await delay(500);
  expect((await keyOf(held))?.state).toBe("next");
  process.kill(pid, "SIGCONT");
  await inUse(held);

  system.kill("inventory-1", "agent", "SIGSTOP");
  const through = await rotate("signing");
  system.kill("control", "control", "SIGKILL");
  process.kill(system.process("inventory-1", "agent").pid, "SIGCONT");
  await system.restart("control");
  await inUse(through);
  await inUse(await rotate("hop", { now: true }));
  const { sent, failures } = await load.stop();
  expect(failures).toEqual([]);
  expect(sent).toBeGreaterThan(RATE);
});

test("after a theft the old keys are worth nothing, and all is well within seconds", async () => {
  const before = (await (await call("/v1/status")).json()) as Status;
  const [signing, hop] = [
    await rotate("signing", { now: true, revoke: true }),
    await rotate("hop", { now: true, revoke: true }),
  ];
  await inUse(signing);
  await inUse(hop);
  const status = (await (await call("/v1/status")).json()) as Status;
  expect(status.keys.map(({ keys }) => keys.map(({ kid }) => kid))).toEqual([[signing], [hop]]);
  expect(before.keys.flatMap(({ keys }) => keys).length).toBeGreaterThan(4);
  expect((await system.get("/load/orders/1", token)).status).toBe(200);
});

test("the command waits until every gateway holds it", async () => {
  const rotating = system.selvage("rotate", "signing-key", "--wait", "--json");
  let over = false;
  rotating.then(() => {
    over = true;
  });
  // A gateway that serves nothing holds no lease.
  while (!over) await system.get("/load/orders/1", token);
  const { code, stdout, stderr } = await rotating;
  expect(code, stderr).toBe(0);
  const { kid } = JSON.parse(stdout);
  expect(stderr).toContain(`key ${kid}: held by all`);
  expect((await system.selvage("status")).stdout).toContain(kid);
  expect(await system.selvage("rotate", "hop-key", "--revoke")).toMatchObject({ code: 2 });
});

test("root and issuing key change under load: no request fails, no agent restarts", async () => {
  const before = await caStatus(system);
  const running = agentsOf(system);
  const { sent, failures, tookMs } = await rotateUnderLoad(system, 100, [["rotate-root"], ["rotate-issuer"]]);
  console.log(`${sent} requests, commands took ${tookMs.map((ms) => `${Math.round(ms)} ms`).join(", ")}`);
  expect(failures).toEqual([]);
  expect(sent).toBeGreaterThan(100);
  expect(agentsOf(system)).toEqual(running);
  const after = await caStatus(system);
  expect(after.roots).toHaveLength(1);
  expect(after.rotation).toBeUndefined();
  expect(after.roots[0]?.fingerprint).not.toBe(before.roots[0]?.fingerprint);
  expect(after.issuer?.fingerprint).not.toBe(before.issuer?.fingerprint);
  for (const { name } of running) {
    expect(printOf(identityOf(system, name).certificates[1]), name).toBe(after.issuer?.fingerprint);
    verifyStrictly(identityOf(system, name), folder);
  }
});

/** The rules by which go-spiffe takes an X.509-SVID (X509-SVID sections 2, 4.1, 4.3 and 5.2). */
test("leaves are X.509-SVIDs and nothing else", () => {
  for (const { name } of agentsOf(system)) {
    const leaf = new x509.X509Certificate(identityOf(system, name).certificates[0] ?? "");
    const names = leaf.getExtension(x509.SubjectAlternativeNameExtension)?.names.toJSON() ?? [];
    expect(names.map(({ type }) => type)).toEqual(["url"]);
    expect(String(names[0]?.value)).toMatch(/^spiffe:\/\/shop\.internal\/service\/[a-z]+$/);
    expect(leaf.getExtension(x509.BasicConstraintsExtension)?.ca).toBe(false);
    const usage = leaf.getExtension(x509.KeyUsagesExtension);
    expect([usage?.critical, usage?.usages]).toEqual([true, x509.KeyUsageFlags.digitalSignature]);
    for (const pem of identityOf(system, name).certificates.slice(1)) {
      const authority = new x509.X509Certificate(pem);
      expect(authority.getExtension(x509.BasicConstraintsExtension)?.ca).toBe(true);
      expect(authority.getExtension(x509.KeyUsagesExtension)?.usages).toBe(
        x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign,
      );
    }
  }
});

test.skipIf(!hasEnvoy)("Envoy believes an agent's certificate, is believed with one, and refuses others", async () => {
  const { certificates, roots, privateKey } = identityOf(system, "orders-v1-1");
  const own = { key: privateKey, cert: certificates.join("\n") };
  const envoy = await Envoy.start(folder, own, "shop.internal", roots.join("\n"));
  try {
    const other = identityOf(system, "inventory-1");
    const proof = { key: other.privateKey, cert: other.certificates.join("\n") };
    expect(await envoy.answers(proof, roots.join("\n"))).toBe(true);
    for (const trustDomain of ["bank.internal", "shop.internal"]) {
      const stranger = await (await makeAuthority(trustDomain)).issue("inventory");
      const forged = { key: stranger.keyPem, cert: stranger.certPem };
      expect(await envoy.answers(forged, roots.join("\n")), trustDomain).toBe(false);
    }
  } finally {
    await envoy.stop();
  }
});

const isServed = async (): Promise<boolean> => (await system.get("/load/orders/1", token)).status === 200;

test("a revoked service is refused by all within 5 s, and served again when that is taken back", async () => {
  expect(await isServed()).toBe(true);
  const startMs = performance.now();
  const denied = await call("/v1/denied", { service: "orders", author: "test" });
  expect(denied.status).toBe(201);
  const { id } = (await denied.json()) as { id: string };
  await until("every connected agent says so", async () => {
    const { waitingFor } = (await (await call("/v1/denied")).json()) as DeniedList;
    return waitingFor.live === 0;
  });
  const saidMs = performance.now() - startMs;
  expect(await isServed()).toBe(false);
  const seenMs = performance.now() - startMs;
  console.log(
    `refused by all ${Math.round(saidMs)} ms after it was asked for, seen from outside at ${Math.round(seenMs)} ms`,
  );
  expect(seenMs).toBeLessThan(5_000);
  expect(await selvage(system, "revoke", "--list")).toContain("service orders");
  await selvage(system, "revoke", "--undo", id);
  await until("it is served again", isServed, 30_000);
});
