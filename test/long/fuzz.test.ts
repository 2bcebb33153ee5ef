/**
 * The fuzz of every field that shows a credential, thirty times as long as in the usual run: Authorization, cookies, DPoP,
 * signatures, webhooks, opaque tokens and idempotency keys. No input may be let in, fail the gateway or leak.
 */
import { spawnSync } from "node:child_process";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { root } from "../support/system.ts";

const FACTOR = 30;
const FILES = ["dpop-fuzz", "idempotency-attacks", "introspection-memory", "jwt-fuzz", "login-fuzz", "signature-fuzz"];

test.each(FILES)("%s", (name) => {
  const vitest = join(dirname(createRequire(import.meta.url).resolve("vitest/package.json")), "vitest.mjs");
  const file = `test/workers/gateway/${name}.test.ts`;
  const env = { ...process.env, SELVAGE_FUZZ_FACTOR: String(FACTOR) };
  const { status } = spawnSync(process.execPath, [vitest, "run", "--project", "gateway", file], {
    cwd: root,
    env,
    stdio: "inherit",
  });
  expect(status).toBe(0);
});
