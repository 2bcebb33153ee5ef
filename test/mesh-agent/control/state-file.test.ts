import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { StateFile } from "../../../mesh-agent/control/state-file.ts";
import { lockStateFolder } from "../../../mesh-agent/lifecycle/state-lock.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "selvage-state-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const numbers = (): StateFile<number> =>
  new StateFile(folder, "n.json", (value) => {
    if (typeof value !== "number") throw new Error("no number");
    return value;
  });

test("holds what was saved, for its owner alone, and leaves nothing beside it", async () => {
  const file = numbers();
  expect(file.load()).toBeUndefined();
  file.saveNow(1);
  expect(numbers().load()).toBe(1);
  await file.save(2);
  expect(numbers().load()).toBe(2);
  expect(statSync(file.path).mode & 0o777).toBe(0o600);
  expect(readdirSync(folder)).toEqual(["n.json"]);
});

test("a disk that takes only a part of it is an error, and the last good one stays", () => {
  const file = numbers();
  file.saveNow(1);
  const module = new URL("../../../mesh-agent/control/state-file.ts", import.meta.url).href;
  const script = `process.on("SIGXFSZ", () => {}); const { StateFile } = await import(${JSON.stringify(module)});
    new StateFile(${JSON.stringify(folder)}, "n.json", (v) => v).saveNow("x".repeat(100_000));`;
  const limited = ["-c", 'ulimit -f 1; exec "$0" --input-type=module -e "$1"', process.execPath, script];
  const { status, stderr } = spawnSync("sh", limited, { encoding: "utf8" });
  expect([status, stderr]).toEqual([1, expect.stringContaining("EFBIG")]);
  expect(numbers().load()).toBe(1);
});

test("of many values the last one stays", async () => {
  const file = numbers();
  await Promise.all(Array.from({ length: 50 }, (_, n) => file.save(n)));
  expect(numbers().load()).toBe(49);
});

test("a broken file is told, not guessed", () => {
  writeFileSync(join(folder, "n.json"), "{");
  expect(() => numbers().load()).toThrow("n.json is broken");
  writeFileSync(join(folder, "n.json"), '"text"');
  expect(() => numbers().load()).toThrow("no number");
});

test("a lock whose holder is gone, or whose number went to another process, is taken over", () => {
  const path = join(folder, "agent.lock");
  writeFileSync(path, "999999999 1");
  const unlock = lockStateFolder(folder);
  expect(readFileSync(path, "utf8")).toMatch(new RegExp(`^${process.pid} `));
  unlock();
  writeFileSync(path, `${process.ppid} 1`);
  lockStateFolder(folder)();
  expect(readdirSync(folder)).toEqual([]);
});
