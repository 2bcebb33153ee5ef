/** `selvage serve` with one document, on free ports and in a folder of its own, before an upstream that tells what it saw. */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer, type IncomingHttpHeaders, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PROCESSES_FILE, type ProcessEntry } from "../../shared/wire/runtime-files.ts";
import { type Ended, ended, freePorts, root, until } from "./system.ts";

export interface Served {
  readonly state: string;
  readonly port: number;
  readonly url: string;
  /** Heads that reached the upstream (`ORDERS_URL`), in order. */
  readonly seen: readonly IncomingHttpHeaders[];
  log(name: string): string;
  processes(): ProcessEntry[];
  stop(): Promise<void>;
}

/**
 * @param document path from the root of the repository
 * @param listen options of the front; by default the gateway's port alone
 */
export async function serveDocument(
  document: string,
  environment: Record<string, string> = {},
  listen: readonly string[] = [],
): Promise<Served> {
  const state = mkdtempSync(join(tmpdir(), "selvage-serve-"));
  const seen: IncomingHttpHeaders[] = [];
  const upstream = createServer(({ headers }, response) => {
    seen.push(headers);
    response.end("ok");
  });
  await new Promise<void>((done) => upstream.listen(0, "127.0.0.1", done));
  const [port = 0, control = 0] = await freePorts(2);
  const ORDERS_URL = `http://127.0.0.1:${(upstream.address() as AddressInfo).port}`;
  const ports = ["--gateway-port", String(port), "--control-port", String(control)];
  const child = spawn(process.execPath, ["bin/selvage.mjs", "serve", ...ports, ...listen, "--document", document], {
    cwd: root,
    env: { ...process.env, SELVAGE_STATE: state, NO_COLOR: "1", ORDERS_URL, ...environment },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const over = ended(child);
  await ready(child, over);
  return {
    state,
    port,
    url: `http://127.0.0.1:${port}`,
    seen,
    log: (name) => readFileSync(join(state, "logs", `${name}.log`), "utf8"),
    processes: () => JSON.parse(readFileSync(join(state, PROCESSES_FILE), "utf8")),
    stop: () => stop(child, over, upstream, state),
  };
}

async function ready(child: ChildProcess, over: Promise<Ended>): Promise<void> {
  let output = "";
  let end: Ended | undefined;
  child.stdout?.on("data", (text) => {
    output += text;
  });
  over.then((how) => {
    end = how;
  });
  await until("selvage ready", () => end !== undefined || output.includes("selvage ready"), 60_000);
  if (end !== undefined) throw new Error(`selvage serve ended: ${end.stdout}${end.stderr}`);
}

async function stop(child: ChildProcess, over: Promise<Ended>, upstream: Server, state: string): Promise<void> {
  child.kill("SIGTERM");
  await over;
  upstream.closeAllConnections();
  upstream.close();
  rmSync(state, { recursive: true, force: true });
}
