/** Every command that does not look at the others: where it stands in the help, and how it is loaded. A command line loads one of them. */
import type { Command } from "commander";

export interface CommandEntry {
  readonly name: string;
  /** One line, for the list of commands. */
  readonly summary: string;
  load(): Promise<Command>;
}

type Group = readonly [title: string, commands: readonly CommandEntry[]];

export const entry = (name: string, summary: string, load: () => Promise<Command>): CommandEntry => ({
  name,
  summary,
  load,
});

const build: readonly CommandEntry[] = [
  entry("init", "write a first document and its tests for what a folder holds", async () =>
    (await import("./commands/init.ts")).initCommand(),
  ),
  entry("dev", "run it here, live each time a file is saved", async () =>
    (await import("./dev/dev-command.ts")).devCommand(),
  ),
  entry("check", "check a document: form, references, routes that hide each other, secrets", async () =>
    (await import("./commands/check.ts")).checkCommand(),
  ),
  entry("test", "judge requests as test files expect them", async () =>
    (await import("./commands/test.ts")).testCommand(),
  ),
  entry("explain", "what would become of a request, and why", async () =>
    (await import("./commands/explain.ts")).explainCommand(),
  ),
  entry("routes", "the routes in the order in which they match", async () =>
    (await import("./commands/routes.ts")).routesCommand(),
  ),
  entry("plan", "what a document compiles to", async () => (await import("./commands/plan.ts")).planCommand()),
  entry("contract", "what an API description compiles to", async () =>
    (await import("./commands/contract.ts")).contractCommand(),
  ),
  entry("schema", "the document's JSON Schema, for editors", async () =>
    (await import("./commands/schema.ts")).schemaCommand(),
  ),
  entry("import", "write parts of a document from what others describe", async () =>
    (await import("./commands/import.ts")).importCommand(),
  ),
];

const ship: readonly CommandEntry[] = [
  entry("build", "make the gateway with the code of a document, for wrangler deploy", async () =>
    (await import("./commands/build.ts")).buildCommand(),
  ),
  entry("diff", "what a document would change", async () => (await import("./commands/diff.ts")).diffCommand()),
  entry("apply", "make a document live", async () => (await import("./commands/apply.ts")).applyCommand()),
  entry("canary", "the version that is tried on a share of the requests", async () =>
    (await import("./commands/canary.ts")).canaryCommand(),
  ),
  entry("rollback", "make an earlier version's content live again", async () =>
    (await import("./commands/rollback.ts")).rollbackCommand(),
  ),
  entry("history", "versions of the document, newest first", async () =>
    (await import("./commands/history.ts")).historyCommand(),
  ),
  entry("config", "the live document as it was written", async () =>
    (await import("./commands/config.ts")).configCommand(),
  ),
  entry("secret", "which secrets a document needs, and which are there", async () =>
    (await import("./commands/secret.ts")).secretCommand(),
  ),
];

const observe: readonly CommandEntry[] = [
  entry("status", "the live version, who serves it, and what is wrong", async () =>
    (await import("./commands/status.ts")).statusCommand(),
  ),
  entry(
    "stat",
    "requests, success, latency and errors by route, consumer, plan or service; what is in shadow",
    async () => (await import("./commands/stat.ts")).statCommand(),
  ),
  entry("top", "the busiest routes of the last minute or two, live", async () =>
    (await import("./commands/top.ts")).topCommand(),
  ),
  entry("deprecated", "who still calls deprecated routes", async () =>
    (await import("./commands/deprecated.ts")).deprecatedCommand(),
  ),
  entry("drift", "where requests and answers broke their contracts", async () =>
    (await import("./commands/drift.ts")).driftCommand(),
  ),
  entry("audit", "who did what, and what was refused", async () =>
    (await import("./commands/audit.ts")).auditCommand(),
  ),
];

const mesh: readonly CommandEntry[] = [
  entry("mesh", "instances of the mesh, what they serve, and who may call whom", async () =>
    (await import("./commands/mesh.ts")).meshCommand(),
  ),
  entry("join-token", "a token by which one agent joins, once", async () =>
    (await import("./commands/join-token.ts")).joinTokenCommand(),
  ),
  entry("join", "joining by tokens of a platform", async () => (await import("./commands/join.ts")).joinCommand()),
  entry("certs", "certificates of the mesh and when they end", async () =>
    (await import("./commands/certs.ts")).certsCommand(),
  ),
  entry("renew", "have every live agent renew its certificate", async () =>
    (await import("./commands/renew.ts")).renewCommand(),
  ),
  entry("federation", "other trust domains, and when their roots were fetched", async () =>
    (await import("./commands/federation.ts")).federationCommand(),
  ),
  entry("ca", "the mesh's certificate authority", async () => (await import("./commands/ca.ts")).caCommand()),
];

const operate: readonly CommandEntry[] = [
  entry("logs", "what the processes of the local system wrote", async () =>
    (await import("./commands/logs.ts")).logsCommand(),
  ),
  entry("tap", "live requests, filtered where they happen", async () =>
    (await import("./commands/tap.ts")).tapCommand(),
  ),
  entry("serve", "run the gateway and the control plane on this machine", async () =>
    (await import("./local/serve-command.ts")).serveCommand(),
  ),
  entry("keys", "API keys of the gateway", async () => (await import("./commands/keys.ts")).keysCommand()),
  entry("token", "tokens of the control API", async () => (await import("./commands/token.ts")).tokenCommand()),
  entry("revoke", "refuse tokens or workloads that are good otherwise", async () =>
    (await import("./commands/revoke.ts")).revokeCommand(),
  ),
  entry("rotate", "replace a key that gateways hold", async () =>
    (await import("./commands/rotate.ts")).rotateCommand(),
  ),
  entry("purge", "stop serving stored answers", async () => (await import("./commands/purge.ts")).purgeCommand()),
  entry("doctor", "look for what is wrong with this machine and its system", async () =>
    (await import("./commands/doctor.ts")).doctorCommand(),
  ),
];

export const commandGroups: readonly Group[] = [
  ["Build:", build],
  ["Ship:", ship],
  ["Observe:", observe],
  ["Mesh:", mesh],
  ["Operate:", operate],
];
