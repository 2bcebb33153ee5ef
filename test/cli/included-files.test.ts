/** Documents of several files, by the commands. */
import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { quarantinedOf } from "../../cli/commands/status.ts";
import { withIncluded } from "../../cli/included-files.ts";
import { splitFiles } from "../../shared/config/document-files.ts";

const bin = path.join(import.meta.dirname, "../../bin/selvage.mjs");
let folder: string;

const put = (name: string, text: string): void => {
  mkdirSync(path.dirname(path.join(folder, name)), { recursive: true });
  writeFileSync(path.join(folder, name), text);
};

beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), "selvage-files-"));
  put(
    "selvage.yaml",
    `selvage: 1\nname: shop\ninclude: teams/*.yaml\nowners: { pay: { paths: [/pay/*] } }\ngateway: { hosts: [a.example], routes: [] }\n`,
  );
  put("teams/pay.yaml", `owner: pay\nroutes:\n  - { name: pay, match: { path: /pay/* }, to: "http://u" }\n`);
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function selvage(args: readonly string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  const kept = Object.entries(process.env).filter(([name]) => !name.startsWith("SELVAGE_"));
  const env = { ...Object.fromEntries(kept), NO_COLOR: "1" };
  return new Promise((done) => {
    execFile(process.execPath, [bin, ...args], { cwd: folder, env }, (fault, stdout, stderr) =>
      done({ code: fault === null ? 0 : Number(fault.code), stdout, stderr }),
    );
  });
}

describe("which files are found", () => {
  const found = (pattern: string): string[] => {
    const text = withIncluded(
      `include: ${JSON.stringify(pattern)}\n`,
      path.join(folder, "selvage.yaml"),
      (file) => file,
    );
    return splitFiles(text)
      .slice(1)
      .map(({ name }) => name);
  };
  test("those of the pattern in the order of their names, no links, nothing hidden, nothing outside", () => {
    put("teams/a.yaml", "");
    put("teams/.b.yaml", "");
    put("teams/deep/c.yaml", "");
    symlinkSync("/etc/hostname", path.join(folder, "teams/link.yaml"));
    symlinkSync(path.join(folder, "teams"), path.join(folder, "linked"));
    expect(found("teams/*.yaml")).toEqual(["teams/a.yaml", "teams/pay.yaml"]);
    expect(found("*/*/c.yaml")).toEqual(["teams/deep/c.yaml"]);
    expect(found("linked/*.yaml")).toEqual([]);
    for (const outside of ["../*", "/etc/hostname", "teams/../../*", "nowhere/*"]) expect(found(outside)).toEqual([]);
  });
  test("a document on stdin has no folder", () => {
    expect(() => withIncluded("include: a.yaml\n", "-", () => "")).toThrow("stdin");
    expect(withIncluded("a: 1\n", "-", () => "")).toBe("a: 1\n");
  });
});

test("check and explain name the file", async () => {
  expect(await selvage(["check", "selvage.yaml"])).toMatchObject({
    code: 0,
    stdout: expect.stringContaining("1 routes"),
  });
  const explained = await selvage(["explain", "GET", "/pay/1", "--file", "selvage.yaml"]);
  expect(explained.stdout).toContain("teams/pay.yaml:3");
  expect(explained.stdout).toContain("the route is of pay");
  put("teams/pay.yaml", `owner: pay\nroutes:\n  - { name: pay, match: { path: /pya/* }, to: "http://u" }\n`);
  const { code, stderr } = await selvage(["check", "selvage.yaml"]);
  expect(code).toBe(2);
  expect(stderr).toContain("error[SLV3085]: the owner pay is not granted the path /pya/*");
  expect(stderr).toContain("--> teams/pay.yaml:3:");
  const json = JSON.parse((await selvage(["check", "selvage.yaml", "--json"])).stdout);
  expect(json.problems).toMatchObject([{ file: "teams/pay.yaml", line: 3, code: "SLV3085" }]);
});

test("a broken route keeps nothing from being applied when it may be put out of service", async () => {
  put("teams/pay.yaml", `owner: pay\nroutes:\n  - { name: pay, match: { path: /pay/* }, to: nobody }\n`);
  const sent: string[] = [];
  const server = createServer(async (request, response) => {
    let body = "";
    for await (const chunk of request) body += chunk;
    sent.push(body);
    response.end(JSON.stringify({ version: 7, hash: "abc", changed: true }));
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  try {
    const control = ["--control", `http://127.0.0.1:${(server.address() as AddressInfo).port}`, "--token", "t"];
    expect((await selvage(["apply", "selvage.yaml", ...control])).code).toBe(2);
    expect(sent).toEqual([]);
    const { code, stderr } = await selvage(["apply", "selvage.yaml", "--quarantine", ...control]);
    expect(code).toBe(0);
    expect(stderr).toContain("QUARANTINED: route pay of pay: SLV3001");
    const { document, source } = JSON.parse(sent[0] ?? "");
    expect(quarantinedOf(document)).toEqual([
      { name: "pay", owner: "pay", reason: expect.stringContaining("SLV3001") },
    ]);
    expect(splitFiles(source).map(({ name }) => name)).toEqual(["", "teams/pay.yaml"]);
  } finally {
    server.close();
  }
});
