import { cloudflareTest } from "@cloudflare/vitest-plugin";
import { defineConfig } from "vitest/config";

/** pure: decisions of `shared/`; gateway, control: in workerd; agent: real sockets; system: the whole thing from outside. */
export default defineConfig({
  test: {
    projects: [
      { test: { name: "pure", environment: "node", include: ["test/{shared,property,cli,scripts}/**/*.test.ts"] } },
      {
        plugins: [cloudflareTest({ wrangler: { configPath: "./wrangler.toml" } })],
        test: { name: "gateway", include: ["test/workers/gateway/**/*.test.ts"] },
      },
      {
        plugins: [cloudflareTest({ wrangler: { configPath: "./workers/control/wrangler.toml" } })],
        test: { name: "control", include: ["test/workers/control/**/*.test.ts"] },
      },
      {
        test: {
          name: "agent",
          environment: "node",
          include: ["test/{mesh-agent,conformance,fuzz}/**/*.test.ts"],
          testTimeout: 20_000,
        },
      },
      {
        test: {
          name: "system",
          environment: "node",
          include: ["test/system/**/*.test.ts"],
          testTimeout: 120_000,
          hookTimeout: 120_000,
          fileParallelism: false,
        },
      },
    ],
  },
});
