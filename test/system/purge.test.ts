/** `selvage purge` against a system as `selvage serve` runs it. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { PROCESSES_FILE, type ProcessEntry } from "../../shared/wire/runtime-files.ts";
import { type Served, serveDocument } from "../support/serve.ts";
import { run } from "../support/system.ts";

let served: Served;
beforeAll(async () => {
  served = await serveDocument("examples/api-keys/selvage.yaml");
});
afterAll(() => served?.stop());

const selvage = (...args: string[]) =>
  run(process.execPath, ["bin/selvage.mjs", ...args], { SELVAGE_STATE: served.state, NO_COLOR: "1" });

test("tells its number, which the status knows, and stands in the audit log", async () => {
  expect((await selvage("status")).stdout).toContain("cache: nothing is served that was stored before");
  const soft = await selvage("purge", "--tag", "orders", "eu", "--path", "/a/*", "--host", "Shop.example", "--soft");
  expect(soft.code).toBe(0);
  const number = Number(soft.stdout);
  expect(soft.stderr).toContain(
    `purged ${number - 2}, soft: tag orders; ${number - 1}, soft: tag eu; ${number}, soft: shop.example /a/*; visible everywhere within 4 s`,
  );
  const { purges } = JSON.parse((await selvage("status", "--json")).stdout);
  expect(purges).toMatchObject({ number, remembered: 3 });
  expect((await selvage("status")).stdout).toContain(`purge ${number} is the last of 3`);
  const all = JSON.parse((await selvage("purge", "--all", "--json")).stdout);
  expect(all.purges).toMatchObject([{ scope: { kind: "all" }, soft: false }]);
  expect((await selvage("status")).stdout).toContain("cache: nothing is served that was stored before");
  expect(served.log("control")).toContain("cache-purge");
});

test("what is nothing to purge is refused before it is sent", async () => {
  for (const args of [[], ["--all", "--tag", "a"], ["--path", "orders"], ["--tag", "a", "--host", "h"]]) {
    const { code, stderr } = await selvage("purge", ...args);
    expect([code, stderr]).toEqual([2, expect.stringContaining("error: ")]);
  }
});

test("the administration of stored answers is closed to others", async () => {
  const processes: ProcessEntry[] = JSON.parse(readFileSync(join(served.state, PROCESSES_FILE), "utf8"));
  const port = processes.find(({ role }) => role === "gateway")?.ports.CacheAdmin;
  const { adminToken } = JSON.parse(readFileSync(join(served.state, "local.json"), "utf8"));
  const body = JSON.stringify({ scopes: [{ kind: "all" }] });
  for (const headers of [{}, { authorization: `Bearer ${adminToken}` }]) {
    const answer = await fetch(`http://127.0.0.1:${port}/cache/purges`, { method: "POST", headers, body });
    expect(answer.status).toBe(401);
  }
});
