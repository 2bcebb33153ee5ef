/** An offline root takes the place of the own one and is left again, instances are revoked, and join tokens of before stay good. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Fleet } from "../mesh-agent/support/agents.ts";
import {
  agentsOf,
  caStatus,
  identityOf,
  openssl,
  printOf,
  rotateUnderLoad,
  selvage,
  verifyStrictly,
} from "../support/authority.ts";
import { type System, startSystem, until } from "../support/system.ts";

let system: System;
let token: string;
/** Made before anything rotates. */
let earlyJoinToken: string;
const fleet = new Fleet();
const folder = mkdtempSync(join(tmpdir(), "selvage-authority-"));

beforeAll(async () => {
  system = await startSystem();
  token = await system.token("alice");
  earlyJoinToken = await selvage(system, "join-token", "users");
  await selvage(system, "ca", "rotate-root");
});
afterAll(async () => {
  await fleet.end();
  await system?.stop();
  rmSync(folder, { recursive: true, force: true });
});

const isServed = async (): Promise<boolean> => (await system.get("/load/orders/1", token)).status === 200;

test("of a service with a revoked instance the others serve, without a request that fails", async () => {
  const id = await selvage(system, "revoke", "--instance", "orders/orders-v1-1", "--wait");
  const before = system.accessLog("orders-v1-1").length;
  for (let n = 0; n < 40; n++) expect(await isServed()).toBe(true);
  expect(system.accessLog("orders-v1-1").length).toBe(before);
  await selvage(system, "revoke", "--undo", id);
  await until(
    "it serves again",
    async () => (await isServed()) && system.accessLog("orders-v1-1").length > before,
    60_000,
  );
});

test("an issuer that openssl signed under an offline root takes over, and is left again", async () => {
  writeFileSync(join(folder, "request.pem"), await selvage(system, "ca", "csr"));
  const subject = ["-subj", "/O=Example/CN=offline root", "-days", "3650", "-nodes"];
  const usage = ["-addext", "keyUsage=critical,keyCertSign,cRLSign"];
  const curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-384"];
  openssl(folder, "req", "-x509", ...curve, "-keyout", "root.key", "-out", "root.pem", ...subject, ...usage);
  const signing = ["-CA", "root.pem", "-CAkey", "root.key", "-CAcreateserial", "-copy_extensions", "copyall"];
  openssl(folder, "x509", "-req", "-in", "request.pem", ...signing, "-days", "90", "-out", "issuer.pem");
  const files = ["issuer.pem", "root.pem"].map((name) => join(folder, name));
  const { failures } = await rotateUnderLoad(system, 50, [["import", ...files]]);
  expect(failures).toEqual([]);
  const { roots } = await caStatus(system);
  expect(roots.map(({ external, fingerprint }) => [external, fingerprint])).toEqual([
    [true, printOf(readFileSync(join(folder, "root.pem"), "utf8"))],
  ]);
  expect(await selvage(system, "ca", "export-roots")).toBe(readFileSync(join(folder, "root.pem"), "utf8").trim());
  for (const { name } of agentsOf(system)) verifyStrictly(identityOf(system, name), folder);
  expect((await system.selvage("ca", "rotate-root")).stderr).toContain("--self-made");

  // The join token is from two roots before.
  const late = fleet.run("users-late", earlyJoinToken);
  await late.ready();
  expect(await selvage(system, "ca", "log")).toContain("users/users-late");
  await fleet.end();
  expect((await system.selvage("ca", "rotate-root", "--self-made", "--force", "--timeout", "60s")).code).toBe(0);
  expect((await caStatus(system)).roots[0]?.external).toBe(false);
});
