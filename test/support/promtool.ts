/** Programs of Prometheus, where they are installed (Debian: prometheus). */
import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort } from "../../mesh-agent/lifecycle/ports.ts";
import { ended } from "./system.ts";

const has = (program: string): boolean => spawnSync(program, ["--version"]).status === 0;
export const hasPromtool = has("promtool");
export const hasPrometheus = has("prometheus");

/** @returns what `promtool check metrics` complains of; empty: nothing */
export function promtoolComplaints(text: string): string {
  const { status, stdout, stderr } = spawnSync("promtool", ["check", "metrics"], { input: text, encoding: "utf8" });
  return status === 0 ? "" : `${stdout}${stderr}` || `status ${status}`;
}

export interface ScrapeJob {
  readonly name: string;
  /** `host:port` */
  readonly target: string;
  readonly path?: string;
  readonly token?: string;
}

/** A Prometheus that scrapes every second. */
export class Prometheus {
  readonly #url: string;
  readonly #stop: () => Promise<unknown>;

  constructor(url: string, stop: () => Promise<unknown>) {
    this.#url = url;
    this.#stop = stop;
  }

  /** Values of a query by their labels. */
  async query(query: string): Promise<{ metric: Record<string, string>; value: number }[]> {
    const response = await fetch(`${this.#url}/api/v1/query?${new URLSearchParams({ query })}`);
    const { data } = (await response.json()) as {
      data?: { result: { metric: Record<string, string>; value: [number, string] }[] };
    };
    return (data?.result ?? []).map(({ metric, value }) => ({ metric, value: Number(value[1]) }));
  }

  /** Trace ids of exemplars. */
  async exemplars(query: string): Promise<string[]> {
    const nowMs = Date.now();
    const range = { start: String((nowMs - 600_000) / 1000), end: String((nowMs + 60_000) / 1000) };
    const response = await fetch(`${this.#url}/api/v1/query_exemplars?${new URLSearchParams({ query, ...range })}`);
    const { data } = (await response.json()) as { data?: { exemplars: { labels: { trace_id: string } }[] }[] };
    return (data ?? []).flatMap(({ exemplars }) => exemplars.map(({ labels }) => labels.trace_id));
  }

  /** Why targets could not be scraped. */
  async faults(): Promise<string[]> {
    const response = await fetch(`${this.#url}/api/v1/targets`);
    const { data } = (await response.json()) as { data: { activeTargets: { lastError: string }[] } };
    return data.activeTargets.flatMap(({ lastError }) => (lastError === "" ? [] : [lastError]));
  }

  async stop(): Promise<void> {
    await this.#stop();
  }
}

export async function startPrometheus(jobs: readonly ScrapeJob[]): Promise<Prometheus> {
  const folder = mkdtempSync(join(tmpdir(), "selvage-prometheus-"));
  const file = join(folder, "prometheus.json");
  // JSON is YAML.
  const scrape_configs = jobs.map(({ name, target, path, token }) => ({
    ...{ job_name: name, scrape_interval: "1s", scrape_timeout: "1s", static_configs: [{ targets: [target] }] },
    ...(path !== undefined && { metrics_path: path }),
    ...(token !== undefined && { authorization: { credentials: token } }),
  }));
  writeFileSync(file, JSON.stringify({ scrape_configs }));
  const address = `127.0.0.1:${await freePort("127.0.0.1")}`;
  const args = [
    `--config.file=${file}`,
    `--storage.tsdb.path=${join(folder, "data")}`,
    "--enable-feature=exemplar-storage",
  ];
  const child = spawn("prometheus", [...args, `--web.listen-address=${address}`], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  const end = ended(child);
  return new Prometheus(`http://${address}`, async () => {
    child.kill("SIGTERM");
    await end;
    rmSync(folder, { recursive: true, force: true });
  });
}
