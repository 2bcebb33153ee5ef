/** Identity in the running system: revocations from the command line to the gateway, and conditions in its real bundle. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { root, type System, startSystem, until } from "../support/system.ts";

let system: System;
let folder: string;
let issuer: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "selvage-identity-"));
  system = await startSystem();
  issuer = `http://127.0.0.1:${system.port("IDP")}/`;
});
afterAll(async () => {
  await system?.stop();
  rmSync(folder, { recursive: true, force: true });
});

const status = async (token: string): Promise<number> => (await system.get("/load/orders/1", token)).status;

async function selvage(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await system.selvage(...args);
  if (code !== 0) throw new Error(`selvage ${args.join(" ")}: ${stderr}`);
  return stdout.trim();
}

test("a revoked subject is refused within 5 s, also where its token is remembered, until that is undone", async () => {
  const [alice, bob] = [await system.token("alice"), await system.token("bob")];
  for (let count = 0; count < 3; count++) expect([await status(alice), await status(bob)]).toEqual([200, 200]);
  const id = await selvage("revoke", "--sub", "alice", "--issuer", issuer, "--expires", "1h", "--reason", "test");
  await until("alice is refused", async () => (await status(alice)) === 401, 5_000);
  expect(await status(bob)).toBe(200);
  expect(await selvage("revoke", "--list")).toContain(`subject alice of ${issuer}`);
  await selvage("revoke", "--undo", id);
  await until("alice may again", async () => (await status(alice)) === 200, 5_000);
});

test("a condition decides in the gateway as it is built", async () => {
  const text = readFileSync(join(root, "examples/shop/selvage.yaml"), "utf8");
  const from = /(path: \/load\/orders\/\* \}\n\s+auth: )login/;
  expect(text).toMatch(from);
  const file = join(folder, "selvage.yaml");
  const when = `'identity.sub.startsWith("al") && has(identity.claims.aud)'`;
  writeFileSync(file, text.replace(from, `$1{ any: [login], when: ${when} }`));
  await selvage("apply", file, "--wait");
  const [alice, bob] = [await system.token("alice"), await system.token("bob")];
  await until("the condition is live", async () => (await status(bob)) === 403);
  expect(await status(alice)).toBe(200);
});
