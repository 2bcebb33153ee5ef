/** `explain` against the gateway and against agents, as in the usual run, with a seed of the day and twenty times as many cases. */
import { spawnSync } from "node:child_process";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { root } from "../support/system.ts";

const FACTOR = 20;
const SEED = process.env.SELVAGE_FUZZ_SEED ?? String(Math.floor(Date.now() / 86_400_000));

test.each([
  ["gateway", "test/workers/gateway/explain-agrees.test.ts"],
  ["agent", "test/mesh-agent/explain-agrees.test.ts"],
  ["agent", "test/mesh-agent/explain-exposed.test.ts"],
])("%s", (project, file) => {
  const vitest = join(dirname(createRequire(import.meta.url).resolve("vitest/package.json")), "vitest.mjs");
  const env = { ...process.env, SELVAGE_FUZZ_FACTOR: String(FACTOR), SELVAGE_FUZZ_SEED: SEED };
  const { status } = spawnSync(process.execPath, [vitest, "run", "--project", project, file], {
    cwd: root,
    env,
    stdio: "inherit",
  });
  expect(status, `seed ${SEED}`).toBe(0);
});
