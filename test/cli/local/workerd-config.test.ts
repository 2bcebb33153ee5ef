import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, describe, expect, test, vi } from "vitest";
import { buildWorker } from "../../../cli/local/build-worker.ts";
import { freePort } from "../../../cli/local/ports.ts";
import { Supervisor } from "../../../cli/local/supervisor.ts";
import { workerChild } from "../../../cli/local/worker-process.ts";
import { type WorkerValues, workerdConfig } from "../../../cli/local/workerd-config.ts";
import { parseWorkerDefinition } from "../../../cli/local/wrangler-config.ts";

// Processes are started here: on a busy machine that takes its time.
vi.setConfig({ testTimeout: 30_000 });

const WRANGLER = `name = "probe"
main = "index.ts"
compatibility_date = "2026-11-02"
[vars]
TEXT = "a \\"quoted\\" \\\\ text\\nof two lines"
REPLACED = "as written"
NUMBERS = [1, 2]
[[durable_objects.bindings]]
name = "COUNTER"
class_name = "Counter"
[[migrations]]
tag = "v1"
new_sqlite_classes = ["Counter"]
[[services]]
binding = "CONTROL"
service = "control"
`;

const values: WorkerValues = {
  modules: { folder: "modules", names: ["worker.mjs", "condition-ABC.mjs"] },
  listen: { host: "127.0.0.1", port: 8787 },
  objectsFolder: "/state/objects",
  vars: { REPLACED: "by start" },
  secrets: ["TOKEN"],
  services: { CONTROL: "127.0.0.1:8788" },
};

const GOLDEN = `# Generated from wrangler.toml at each start; changes are lost.
using Workerd = import "/workerd/workerd.capnp";

const config :Workerd.Config = (
  services = [
    (name = "main", worker = .worker),
    (name = "internet", network = (allow = ["public", "private"], tlsOptions = (trustBrowserCas = true))),
    (name = "service:CONTROL", external = (address = "127.0.0.1:8788", http = ())),
    (name = "objects", disk = (path = "/state/objects", writable = true)),
  ],
  sockets = [(name = "http", address = "127.0.0.1:8787", http = (), service = "main")],
);

const worker :Workerd.Worker = (
  modules = [
    (name = "worker.mjs", esModule = embed "modules/worker.mjs"),
    (name = "condition-ABC.mjs", esModule = embed "modules/condition-ABC.mjs"),
  ],
  compatibilityDate = "2026-11-02",
  compatibilityFlags = [],
  bindings = [
    (name = "TEXT", text = "a \\"quoted\\" \\\\ text\\nof two lines"),
    (name = "REPLACED", text = "by start"),
    (name = "NUMBERS", json = "[1,2]"),
    (name = "TOKEN", fromEnvironment = "SELVAGE_BINDING_TOKEN"),
    (name = "CONTROL", service = "service:CONTROL"),
    (name = "COUNTER", durableObjectNamespace = "Counter"),
  ],
  durableObjectNamespaces = [
    (className = "Counter", uniqueKey = "probe-Counter", enableSql = true),
  ],
  durableObjectStorage = (localDisk = "objects"),
);
`;

