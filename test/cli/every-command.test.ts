/** All commands: their help as it is printed, and what they do without network and without a system. */
import { spawnSync } from "node:child_process";
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import type { Command } from "commander";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { freePort } from "../../cli/local/ports.ts";
import { makeProgram, wholeProgram } from "../../cli/program-tree.ts";
import { LOCAL_SYSTEM_FILE } from "../../shared/wire/runtime-files.ts";
import { writeCliFiles } from "../support/cli-files.ts";
import {
  CANNED_LINES,
  EDGE_LINES,
  FILE_LINES,
  FIRST_LINES,
  MESH_LINES,
  VERSION_LINES,
} from "../support/golden-lines.ts";
import { runInProcess } from "../support/run-cli.ts";

const shop = path.resolve(import.meta.dirname, "../../examples/shop/selvage.yaml");
const described = path.resolve(import.meta.dirname, "../../examples/openapi/selvage.yaml");

/** Linux lets us have a network of our own, in which there is nothing. */
const hasNamespaces = spawnSync("unshare", ["--map-root-user", "--net", "true"]).status === 0;

interface Named {
  readonly name: string;
  readonly command: Command;
}

const below = (command: Command, before = ""): Named[] =>
  command.commands.flatMap((one) => {
    const name = `${before}${one.name()}`;
    return [{ name, command: one }, ...below(one, `${name} `)];
  });

const program = await wholeProgram();
const all = below(program);
const leaves = all.filter(({ command }) => command.commands.length === 0).map(({ name }) => name);

/** As on a terminal of 80 columns. */
function helpOf(command: Command): string {
  let text = "";
  const add = (part: string): void => {
    text += part;
  };
  command.configureOutput({ writeOut: add, getOutHelpWidth: () => 80, getOutHasColors: () => false }).outputHelp();
  return text;
}

/** Command lines that need no control plane, and their exit code; `@` is a folder with files. `serve` goes on until it is ended. */
const ALONE: Readonly<Record<string, readonly [line: string, code?: number]>> = {
  check: [`check ${shop}`],
  explain: [`explain GET /load/orders/1 --as a --scope orders:read --file ${shop}`],
  diff: [`diff ${shop} --base ${shop}`],
  routes: [`routes --file ${shop}`],
  plan: [`plan ${shop}`],
  contract: [`contract ${described}`],
  schema: ["schema"],
  "import arazzo": ["import arazzo @look.arazzo.yaml --source shop=@openapi.yaml --service shop=orders", 1],
  build: ["build nowhere.yaml", 2],
  "secret list": [`secret list --file ${shop}`],
  "secret check": [`secret check --file ${shop}`],
  "mesh edges": [`mesh edges --file ${shop}`],
  "join test": [`join test @keys.jsonl --file ${shop}`, 1],
  completion: ["completion bash"],
  help: ["help SLV3012"],
  doctor: ["doctor"],
  logs: ["logs", 3],
  init: ["init @api"],
  test: ["test @selvage.test.yaml"],
};

/** Command lines that ask the control plane. */
const ASKING: Readonly<Record<string, string>> = {
  explain: "explain GET /orders/1",
  routes: "routes --host shop.example",
  diff: `diff ${shop}`,
  apply: `apply ${shop}`,
  "canary status": "canary status",
  "canary promote": "canary promote",
  "canary abort": "canary abort",
  "canary set": "canary set 10%",
  rollback: "rollback 1",
  history: "history",
  "config view": "config view",
  stat: "stat routes --window 1h",
  top: "top",
  tap: "tap --route orders",
  "secret list": "secret list",
  "secret check": "secret check",
  status: "status",
  deprecated: "deprecated",
  drift: "drift",
  audit: "audit --ndjson",
  "mesh status": "mesh status",
  "mesh config": "mesh config orders/1",
  "mesh edges": "mesh edges",
  "mesh drain": "mesh drain orders/1",
  "mesh join": "mesh join orders",
  "join-token": "join-token orders",
  "join keys": "join keys",
  "join forget": "join forget abc",
  certs: "certs",
  renew: "renew",
  "federation list": "federation list",
  "federation show": "federation show partner.example",
  "federation refresh": "federation refresh",
  "ca status": "ca status",
  "ca rotate-root": "ca rotate-root",
  "ca rotate-issuer": "ca rotate-issuer",
  "ca abort": "ca abort",
  "ca csr": "ca csr",
  "ca import": `ca import ${shop}`,
  "ca export-roots": "ca export-roots",
  "ca log": "ca log",
  "keys create": "keys create --owner a",
  "keys list": "keys list",
  "keys update": "keys update 3f9a1c0b5d7e2468 --plan gold",
  "keys roll": "keys roll 3f9a1c0b5d7e2468",
  "keys revoke": "keys revoke 3f9a1c0b5d7e2468",
  "keys import": `keys import ${shop}`,
  token: "token --list",
  revoke: "revoke --list",
  rotate: "rotate signing-key",
  purge: "purge --all",
};

