/** `selvage logs` over files as the local system writes them. */
import { spawn } from "node:child_process";
import { appendFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { readLine } from "../../../cli/logs/log-entry.ts";
import { readLog } from "../../../cli/logs/read-log.ts";
import { dev } from "../../../shared/limits/dev.ts";
import { runInProcess } from "../../support/run-cli.ts";
import { ended, root, until } from "../../support/system.ts";

const NOW = Date.now();
const at = (secondsAgo: number): string => new Date(NOW - secondsAgo * 1_000).toISOString();
const access = (secondsAgo: number, status: number, more: object = {}): string =>
  JSON.stringify({
    ...{ time: at(secondsAgo), kind: "access", hop: "inbound", service: "orders", instance: "orders-1" },
    ...{
      traceId: "ab".repeat(16),
      spanId: "cd".repeat(8),
      method: "GET",
      path: "/a",
      status,
      durationMs: 12.4,
      plan: 1,
    },
    ...more,
  });
const event = (secondsAgo: number, name: string, message: string): string =>
  JSON.stringify({ time: at(secondsAgo), kind: "agent", event: name, message });

let state: string;
const logFile = (process: string): string => path.join(state, "logs", `${process}.log`);
const write = (process: string, ...lines: string[]): void => writeFileSync(logFile(process), `${lines.join("\n")}\n`);
const logs = (line = "", environment: Record<string, string> = {}) =>
  runInProcess(["logs", ...line.split(" ").filter((word) => word !== "")], { SELVAGE_STATE: state, ...environment });
const lineOf = (text: string): string[] =>
  text
    .trimEnd()
    .split("\n")
    .map((line) => line.replace(/ +/g, " "));

beforeAll(() => {
  state = mkdtempSync(path.join(tmpdir(), "selvage-logs-"));
  mkdirSync(path.join(state, "logs"));
  const services = ["orders-1", "orders-2", "ingress"].map((name) => ({
    ...{ name, role: "agent", service: name === "ingress" ? "gateway" : "orders", version: "1", pid: 1, ports: {} },
  }));
  writeFileSync(path.join(state, "processes.json"), JSON.stringify(services));
  write(
    "gateway",
    access(50, 200, { hop: "gateway", route: "orders" }),
    access(9, 503, { error: "no_healthy_endpoint" }),
  );
  write("ingress", access(8, 200));
  write(
    "orders-1",
    access(3_700, 200, { path: "/old" }),
    event(40, "ready", "serving orders"),
    "selvage-agent: serving orders",
    "listening on 8080\u001b[31m",
    access(7, 403, { error: "access_denied", reason: "no rule names x", traceId: "ef".repeat(16) }),
    "TypeError: nope is not a function",
    "    at main (app.js:1:1)",
  );
  write("orders-2", event(5, "control_lost", "the control plane is away"), access(4, 404));
});
afterAll(() => rmSync(state, { recursive: true, force: true }));

describe("what is shown", () => {
  test("all processes in the order of time, an event once, and nothing that commands the terminal", async () => {
    const { code, stdout } = await logs("--since 10m");
    expect(code).toBe(0);
    expect(stdout).not.toContain("\u001b");
    expect(lineOf(stdout).map((line) => line.slice("12:00:00.000 ".length))).toEqual([
      `gateway info GET /a 200 12ms route=orders trace=${"ab".repeat(16)}`,
      "orders-1 info ready serving orders",
      "orders-1 info listening on 8080",
      `gateway error inbound GET /a 503 12ms no_healthy_endpoint trace=${"ab".repeat(16)}`,
      `ingress info inbound GET /a 200 12ms trace=${"ab".repeat(16)}`,
      `orders-1 warn inbound GET /a 403 12ms access_denied no rule names x trace=${"ef".repeat(16)}`,
      "orders-1 error TypeError: nope is not a function",
      "orders-1 error at main (app.js:1:1)",
      "orders-2 warn control_lost the control plane is away",
      `orders-2 info inbound GET /a 404 12ms trace=${"ab".repeat(16)}`,
    ]);
  });

  test.each([
    ["gateway", ["gateway", "gateway"]],
    ["orders --level error", ["orders-1", "orders-1"]],
    ["orders/orders-2", ["orders-2", "orders-2"]],
    ["gateway orders-2 --level warn", ["gateway", "orders-2"]],
    ["--trace efef", ["orders-1"]],
    ["-n 1", ["orders-2"]],
    ["--since 6s", ["orders-2", "orders-2"]],
  ])("logs %s", async (line, processes) => {
    const { stdout } = await logs(`${line} --json`);
    expect(lineOf(stdout).map((one) => JSON.parse(one).process)).toEqual(processes);
  });

  test("JSON has what the line had, and who, when and how bad", async () => {
    const [found = "{}"] = lineOf((await logs("--trace efef --ndjson")).stdout);
    expect(JSON.parse(found)).toEqual({ ...JSON.parse(access(7, 403)), ...JSON.parse(found) });
    expect(JSON.parse(found)).toMatchObject({ process: "orders-1", level: "warn", reason: "no rule names x" });
    const { stdout } = await logs("orders-1 -n 1 --json");
    const message = "    at main (app.js:1:1)";
    expect(JSON.parse(stdout)).toEqual({ time: at(7), process: "orders-1", level: "error", message });
  });

  test.each([
    ['{"level":"warning","msg":"x"}', "warn"],
    ['{"level":"FATAL"}', "error"],
    ['{"level":30,"msg":"x"}', "info"],
    ['{"kind":"limit","limit":"by-ip"}', "warn"],
    ['{"kind":"error","status":400}', "warn"],
    ['{"kind":"error","status":500}', "error"],
    ['{"kind":"audit","decision":"refuse"}', "warn"],
    ['{"kind":"audit","act":"apply"}', "info"],
    ["{not json", "info"],
    ["a warning: be careful", "warn"],
  ])("%s is of level %s", (line, level) => expect(readLine("a", line)?.level).toBe(level));
});

describe("reading from the end", () => {
  test("lines longer than what is read at once, beyond ends of chunks, and of the file that was moved aside", () => {
    const long = access(20, 200, { path: `/${"é".repeat(dev.logChunkBytes)}` });
    const many = Array.from({ length: 5_000 }, (_, index) => access(10, 200, { path: `/${index}` }));
    writeFileSync(`${logFile("big")}.1`, `${access(30, 200, { path: "/first" })}\n${long}\n`);
    write("big", ...many);
    const { entries, end } = readLog("big", logFile("big"), { level: "info" }, 1_000_000);
    const paths = entries.map(({ members }) => String(members?.path));
    expect(paths).toHaveLength(5_002);
    expect([paths[0], paths[1]?.length, paths[2], paths.at(-1)]).toEqual([
      ...["/first", dev.logChunkBytes + 1, "/0", "/4999"],
    ]);
    expect(end).toBe(Buffer.byteLength(`${many.join("\n")}\n`));
    expect(readLog("big", logFile("big"), { level: "info" }, 10).entries).toHaveLength(10);
    rmSync(logFile("big"));
    rmSync(`${logFile("big")}.1`);
  });
});

test("--follow goes on with what is written, and ends when it is told to", async () => {
  const args = ["bin/selvage.mjs", "logs", "orders-2", "-f", "-n", "1", "--json"];
  const child = spawn(process.execPath, args, { cwd: root, env: { ...process.env, SELVAGE_STATE: state } });
  const over = ended(child);
  let stdout = "";
  child.stdout.on("data", (text) => {
    stdout += text;
  });
  const shown = () => stdout.split("\n").flatMap((line) => (line === "" ? [] : [JSON.parse(line).path]));
  await until("what was there is shown", () => shown().length === 1);
  appendFileSync(logFile("orders-2"), `${access(0, 200, { path: "/new" })}\n`);
  await until("what is new, too", () => shown().length === 2);
  expect(shown()).toEqual(["/a", "/new"]);
  child.kill("SIGINT");
  expect((await over).code).toBe(0);
});

test.each([
  ["an unknown name", "ordres", {}, 2, "did you mean orders"],
  ["a name like none", "x-y-z-9", {}, 2, "there are gateway, ingress, orders-1, orders-2"],
  ["a deployed system", "--control https://control.example", {}, 2, "npx wrangler tail"],
  ["nothing here", "", { SELVAGE_STATE: "/nowhere/at/all" }, 3, "nothing has run on /nowhere/at/all"],
  ["a level that is none", "--level loud", {}, 2, "info, warn, error"],
  ["a trace that is none", "--trace xyz", {}, 2, "hex digits"],
  ["too many lines", "-n 1000000", {}, 2, "from 1 to 50000"],
] as const)("%s: %s", async (_what, line, environment, code, said) => {
  const found = await logs(line, environment);
  expect(found).toMatchObject({ code, stdout: "", stderr: expect.stringContaining(said) });
});
