import { defineConfig } from "vitest/config";

/** By hand, one at a time: `npm run test:long -- NAME`. */
export default defineConfig({
  test: {
    name: "long",
    environment: "node",
    root: import.meta.dirname,
    include: ["*.test.ts"],
    testTimeout: 30 * 60_000,
    hookTimeout: 120_000,
    fileParallelism: false,
  },
});
