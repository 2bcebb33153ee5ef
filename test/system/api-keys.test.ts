/** API keys from the command line to a request at the gateway, on plain workerd as `selvage serve` runs it. */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type IncomingHttpHeaders, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { PROCESSES_FILE, type ProcessEntry } from "../../shared/wire/runtime-files.ts";
import { type Ended, ended, freePorts, root, run, until } from "../support/system.ts";

const state = mkdtempSync(join(tmpdir(), "selvage-keys-"));
const environment = { SELVAGE_STATE: state, NO_COLOR: "1" };
const seen: { url: string; headers: IncomingHttpHeaders }[] = [];
let upstream: Server;
let gatewayPort = 0;
let child: ChildProcess;
let over: Promise<Ended>;

beforeAll(async () => {
  upstream = createServer(({ url = "", headers }, response) => {
    seen.push({ url, headers });
    response.end("ok");
  });
  await new Promise<void>((done) => upstream.listen(0, "127.0.0.1", done));
  const [gateway = 0, control = 0] = await freePorts(2);
  gatewayPort = gateway;
  const ports = ["--gateway-port", String(gateway), "--control-port", String(control)];
  const ORDERS_URL = `http://127.0.0.1:${(upstream.address() as AddressInfo).port}`;
  child = spawn(
    process.execPath,
    ["bin/selvage.mjs", "serve", ...ports, "--document", "examples/api-keys/selvage.yaml"],
    { cwd: root, env: { ...process.env, ...environment, ORDERS_URL }, stdio: ["ignore", "pipe", "pipe"] },
  );
  over = ended(child);
  let output = "";
  child.stdout?.on("data", (text) => {
    output += text;
  });
  await until("selvage ready", () => output.includes("selvage ready"), 60_000);
});
afterAll(async () => {
  child.kill("SIGTERM");
  await over;
  upstream.close();
  rmSync(state, { recursive: true, force: true });
});

const selvage = (...args: string[]) => run(process.execPath, ["bin/selvage.mjs", ...args], environment);
const json = async (...args: string[]) => JSON.parse((await selvage(...args, "--json")).stdout);
const get = (key: string, path = "/orders/1") =>
  fetch(`http://127.0.0.1:${gatewayPort}${path}`, { headers: { "x-api-key": key } }).then(({ status }) => status);

test("create, use, roll, revoke: refused within five seconds, used all the time", async () => {
  const created = await selvage("keys", "create", "--owner", "partner-7", "--scope", "orders:read");
  const key = created.stdout.trim();
  expect(await get(key)).toBe(200);
  expect(seen.at(-1)).toMatchObject({ url: "/orders/1" });
  expect(seen.at(-1)?.headers["x-api-key"]).toBeUndefined();
  const [{ id, start }] = (await json("keys", "list", "--owner", "partner-7")).keys;
  expect(key.startsWith(start)).toBe(true);
  expect((await selvage("explain", "GET", "/orders/1", "--as-key", id)).code).toBe(0);
  const rolled = await json("keys", "roll", id, "--overlap", "1h");
  expect([await get(key), await get(rolled.key)]).toEqual([200, 200]);
  expect((await selvage("keys", "revoke", id)).code).toBe(0);
  await until("the revoked key is refused", async () => (await get(key)) === 401, 5_000);
  expect(await get(rolled.key)).toBe(200);
  expect((await selvage("explain", "GET", "/orders/1", "--as-key", id)).code).toBe(1);
  expect((await selvage("keys", "revoke", "00000000000000ff")).code).toBe(1);
  const processes: ProcessEntry[] = JSON.parse(readFileSync(join(state, PROCESSES_FILE), "utf8"));
  const logs = ["gateway", "control"].map((name) => readFileSync(join(state, "logs", `${name}.log`), "utf8")).join("");
  expect(logs).toContain("key-revoke");
  expect(logs).not.toContain(key.slice(0, 16));
  expect(processes.find(({ role }) => role === "gateway")?.ports).toHaveProperty("KeyAdmin");
});

test("a plan that is changed decides the next requests, which go on from what was counted", async () => {
  let counted = 0;
  const policyOf = async (key: string): Promise<string> => {
    const { headers, status } = await fetch(`http://127.0.0.1:${gatewayPort}/orders/1`, {
      headers: { "x-api-key": key },
    });
    if (status === 200) counted++;
    return `${headers.get("ratelimit-policy")} left ${/r=(\d+)/.exec(headers.get("ratelimit") ?? "")?.[1]}`;
  };
  const { key, record } = await json(
    "keys",
    "create",
    "--owner",
    "growing",
    "--scope",
    "orders:read",
    "--plan",
    "free",
  );
  expect(await policyOf(key)).toBe('"identity";q=20;w=60 left 19');
  const updated = await selvage("keys", "update", record.id, "--plan", "pro");
  expect(updated.stdout.trim()).toBe(`${record.id} (${record.start}...) of growing: plan pro, scopes orders:read`);
  await until("the plan pro", async () => (await policyOf(key)).startsWith('"identity";q=2000;'));
  const told = await policyOf(key);
  expect(told).toBe(`"identity";q=2000;w=60 left ${2000 - counted}`);
  const explained = await selvage("explain", "GET", "/orders/1", "--as-key", record.id);
  expect(explained.stdout).toContain("by the row of the plan pro");
  const mistyped = await selvage("keys", "update", record.id, "--plan", "fre");
  expect(mistyped.stderr).toContain("the plan fre is none of the live document's (did you mean free?)");
  expect((await json("keys", "update", record.id, "--no-plan")).plan).toBeUndefined();
  expect((await selvage("keys", "update", record.id)).code).toBe(2);
  expect((await selvage("keys", "update", "00000000000000ff", "--plan", "pro")).code).toBe(1);
});

test("the administration of keys is closed to others", async () => {
  const processes: ProcessEntry[] = JSON.parse(readFileSync(join(state, PROCESSES_FILE), "utf8"));
  const port = processes.find(({ role }) => role === "gateway")?.ports.KeyAdmin;
  const { adminToken } = JSON.parse(readFileSync(join(state, "local.json"), "utf8"));
  for (const headers of [{}, { authorization: `Bearer ${adminToken}` }])
    expect((await fetch(`http://127.0.0.1:${port}/keys`, { headers })).status).toBe(401);
});

test("import: in parts, again without harm, bad lines by their number in the file", async () => {
  const line = (at: number) => JSON.stringify({ key: `imported-key-number-${at}`, owner: "bulk" });
  const lines = Array.from({ length: 60_000 }, (_, at) => (at === 52_221 ? "{" : line(at)));
  const file = join(state, "keys.ndjson");
  writeFileSync(file, `${lines.join("\n")}\n`);
  const first = await selvage("keys", "import", file);
  expect(first.stdout.trim()).toBe("59999 imported, 0 known, 1 refused");
  expect(first.stderr).toContain("line 52222: not JSON");
  expect(first.code).toBe(1);
  expect((await selvage("keys", "import", file)).stdout.trim()).toBe("0 imported, 59999 known, 1 refused");
  expect((await selvage("keys", "import", join(state, "missing"))).code).toBe(2);
});
