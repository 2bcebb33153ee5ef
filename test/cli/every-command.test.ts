/** All commands: their help as it is printed, and what they do without network and without a system. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import type { Command } from "commander";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { freePort } from "../../cli/local/ports.ts";
import { makeProgram, wholeProgram } from "../../cli/program-tree.ts";
import { runInProcess } from "../support/run-cli.ts";

const shop = path.resolve(import.meta.dirname, "../../examples/shop/selvage.yaml");
const described = path.resolve(import.meta.dirname, "../../examples/openapi/selvage.yaml");

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

/** Command lines that need no control plane, and their exit code. `serve` goes on until it is ended. */
const ALONE: Readonly<Record<string, readonly [line: string, code?: number]>> = {
  check: [`check ${shop}`],
  explain: [`explain GET /load/orders/1 --as a --scope orders:read --file ${shop}`],
  diff: [`diff ${shop} --base ${shop}`],
  routes: [`routes --file ${shop}`],
  plan: [`plan ${shop}`],
  contract: [`contract ${described}`],
  schema: ["schema"],
  "import arazzo": ["import arazzo nowhere.yaml", 2],
  build: ["build nowhere.yaml", 2],
  "secret list": [`secret list --file ${shop}`],
  "secret check": [`secret check --file ${shop}`],
  "mesh edges": [`mesh edges --file ${shop}`],
  "join test": [`join test nowhere.jwt --file ${shop}`, 2],
  completion: ["completion bash"],
  help: ["help SLV3012"],
  doctor: ["doctor"],
  init: ["init nowhere", 2],
  test: ["test nowhere.yaml", 2],
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
let closed: string;
beforeAll(async () => {
  state = mkdtempSync(path.join(tmpdir(), "selvage-every-"));
  closed = `http://127.0.0.1:${await freePort()}`;
});
afterAll(() => rmSync(state, { recursive: true, force: true }));

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
});

describe("without a system", () => {
  test("every command is tried below", () => {
    const tried = new Set([...Object.keys(ALONE), ...Object.keys(ASKING), "secret set", "serve", "dev"]);
    expect(leaves.filter((name) => !tried.has(name))).toEqual([]);
    expect([...tried].filter((name) => !leaves.includes(name))).toEqual([]);
  });

  test.each(Object.entries(ALONE))("%s needs none", async (_, [line, code = 0]) => {
    const found = await runInProcess(line.split(" "), { SELVAGE_STATE: state });
    expect(found.code, found.stderr).toBe(code);
    if (code === 0) expect(found.stdout).not.toBe("");
  });

  test.each(Object.entries(ASKING))("%s: exit code 3, and what to start", async (_, line) => {
    const found = await runInProcess(line.split(" "), { SELVAGE_STATE: state });
    expect(found).toMatchObject({ code: 3, stdout: "", stderr: expect.stringContaining(`nothing runs on ${state}`) });
  });

  test.each(Object.entries({ ...ASKING, doctor: "doctor" }))("%s: exit code 3, and what was tried", async (_, line) => {
    const where = { SELVAGE_STATE: state, SELVAGE_CONTROL_URL: closed, SELVAGE_TOKEN: "t" };
    const { code, stdout, stderr } = await runInProcess(line.split(" "), where);
    expect(code, stderr).toBe(3);
    expect(stdout + stderr).toContain(`the control plane at ${closed} does not answer`);
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
