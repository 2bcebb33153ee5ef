import {
  appendFileSync,
  existsSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { boundLog, lastLines } from "../../../cli/local/child.ts";
import { limits } from "../../../shared/limits.ts";

let folder: string;
let file: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), "selvage-log-"));
  file = path.join(folder, "gateway.log");
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe("boundLog", () => {
  test("moves a log aside beyond its bound, and its writer goes on in the same file", () => {
    const writer = openSync(file, "a");
    writeSync(writer, "first\n");
    truncateSync(file, limits.local.logBytesMax);
    boundLog(file);
    expect(existsSync(`${file}.1`)).toBe(false);
    writeSync(writer, "one byte more is too much\n");
    boundLog(file);
    writeSync(writer, "after\n");
    expect(readFileSync(file, "utf8")).toBe("after\n");
    expect(readFileSync(`${file}.1`).subarray(0, 6).toString()).toBe("first\n");
  });

  test("does not mind a log that is not there yet", () => {
    expect(() => boundLog(file)).not.toThrow();
  });
});

describe("lastLines", () => {
  test("leaves out empty lines and those for programs", () => {
    writeFileSync(file, `one\n\n{"kind":"access"}\ntwo\nthree\n`);
    expect(lastLines(file, 2)).toEqual(["two", "three"]);
    expect(lastLines(file, 9)).toEqual(["one", "two", "three"]);
  });

  test("shows no half line of a long log", () => {
    writeFileSync(file, `${"x".repeat(20_000)}\n`);
    appendFileSync(file, "the end\n");
    expect(lastLines(file, 5)).toEqual(["the end"]);
  });
});
