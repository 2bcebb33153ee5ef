import { defineConfig } from "vitest/config";

/** Long tests run one at a time, by hand, and take what time they need. */
export default defineConfig({
  test: { include: ["**/*.test.ts"], fileParallelism: false, testTimeout: 30 * 60_000, hookTimeout: 120_000 },
});
