import { execFileSync } from "node:child_process";
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { LineBytes } from "../../../mesh-agent/telemetry/line-bytes.ts";
import { LineOutput } from "../../../mesh-agent/telemetry/line-output.ts";
import { limits } from "../../../shared/limits.ts";

let folder = "";
beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), "selvage-lines-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function openFile(name: string): { readonly fd: number; readonly lines: () => string[] } {
  const file = path.join(folder, name);
  const fd = openSync(file, "w");
  const lines = (): string[] => readFileSync(file, "utf8").split("\n").slice(0, -1);
  return { fd, lines };
}

test("lines come in their order, whether they are text or bytes, many times what is held at once", async () => {
  const { fd, lines } = openFile("order");
  const output = new LineOutput(fd);
  const expected: string[] = [];
  for (let at = 0; at < 5_000; at++) {
    const text = `${at} Käse ${"x".repeat(at % 97)}`;
    expected.push(text);
    if (at % 2 === 0) output.line(text);
    else output.bytes(new LineBytes().json(text));
  }
  expect(await output.close()).toBe(true);
  closeSync(fd);
  expect(lines()).toEqual(expected.map((text, at) => (at % 2 === 0 ? text : JSON.stringify(text))));
  expect(output.dropped).toBe(0);
});

test("a line that can never be held is dropped, and those around it are not", async () => {
  const { fd, lines } = openFile("long");
  const output = new LineOutput(fd);
  output.line("before");
  output.line("ä".repeat(limits.agent.logBufferBytesMax / 2));
  output.line("behind");
  await output.close();
  closeSync(fd);
  expect(lines()).toEqual(["before", "behind"]);
  expect(output.dropped).toBe(1);
});

test("a reader who stops gets whole lines of what was said before, and what is beyond the bound is counted", async () => {
  const pipe = path.join(folder, "pipe");
  execFileSync("mkfifo", [pipe]);
  const fd = openSync(pipe, "r+");
  const output = new LineOutput(fd);
  for (let at = 0; at < 4_000; at++) output.line(`${at} ${"y".repeat(100)}`);
  expect(output.dropped).toBeGreaterThan(0);
  expect(await output.close()).toBe(false);
  closeSync(fd);
});

test("numbers are written as JavaScript writes them", () => {
  for (const value of [0, 7, 10, 99, 100, 2_147_483_647, 2_147_483_648, Number.MAX_SAFE_INTEGER])
    expect(new LineBytes().whole(value).toString()).toBe(String(value));
  expect(new LineBytes().whole(7, 3).whole(1_234, 3).toString()).toBe("0071234");
});