let state: string;
/** Of a system that has ended without a word. */
let left: string;
let closed: string;
const argsOf = (line: string): string[] => line.replaceAll("@", `${state}/`).split(" ");
beforeAll(async () => {
  state = mkdtempSync(path.join(tmpdir(), "selvage-every-"));
  left = mkdtempSync(path.join(tmpdir(), "selvage-left-"));
  closed = `http://127.0.0.1:${await freePort()}`;
  writeCliFiles(state);
  const system = { control: closed, gateway: closed, adminToken: "t" };
  writeFileSync(path.join(left, LOCAL_SYSTEM_FILE), JSON.stringify(system));
});
afterAll(() => {
  for (const folder of [state, left]) rmSync(folder, { recursive: true, force: true });
});

describe("help", () => {
  test("of every command", async () => {
    const names = { name: "", command: await makeProgram(() => false) };
    const texts = [names, ...all].map(({ name, command }) => {
      return `$ selvage ${name} --help\n\n${helpOf(command).trimEnd()}\n`.replace("selvage  ", "selvage ");
    });
    await expect(texts.join(`\n${"-".repeat(80)}\n\n`)).toMatchFileSnapshot("golden/help.txt");
  });

  test("each has two examples at least, or the command above it, and they are command lines", () => {
    const examplesOf = (command: Command): string[] =>
      helpOf(command)
        .split(/\nExamples?:\n/)[1]
        ?.match(/selvage [a-z][^\n]*/g) ?? [];
    const tops = [program, ...program.commands];
    expect(tops.filter((command) => examplesOf(command).length < 2).map((command) => command.name())).toEqual([]);
    const known = new Set(all.map(({ name }) => name.split(" ")[0]));
    const wrong = tops.flatMap(examplesOf).filter((line) => !known.has(line.split(" ")[1]));
    expect(wrong).toEqual([]);
  });

  test("each can print JSON, but for the one that goes on", () => {
    const without = all.filter(
      ({ name, command }) => leaves.includes(name) && !command.options.some(({ long }) => long === "--json"),
    );
    expect(without.map(({ name }) => name)).toEqual(["serve"]);
  });

  test("each has an output that is kept, but for those that go on, or read what is typed", () => {
    const lines = [...FILE_LINES, ...FIRST_LINES, ...MESH_LINES, ...EDGE_LINES, ...VERSION_LINES].map(
      ({ line }) => line,
    );
    const kept = [...CANNED_LINES, ...lines, "dev"];
    const without = leaves.filter((name) => !kept.some((line) => `${line} `.startsWith(`${name} `)));
    expect(without).toEqual(["secret set", "serve"]);
  });
});