describe("workerdConfig", () => {
  const worker = parseWorkerDefinition(WRANGLER, "/project/wrangler.toml");

  test("writes every binding, and no secret", () => {
    expect(workerdConfig(worker, values)).toBe(GOLDEN);
  });

  test("escapes control characters, so that a value cannot end its literal", () => {
    const text = workerdConfig(worker, { ...values, vars: { REPLACED: '\u0001"\r\t\u007f' } });
    expect(text).toContain('(name = "REPLACED", text = "\\x01\\"\\r\\t\\x7f")');
  });

  test("brackets an IPv6 address", () => {
    expect(workerdConfig(worker, { ...values, listen: { host: "::1", port: 80 } })).toContain('address = "[::1]:80"');
  });

  test("serves another entrypoint on a socket of its own", () => {
    const text = workerdConfig(worker, { ...values, entrypoints: [{ name: "Admin", host: "127.0.0.1", port: 9 }] });
    expect(text).toContain(
      '(name = "Admin", address = "127.0.0.1:9", http = (), service = (name = "main", entrypoint = "Admin")),',
    );
    expect(text).toContain('(name = "http", address = "127.0.0.1:8787", http = (), service = "main"),');
  });

  test("behind a front it listens on a socket, and believes two fields", () => {
    const front = { connection: "selvage-front-abc", scheme: "selvage-front-scheme-abc" };
    expect(workerdConfig(worker, { ...values, listen: { socketPath: "/state/http.sock" }, front })).toContain(
      '(name = "http", address = "unix:/state/http.sock", http = (cfBlobHeader = "selvage-front-abc", forwardedProtoHeader = "selvage-front-scheme-abc"), service = "main")',
    );
  });

  test("what no binding answers goes through a proxy, if there is one", () => {
    const text = workerdConfig(worker, { ...values, outboundProxy: "127.0.0.1:9" });
    expect(text).toContain('(name = "outbound", external = (address = "127.0.0.1:9", http = (style = proxy)))');
    expect(text).toContain('globalOutbound = "outbound"');
    expect(workerdConfig(worker, values)).not.toContain("globalOutbound");
  });

  test("says what has no value", () => {
    const needing = parseWorkerDefinition(`${WRANGLER}[secrets]\nrequired = ["KEY"]\n`, "/project/wrangler.toml");
    expect(() => workerdConfig(needing, { ...values, services: {} })).toThrow(
      /secret KEY has no value\n.*CONTROL: no address of the Worker control is known/,
    );
  });
});

describe("on workerd", () => {
  const stops: (() => Promise<void>)[] = [];
  afterEach(async () => {
    for (const stop of stops.splice(0)) await stop();
  });

  test("the Worker sees its bindings, and a Durable Object keeps its rows over a kill", async () => {
    const state = mkdtempSync(path.join(tmpdir(), "selvage-workerd-"));
    const supervisor = new Supervisor({ state, restart: false, say: () => undefined });
    stops.push(async () => {
      await supervisor.stop([]);
      rmSync(state, { recursive: true, force: true });
    });
    mkdirSync(path.join(state, "objects"));
    writeFileSync(path.join(state, "index.ts"), SOURCE);
    const definition = parseWorkerDefinition(WRANGLER, path.join(state, "wrangler.toml"));
    const modules = path.join(state, "modules");
    await buildWorker(definition, modules);
    const port = await freePort();
    const spec = workerChild(
      "gateway",
      { definition, folder: state, modules },
      {
        host: "127.0.0.1",
        port,
        vars: { REPLACED: "by start" },
        secrets: { TOKEN: "line\nline" },
        services: { CONTROL: "127.0.0.1:1" },
      },
      supervisor.logFile("gateway"),
    );
    const ask = async (): Promise<unknown> => (await fetch(`http://127.0.0.1:${port}/`)).json();
    const child = await supervisor.start(spec);
    const bindings = {
      TEXT: 'a "quoted" \\ text\nof two lines',
      REPLACED: "by start",
      NUMBERS: [1, 2],
      TOKEN: "line\nline",
    };
    expect(await ask()).toEqual({ ...bindings, rows: 1 });
    process.kill(child.pid, "SIGKILL");
    await child.exited;
    expect(await supervisor.restart("gateway")).toMatchObject({ started: true, entries: [{ name: "gateway" }] });
    expect(await ask()).toEqual({ ...bindings, rows: 2 });
  });
});

const SOURCE = `import { DurableObject } from "cloudflare:workers";
export class Counter extends DurableObject {
  count() {
    this.ctx.storage.sql.exec("CREATE TABLE IF NOT EXISTS hits (at INTEGER)");
    this.ctx.storage.sql.exec("INSERT INTO hits VALUES (1)");
    return this.ctx.storage.sql.exec("SELECT count(*) AS hits FROM hits").one().hits;
  }
}
export default {
  async fetch(request, env) {
    const { TEXT, REPLACED, NUMBERS, TOKEN, COUNTER } = env;
    return Response.json({ TEXT, REPLACED, NUMBERS, TOKEN, rows: await COUNTER.get(COUNTER.idFromName("a")).count() });
  },
};
`;
