/** What commands print of a system that runs: one `selvage dev`, and an agent that joins it. */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ControlClient } from "../../cli/control-client.ts";
import type { AgentStatus, Status } from "../../shared/wire/admin.ts";
import { LOCAL_SYSTEM_FILE, localSystemSchema } from "../../shared/wire/runtime-files.ts";
import { writeCliFiles } from "../support/cli-files.ts";
import { EDGE_LINES, FIRST_LINES, type GoldenLine, MESH_LINES, VERSION_LINES } from "../support/golden-lines.ts";
import { LightFleet } from "../support/light-agents.ts";
import { goldenFile, goldenText, maskOutput } from "../support/mask-output.ts";
import { runInProcess } from "../support/run-cli.ts";
import { type Ended, ended, freePorts, root, until } from "../support/system.ts";

const folder = mkdtempSync(join(tmpdir(), "selvage-golden-"));
const state = join(folder, ".selvage");
const fleet = new LightFleet();
const NO_PROXY = { HTTP_PROXY: "", HTTPS_PROXY: "", http_proxy: "", https_proxy: "" };
let child: ChildProcess;
let over: Promise<Ended>;
let said = "";

const selvage = (args: readonly string[]) =>
  runInProcess(args, { ...NO_PROXY, SELVAGE_STATE: state, SELVAGE_AUTHOR: "ana" });

beforeAll(async () => {
  writeCliFiles(folder);
  const [gateway = 0, control = 0] = await freePorts(2);
  const ports = ["--gateway-port", String(gateway), "--control-port", String(control)];
  child = spawn(process.execPath, [join(root, "bin/selvage.mjs"), "dev", "--stub", ...ports], {
    cwd: folder,
    env: { ...process.env, SELVAGE_STATE: state, SELVAGE_AUTHOR: "ana", NO_COLOR: "1" },
    stdio: ["ignore", "ignore", "pipe"],
  });
  over = ended(child);
  child.stderr?.on("data", (text) => {
    said += text;
  });
  await until(
    () => `dev is ready: ${said}`,
    () => said.includes("selvage dev ready"),
    60_000,
  );
}, 90_000);
afterAll(async () => {
  for (const agent of fleet.agents) agent.stop();
  child?.kill("SIGTERM");
  await over;
  rmSync(folder, { recursive: true, force: true });
}, 30_000);

/** How often it was asked for nothing, and whether somebody saw an agent leave, is a matter of time. */
const masked = (text: string): string =>
  maskOutput(text, { [relative(process.cwd(), folder)]: "<folder>", [folder]: "<folder>" })
    .replace(/^\(no route\) .*/gm, "(no route)")
    .replace(/^orders\/orders-1: draining\n/m, "");

test("dev", () => expect(masked(said)).toMatchFileSnapshot("golden/system/dev.txt"));

/** What earlier lines told. */
const told = new Map<string, string>();

async function run({ line, tells }: GoldenLine): Promise<void> {
  const given = line.replaceAll(/\{(\w+)\}/g, (_, word) => told.get(word) ?? "").replaceAll("@", `${folder}/`);
  const found = await selvage(given.split(" "));
  if (tells !== undefined) told.set(tells[0], tells[1].exec(found.stdout + found.stderr)?.[1] ?? "");
  await expect(goldenText(line, found, masked)).toMatchFileSnapshot(goldenFile("system/", line));
}

describe("before an agent has joined", () => {
  test.each(FIRST_LINES)("$line", run);
});

describe("with an agent", () => {
  beforeAll(async () => {
    const client = new ControlClient({ url: local().control, token: local().adminToken });
    const joinToken = async (service: string): Promise<string> => (await client.joinToken({ service })).token;
    const agents = await fleet.join({ joinToken }, [["orders", "orders-1"]]);
    for (const agent of agents) agent.start();
    await until("it serves the version", async () => (await client.status()).agents.some(isCurrent));
  });
  test.each(MESH_LINES)("$line", run);
});

describe("after requests", () => {
  beforeAll(async () => {
    const { gateway } = local();
    const made = await selvage(["keys", "create", "--owner", "partner-1", "--json"]);
    const { key } = JSON.parse(made.stdout) as { key: string };
    await fetch(`${gateway}/v1/orders/7`);
    await fetch(`${gateway}/old/1`, { headers: { "x-api-key": key } });
    await until("both are counted", async () => {
      // What was counted is told with a lease, which the next request asks for.
      await fetch(`${gateway}/nowhere`);
      const { stdout } = await selvage(["stat", "routes", "--json"]);
      return stdout.includes('"old"') && stdout.includes('"api"');
    });
    // The isolate has asked for nothing for as long as it counts as one that serves.
    await until("no gateway holds a lease", async () => {
      const { stdout } = await selvage(["status", "--json"]);
      return (JSON.parse(stdout) as Status).gateways.length === 0;
    });
  }, 30_000);
  test.each(EDGE_LINES)("$line", run);
});

describe("with other versions", () => {
  test.each(VERSION_LINES)("$line", run);
});

const isCurrent = ({ state }: AgentStatus): boolean => state === "current";
const local = () => localSystemSchema.parse(JSON.parse(readFileSync(join(state, LOCAL_SYSTEM_FILE), "utf8")));