describe("without a system", () => {
  test("every command is tried below", () => {
    const tried = new Set([...Object.keys(ALONE), ...Object.keys(ASKING), "secret set", "serve", "dev"]);
    expect(leaves.filter((name) => !tried.has(name))).toEqual([]);
    expect([...tried].filter((name) => !leaves.includes(name))).toEqual([]);
  });

  test.each(Object.entries(ALONE))("%s needs none, and connects nowhere", async (_, [line, code = 0]) => {
    const connected: unknown[] = [];
    const note = (socket: unknown): void => void connected.push(socket);
    subscribe("net.client.socket", note);
    const found = await runInProcess(argsOf(line), { SELVAGE_STATE: state });
    unsubscribe("net.client.socket", note);
    expect(found.code, found.stderr).toBe(code);
    if (code === 0) expect(found.stdout).not.toBe("");
    expect(connected).toEqual([]);
  });

  test.skipIf(!hasNamespaces)("nor is there a network at all", async () => {
    rmSync(path.join(state, "api"), { recursive: true });
    writeCliFiles(state);
    const lines = Object.values(ALONE).map(([line]) => argsOf(line));
    const program = path.join(import.meta.dirname, "../support/run-lines.ts");
    const args = ["--map-root-user", "--net", process.execPath, program, JSON.stringify(lines)];
    const { stderr } = spawnSync("unshare", args, { env: { ...process.env, SELVAGE_STATE: state }, encoding: "utf8" });
    const codes: unknown = JSON.parse(stderr.split("\n").at(-1) ?? "");
    expect(codes).toEqual(Object.values(ALONE).map(([, code = 0]) => code));
  });

  test.each(Object.entries(ASKING))("%s: exit code 3, and what to start", async (_, line) => {
    const found = await runInProcess(argsOf(line), { SELVAGE_STATE: state });
    expect(found).toMatchObject({ code: 3, stdout: "", stderr: expect.stringContaining(`nothing runs on ${state}`) });
  });

  test.each(Object.entries(ASKING))("%s: exit code 3, what was tried and by whose word", async (name, line) => {
    const isPlain = /--(?:nd)?json/.test(line);
    const json = isPlain ? [] : ["--json"];
    const ways = [
      [[...json, "--control", closed, "--token", "t"], {}, "from --control"],
      [json, { SELVAGE_STATE: state, SELVAGE_CONTROL_URL: closed, SELVAGE_TOKEN: "t" }, "from SELVAGE_CONTROL_URL"],
      [[], { SELVAGE_STATE: left }, `of the local system in ${left}`],
    ] as const;
    for (const [more, environment, how] of ways) {
      const { code, stdout, stderr } = await runInProcess([...argsOf(line), ...more], environment);
      expect({ name, code, stdout }, stderr).toEqual({ name, code: 3, stdout: "" });
      expect(stderr).toContain(`the control plane at ${closed} does not answer`);
      expect(stderr).toContain(how);
      expect(stderr).toMatch(/\nNext: selvage doctor/);
    }
  });

  test("doctor and check --live tell what they found all the same", async () => {
    const where = { SELVAGE_STATE: left };
    const doctor = await runInProcess(["doctor"], where);
    expect(doctor).toMatchObject({ code: 3, stdout: expect.stringContaining(`the control plane at ${closed}`) });
    expect(doctor.stdout).toContain(`of the local system in ${left}`);
    const check = await runInProcess(["check", "--live", shop], where);
    expect(check).toMatchObject({ code: 3, stdout: expect.stringContaining("3 routes") });
    expect(check.stderr).toContain(`the control plane at ${closed} does not answer`);
  });

  test("test --live: 3, and the gateway that was tried", async () => {
    const found = await runInProcess([...argsOf("test @selvage.test.yaml --live"), closed], { SELVAGE_STATE: state });
    expect(found).toMatchObject({ code: 3, stdout: "", stderr: expect.stringContaining(`${closed} does not answer`) });
  });

  test("secret set says where secrets of a deployed gateway are kept", async () => {
    const found = await runInProcess(["secret", "set", "KEY"], { HOME: state });
    expect(found).toMatchObject({ code: 3, stderr: expect.stringContaining("wrangler secret put SECRET_KEY") });
  });
});

describe("wrong usage", () => {
  test.each([
    ["an unknown command", "chekc", "check"],
    ["an unknown option", "routes --fiel x", "--file"],
    ["an unknown command below another", "mesh statsu", "status"],
    ["a choice that is none", "completion tcsh", "bash, zsh, fish"],
    ["an unknown code", "help SLV3999", "selvage help codes"],
    ["an unknown topic", "help mesh edgse", "edges"],
    ["an argument too many", "doctor now", "too many arguments"],
    ["no command below another", "mesh", "Commands:"],
  ])("%s: 2", async (_, line, hint) => {
    expect(await runInProcess(line.split(" "))).toMatchObject({
      code: 2,
      stdout: "",
      stderr: expect.stringContaining(hint),
    });
  });
});
