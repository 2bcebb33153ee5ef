import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { afterEach, expect, test } from "vitest";
import { FileWatch } from "../../../cli/dev/watch-files.ts";
import { dev } from "../../../shared/limits/dev.ts";
import { until } from "../../support/system.ts";

let watched: FileWatch | undefined;
afterEach(() => watched?.close());

function watching(...names: string[]): { folder: string; calls: () => number } {
  const folder = mkdtempSync(path.join(tmpdir(), "selvage-watch-"));
  let calls = 0;
  watched = new FileWatch(() => {
    calls++;
  });
  watched.set(names.map((name) => path.join(folder, name)));
  return { folder, calls: () => calls };
}

test("several writes in a burst are one change", async () => {
  const { folder, calls } = watching("a.yaml");
  for (let index = 0; index < 5; index++) writeFileSync(path.join(folder, "a.yaml"), `${index}`);
  await until("a change", () => calls() > 0);
  await delay(3 * dev.settleMs);
  expect(calls()).toBe(1);
});

test("an editor that writes by rename is seen each time", async () => {
  const { folder, calls } = watching("a.yaml");
  for (const round of [1, 2, 3]) {
    writeFileSync(path.join(folder, "a.yaml~"), `${round}`);
    renameSync(path.join(folder, "a.yaml~"), path.join(folder, "a.yaml"));
    await until(`change ${round}`, () => calls() >= round);
    await delay(3 * dev.settleMs);
  }
});

test("a file in a folder that comes later, and goes", async () => {
  const { folder, calls } = watching("teams/b.yaml");
  mkdirSync(path.join(folder, "teams"));
  writeFileSync(path.join(folder, "teams/b.yaml"), "x");
  await until("it came", () => calls() >= 1);
  const before = calls();
  rmSync(path.join(folder, "teams"), { recursive: true });
  await until("it went", () => calls() > before);
});
