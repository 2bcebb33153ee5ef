/** The differential fuzz of HTTP/1.1 against llhttp, requests and answers, some minutes of it, from a new seed each time. */
import { spawnSync } from "node:child_process";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { root } from "../support/system.ts";

test.each([
  ["http1", 3_000_000],
  ["http1-responses", 2_000_000],
])("%s", (name, runs) => {
  const vitest = join(dirname(createRequire(import.meta.url).resolve("vitest/package.json")), "vitest.mjs");
  const env = { ...process.env, SELVAGE_FUZZ_RUNS: String(runs) };
  const file = `test/fuzz/${name}.test.ts`;
  const { status } = spawnSync(process.execPath, [vitest, "run", "--project", "agent", file], {
    cwd: root,
    env,
    stdio: "inherit",
  });
  expect(status).toBe(0);
});
