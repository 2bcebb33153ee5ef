import { cloudflareTest } from "@cloudflare/vitest-plugin";
import { defineConfig } from "vitest/config";

/** Projects of a number run together, on every core; the next number has the machine to itself. Times are for hangs alone. */
const first = { maxWorkers: "100%", sequence: { groupOrder: 1 }, testTimeout: 60_000 };
const last = { maxWorkers: 1, sequence: { groupOrder: 2 }, testTimeout: 120_000, hookTimeout: 120_000 };

/**
 * pure: decisions of `shared/`; gateway, control: in workerd; agent: real sockets; system: the whole thing from outside,
 * after the others have ended, so that its load has the machine to itself.
 */
export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: "pure",
          environment: "node",
          include: ["test/{shared,property,cli,scripts}/**/*.test.ts"],
          ...first,
        },
      },
      {
        plugins: [
          cloudflareTest({
            wrangler: { configPath: "./wrangler.toml" },
            // The control Worker is not part of these tests: they play its side themselves.
            miniflare: {
              bindings: { CONTROL_TOKEN: "test-control-token", SECRET_UPSTREAM: "s3cret" },
              serviceBindings: { CONTROL: () => new Response("no control plane in this test", { status: 503 }) },
            },
          }),
        ],
        test: { name: "gateway", include: ["test/workers/gateway/**/*.test.ts"], ...first },
      },
      {
        plugins: [
          cloudflareTest({
            wrangler: { configPath: "./workers/control/wrangler.toml" },
            miniflare: {
              bindings: {
                TOKEN_SECRET: Buffer.alloc(32, 1).toString("base64url"),
                KEY_SECRET: Buffer.alloc(32, 2).toString("base64url"),
                CONTROL_URL: "http://127.0.0.1:8788",
              },
            },
          }),
        ],
        test: { name: "control", include: ["test/workers/control/**/*.test.ts"], ...first },
      },
      {
        test: {
          name: "agent",
          environment: "node",
          include: ["test/{mesh-agent,conformance,fuzz}/**/*.test.ts"],
          ...first,
        },
      },
      {
        test: {
          name: "system",
          environment: "node",
          include: ["test/system/**/*.test.ts"],
          ...last,
        },
      },
    ],
  },
});
