import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";
import { cloudflareTest } from "@cloudflare/vitest-plugin";
import { defineConfig } from "vitest/config";
import { SlowestFirst } from "./scripts/support/slowest-first.ts";

/** What the gateway's part in tests of the control Worker tells of a key. */
const RECORD = { id: "1234567890abcdef", start: "slv_AbCd", owner: "partner" };

/** Stands for the code that a gateway is deployed with. */
const testCode = fileURLToPath(new URL("test/workers/gateway/code/modules.ts", import.meta.url));

/** How many times longer fuzz runs than usual: test/long/fuzz.test.ts. */
const fuzzFactor = Number(process.env.SELVAGE_FUZZ_FACTOR ?? 1);

/** For files that wait most of their time, for what a lease, a timeout or another process takes. */
const oneMore = availableParallelism() + 1;

/** Projects of a number run together; those of the next number when they have ended. Times are for hangs alone. */
const parts = { testTimeout: 60_000 * fuzzFactor };
const computing = { maxWorkers: "100%", sequence: { groupOrder: 1 }, ...parts };
const waiting = { maxWorkers: oneMore, sequence: { groupOrder: 2 }, ...parts };
const systems = { testTimeout: 120_000, hookTimeout: 120_000 };
const whole = { maxWorkers: oneMore, sequence: { groupOrder: 3 }, ...systems };
const loaded = { maxWorkers: 2, sequence: { groupOrder: 4 }, ...systems };

/** @param hubs among which agents are shared out */
const controlWorker = (hubs: number) =>
  cloudflareTest({
    wrangler: { configPath: "./workers/control/wrangler.toml" },
    miniflare: {
      bindings: {
        TOKEN_SECRET: Buffer.alloc(32, 1).toString("base64url"),
        KEY_SECRET: Buffer.alloc(32, 2).toString("base64url"),
        CONTROL_URL: "http://127.0.0.1:8788",
        KEY_ADMIN_SECRET: Buffer.alloc(32, 4).toString("base64url"),
        HUBS: String(hubs),
      },
      // Keys and stored answers live beside the gateway, which is not part of these tests: it tells what it was asked.
      serviceBindings: {
        CACHE_ADMIN: async (request: Request) => {
          const { method, url, headers } = request;
          const asked = {
            method,
            url,
            authorization: headers.get("authorization"),
            body: await request.text(),
          };
          if (asked.body.includes("refused")) return new Response("{}", { status: 400 });
          const purges = [{ number: 7, scope: { kind: "tag", tag: "orders" }, soft: true }];
          return Response.json({ asked, purges, visibleWithinMs: 4_000 }, { status: 201 });
        },
        KEY_ADMIN: async (request: Request) => {
          const { method, url, headers } = request;
          const asked = {
            method,
            url,
            authorization: headers.get("authorization"),
            body: await request.text(),
          };
          if (url.endsWith("/keys/0000000000000000")) return new Response("{}", { status: 404 });
          return Response.json({
            asked,
            key: "slv_told-once",
            imported: 2,
            known: 1,
            refused: 0,
            record: RECORD,
          });
        },
      },
    },
  });

/**
 * pure: decisions of `shared/`; cli: commands and scripts; gateway, control, hubs (several of them): in workerd; agent: real sockets; system: the whole thing from outside; alone:
 * the whole thing under load, or with a bound in seconds, after the others have ended, two at a time.
 */
export default defineConfig({
  test: {
    sequence: { sequencer: SlowestFirst },
    projects: [
      {
        test: {
          name: "pure",
          environment: "node",
          include: ["test/{shared,property,simulation}/**/*.test.ts"],
          // Nothing of it keeps anything: one process may run many files.
          isolate: false,
          ...computing,
        },
      },
      {
        test: {
          name: "cli",
          environment: "node",
          include: ["test/{cli,scripts}/**/*.test.ts"],
          ...waiting,
        },
      },
      {
        assetsInclude: ["**/*.binpb"],
        plugins: [
          cloudflareTest({
            wrangler: { configPath: "./wrangler.toml" },
            // The control Worker is not part of these tests: they play its side themselves.
            miniflare: {
              bindings: {
                CONTROL_TOKEN: "test-control-token",
                SECRET_UPSTREAM: "s3cret",
                KEY_PEPPER: Buffer.alloc(32, 3).toString("base64url"),
                KEY_ADMIN_SECRET: Buffer.alloc(32, 4).toString("base64url"),
                SESSION_SECRET: Buffer.alloc(32, 5).toString("base64url"),
                SECRET_WEB_CLIENT: "web-client-secret",
                FUZZ_FACTOR: String(fuzzFactor),
                FUZZ_SEED: process.env.SELVAGE_FUZZ_SEED ?? "1",
              },
              serviceBindings: {
                CONTROL: () => new Response("no control plane in this test", { status: 503 }),
                // A target of upstreams: it tells what it was asked.
                PAYMENTS: async (request: Request) => {
                  const { method, url, headers } = request;
                  const status = Number(new URL(url).searchParams.get("status") ?? 200);
                  return Response.json(
                    { method, url, host: headers.get("host"), body: await request.text() },
                    { status },
                  );
                },
              },
            },
          }),
        ],
        // What a deployment with code brings: test/workers/gateway/code.
        resolve: { alias: [{ find: /^.*\/deployed-code\.mjs$/, replacement: testCode }] },
        test: { name: "gateway", include: ["test/workers/gateway/**/*.test.ts"], ...computing },
      },
      {
        plugins: [controlWorker(1)],
        test: { name: "control", include: ["test/workers/control/**/*.test.ts"], ...computing },
      },
      {
        plugins: [controlWorker(3)],
        test: { name: "hubs", include: ["test/workers/hubs/**/*.test.ts"], ...computing },
      },
      {
        test: {
          name: "agent",
          environment: "node",
          include: ["test/{mesh-agent,conformance,fuzz}/**/*.test.ts"],
          ...waiting,
        },
      },
      {
        test: {
          name: "system",
          environment: "node",
          include: ["test/system/*.test.ts"],
          ...whole,
        },
      },
      {
        test: {
          name: "alone",
          environment: "node",
          include: ["test/system/alone/**/*.test.ts"],
          ...loaded,
        },
      },
    ],
  },
});
