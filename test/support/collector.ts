/** OpenTelemetry's own collector, where there is one: `otelcol` or `otelcol-contrib` of the path, or the program `OTELCOL` names. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePorts, until } from "./system.ts";

/** Undefined: there is none on this machine. */
export function collectorProgram(): string | undefined {
  const names = [process.env.OTELCOL, "otelcol", "otelcol-contrib"];
  return names.find((name) => name !== undefined && spawnSync(name, ["--version"]).status === 0);
}

export interface Collector {
  readonly url: string;
  /** What it says of all that it took. */
  said(): string;
  stop(): Promise<void>;
}

export async function startCollector(program: string): Promise<Collector> {
  const folder = mkdtempSync(join(tmpdir(), "selvage-collector-"));
  const [port = 0] = await freePorts(1);
  const file = join(folder, "config.yaml");
  writeFileSync(
    file,
    `receivers: { otlp: { protocols: { http: { endpoint: "127.0.0.1:${port}" } } } }
exporters: { debug: { verbosity: detailed, sampling_initial: 10000 } }
service:
  telemetry: { metrics: { level: none } }
  pipelines: { traces: { receivers: [otlp], exporters: [debug] } }
`,
  );
  const child = spawn(program, ["--config", `file:${file}`], { stdio: ["ignore", "pipe", "pipe"] });
  let said = "";
  for (const stream of [child.stdout, child.stderr])
    stream.on("data", (text: Buffer) => {
      said += text.toString("utf8");
    });
  try {
    await until(
      "the collector is ready, or has ended",
      () => said.includes("Everything is ready") || child.exitCode !== null,
    );
    if (child.exitCode !== null) throw new Error(`the collector ended: ${said}`);
  } catch (error) {
    await stop(child, folder);
    throw error;
  }
  return { url: `http://127.0.0.1:${port}`, said: () => said, stop: () => stop(child, folder) };
}

async function stop(child: ChildProcess, folder: string): Promise<void> {
  const over = new Promise((done) => child.once("close", done));
  if (child.kill("SIGTERM")) await over;
  rmSync(folder, { recursive: true, force: true });
}
