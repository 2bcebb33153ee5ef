/** Varnish as its package sets it up: the cache in memory, its log in shared memory, beside it the program that writes an access log. */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import type { ChildSpec } from "../../cli/local/child.ts";
import { freePort } from "../../cli/local/ports.ts";
import type { OpenSystem } from "../../cli/local/system.ts";
import { listens } from "../../cli/local/worker-process.ts";

export const VARNISH = "/usr/sbin/varnishd";
const VARNISH_LOG = "/usr/bin/varnishncsa";

export interface RunningVarnish {
  readonly port: number;
  /** Manager, worker, and the writer of the access log. */
  readonly pids: readonly number[];
}

/** Nothing is kept that says nothing of how long, and nothing is given that is stale, as the public cache tests demand. */
const parameters = ["-p", "default_ttl=0", "-p", "default_grace=0", "-p", "default_keep=3600"];

/** @param memory of the cache, such as 256m */
export async function startVarnish(
  { supervisor, state }: OpenSystem,
  upstream: number,
  memory = "256m",
): Promise<RunningVarnish> {
  const port = await freePort();
  const folder = path.join(state, "varnish");
  mkdirSync(folder, { recursive: true });
  const vcl = path.join(folder, "default.vcl");
  writeFileSync(vcl, `vcl 4.1;\nbackend default { .host = "127.0.0.1"; .port = "${upstream}"; }\n`);
  const child = (name: string, command: string, args: readonly string[], ready: ChildSpec["ready"]): ChildSpec => ({
    name,
    role: "idp",
    service: name,
    version: "bench",
    command,
    args,
    // It calls a C compiler for its configuration.
    environment: { PATH: process.env.PATH ?? "" },
    logFile: supervisor.logFile(name),
    ports: { http: port },
    ready,
  });
  const args = [
    "-F",
    "-j",
    "none",
    "-n",
    folder,
    "-f",
    vcl,
    "-a",
    `127.0.0.1:${port}`,
    "-s",
    `malloc,${memory}`,
    ...parameters,
  ];
  const { pid } = await supervisor.start(
    child("varnish", VARNISH, args, (signal) => listens("127.0.0.1", port, signal)),
  );
  const log = ["-n", folder, "-w", path.join(folder, "access.log")];
  const writer = await supervisor.start(child("varnish-log", VARNISH_LOG, log, async () => undefined));
  return { port, pids: [pid, ...childrenOf(pid), writer.pid] };
}

/** The manager's worker, which does the work. */
function childrenOf(pid: number): number[] {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").split(" ").filter(Boolean).map(Number);
}
