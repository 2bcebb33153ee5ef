import { cloudflareTest } from "@cloudflare/vitest-plugin";
import { defineConfig } from "vitest/config";

/** Projects of a number run together, the next number after them. (On two cores those without a number would come last.) */
const first = { groupOrder: 1 };
const last = { groupOrder: 2 };

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
          sequence: first,
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
        test: { name: "gateway", include: ["test/workers/gateway/**/*.test.ts"], sequence: first },
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
        test: { name: "control", include: ["test/workers/control/**/*.test.ts"], sequence: first },
      },
      {
        test: {
          name: "agent",
          environment: "node",
          include: ["test/{mesh-agent,conformance,fuzz}/**/*.test.ts"],
          testTimeout: 20_000,
          sequence: first,
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
          sequence: last,
        },
      },
    ],
  },
});
