/** What an isolate of the gateway reads when it starts, and what only some documents make it read. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { buildWorker, ENTRY_MODULE, type WorkerBundle } from "../../../cli/local/build-worker.ts";
import { packageRoot } from "../../../cli/local/package-root.ts";
import { readWorkerDefinition } from "../../../cli/local/wrangler-config.ts";

/** Of modules that are loaded at start, minified: the bound of the project. */
const CORE_GZIP_KIB_MAX = 150;

describe("the gateway's modules", () => {
  const folder = mkdtempSync(path.join(tmpdir(), "selvage-modules-"));
  let bundle: WorkerBundle;
  beforeAll(async () => {
    const definition = readWorkerDefinition(path.join(packageRoot, "wrangler.toml"));
    bundle = await buildWorker(definition, folder);
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  const source = (name: string): Buffer => readFileSync(path.join(folder, name));

  test(`what it starts with stays under ${CORE_GZIP_KIB_MAX} KiB, gzipped`, () => {
    expect(bundle.core[0]).toBe(ENTRY_MODULE);
    const bytes = bundle.core.reduce((sum, name) => sum + gzipSync(source(name), { level: 9 }).length, 0);
    expect(bytes / 1024).toBeGreaterThan(50);
    expect(bytes / 1024).toBeLessThan(CORE_GZIP_KIB_MAX);
  });

  test.each([
    ["expressions", "condition", "cannot_index_type"],
    ["GraphQL", "graphql-guard", "INTROSPECTION_DISABLED"],
    ["contracts", "validator", "is none that the path has"],
    ["logins", "oidc-flow", "authorization_endpoint"],
    ["translations", "translator", "a document type, which is not read"],
    ["administration", "key-calls", "not a member that can be changed"],
    ["JSON to gRPC", "transcode-call", "application/grpc-web+proto"],
    ["edits of long JSON", "stream-edits", "the names of what is open have more than"],
    ["upstreams", "target-calls", "another target answered first"],
  ])("the engine of %s is loaded when something uses it", (_, module, word) => {
    const name = bundle.lazy.find((one) => one.startsWith(`${module}-`));
    expect(name, bundle.lazy.join(", ")).toBeDefined();
    // Modules that share an engine have it in a module of its own.
    expect(bundle.lazy.some((one) => source(one).includes(word))).toBe(true);
    for (const core of bundle.core) expect(source(core).includes(word), core).toBe(false);
  });

  test("the engine of RE2, which several load, is in one module that none of the core has", () => {
    const holding = [...bundle.core, ...bundle.lazy].filter((name) => source(name).includes("error parsing regexp"));
    expect(holding).toHaveLength(1);
    expect(bundle.lazy).toEqual(expect.arrayContaining(holding));
  });
});
