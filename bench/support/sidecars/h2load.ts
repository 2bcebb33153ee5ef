/** h2load as a client over HTTP/1.1: it costs less than what it loads, and tells the time of each answer. */
import { spawn } from "node:child_process";
import { readFileSync, rmSync } from "node:fs";
import path from "node:path";
import { findProgram, onCore } from "./programs.ts";

/** A program that waits for answers that do not come is ended. */
const RUNS_AT_MOST_MS = 60_000;

const MICROSECONDS = { us: 1, ms: 1e3, s: 1e6 };
type Unit = keyof typeof MICROSECONDS;

export interface Target {
  readonly port: number;
  /** Name that is called, as `Host`. */
  readonly host: string;
}

export class H2load {
  readonly #program: string;
  readonly #log: string;

  /** @param folder for its log @throws Error when it is not installed */
  constructor(folder: string) {
    const program = findProgram("h2load", "H2LOAD");
    if (program === undefined) throw new Error("h2load is missing: apt-get install nghttp2-client");
    this.#program = program;
    this.#log = path.join(folder, "h2load.log");
  }

  /** Each connection asks again when it is answered. @throws Error when a request fails */
  async saturate(
    { port, host }: Target,
    connections: number,
    seconds: number,
  ): Promise<{ requests: number; meanUs: number }> {
    const text = await this.#run(["-c", String(connections), "-D", String(seconds)], port, host, "/1k");
    const requests = Number(/requests: (\d+) total/.exec(text)?.[1]);
    const [, mean, unit] = /time for request: +\S+ +\S+ +([\d.]+)(us|ms|s)/.exec(text) ?? [];
    return { requests, meanUs: Number(mean) * MICROSECONDS[unit as Unit] };
  }

  /**
   * A fixed rate over connections that take turns. One that still waits for its answer misses its turn, and times count from when
   * a request left: long stalls look rarer than they are.
   * @throws Error when one fails
   */
  async offer(
    { port, host }: Target,
    connections: number,
    ratePerSecond: number,
    seconds: number,
  ): Promise<{ requests: number; p50Us: number; p99Us: number }> {
    const rate = ratePerSecond / connections;
    const sizes = ["-c", String(connections), "-n", String(Math.round(ratePerSecond * seconds))];
    // Connections begin one after the other, so that their requests do not come together.
    const pace = ["--rps", String(rate), "-r", "1", "--rate-period", "1ms", "--log-file", this.#log];
    // It appends.
    rmSync(this.#log, { force: true });
    await this.#run([...sizes, ...pace], port, host, "/1k");
    const rows = readFileSync(this.#log, "latin1").trimEnd().split("\n");
    const times = Float64Array.from(rows, (row) => Number(row.split("\t")[2])).sort();
    const at = (share: number): number => times[Math.min(times.length - 1, Math.floor(times.length * share))] ?? 0;
    return { requests: times.length, p50Us: at(0.5), p99Us: at(0.99) };
  }

  /** One large answer. @returns seconds that it took @throws Error when it fails */
  async fetch({ port, host }: Target, file: string): Promise<number> {
    const text = await this.#run(["-c", "1", "-n", "1"], port, host, file);
    const [, time, unit] = /finished in ([\d.]+)(us|ms|s)/.exec(text) ?? [];
    return (Number(time) * MICROSECONDS[unit as Unit]) / 1e6;
  }

  async #run(options: readonly string[], port: number, host: string, file: string): Promise<string> {
    const url = `http://127.0.0.1:${port}${file}`;
    const args = ["--h1", "-t", "1", ...options, "-H", `:authority: ${host}`, url];
    const { command, args: all } = onCore("others", this.#program, args);
    const child = spawn(command, all, { stdio: ["ignore", "pipe", "inherit"], timeout: RUNS_AT_MOST_MS });
    let text = "";
    for await (const chunk of child.stdout) text += chunk;
    // It calls an answer without a reason phrase failed; those that say that something is wrong have one.
    const isWell = / 0 errored, 0 timeout/.test(text) && /2xx, 0 3xx, 0 4xx, 0 5xx/.test(text);
    if (!isWell) throw new Error(`requests to ${url} failed:\n${text}`);
    return text;
  }
}
