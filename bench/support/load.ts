/** A load generator on raw sockets: it must cost less than what it measures. Kept-alive HTTP/1.1. */
import { connect, type Socket } from "node:net";
import { ResponseReader } from "./response-reader.ts";

export type Fields = Readonly<Record<string, string>>;

export interface LoadOptions {
  readonly port: number;
  /** Instead of that one alone: connections take turns. */
  readonly ports?: readonly number[];
  readonly path: string;
  /** Instead of that one alone: requests take turns. */
  readonly paths?: readonly string[];
  /** Absent: GET. */
  readonly method?: string;
  /** Of every request; ASCII. */
  readonly body?: string;
  /** Of every request; a function is asked for those of each. An object that it gave before is not written out again. */
  readonly headers?: Fields | (() => Fields);
  readonly connections: number;
  readonly durationMs: number;
  /** Requests a second, whatever became of those before (open loop); absent: each connection as fast as it is answered. */
  readonly ratePerSecond?: number;
}

export interface LoadResult {
  /** Answered with 2xx. */
  readonly requests: number;
  readonly failures: number;
  readonly durationMs: number;
  readonly latencyMs: { readonly p50: number; readonly p90: number; readonly p99: number; readonly p999: number };
}

const REQUESTS_MAX = 2_000_000;
const WAITING_MAX = 10_000;
const LAST_ANSWERS_WITHIN_MS = 5_000;

/** @throws Error when a connection fails or an answer cannot be read */
export async function runLoad(options: LoadOptions): Promise<LoadResult> {
  const run = new LoadRun(options);
  try {
    return await run.finish();
  } finally {
    run.close();
  }
}

class LoadRun {
  readonly #options: LoadOptions;
  readonly #nextFields: () => Fields;
  /** By path, and by fields. */
  readonly #requests = new Map<string, Map<Fields, Buffer>>();
  #turn = 0;
  readonly #sockets: Socket[] = [];
  readonly #idle: Socket[] = [];
  /** When the open request of a connection was due. */
  readonly #dueAt = new Map<Socket, number>();
  /** Open loop: due requests without a connection. */
  readonly #waiting: number[] = [];
  readonly #latencies: number[] = [];
  #failures = 0;
  #sending = true;
  #fail: (error: Error) => void = () => undefined;
  #onQuiet: () => void = () => undefined;

  constructor(options: LoadOptions) {
    this.#options = options;
    const { headers = {} } = options;
    this.#nextFields = typeof headers === "function" ? headers : () => headers;
  }

  #nextRequest(): Buffer {
    const fields = this.#nextFields();
    const { port, path: only, paths = [only], method = "GET", body } = this.#options;
    const path = paths[this.#turn++ % paths.length] ?? only;
    const known = this.#requests.get(path)?.get(fields);
    if (known !== undefined) return known;
    const length = body === undefined ? {} : { "content-length": String(body.length) };
    const headers = Object.entries({ host: `127.0.0.1:${port}`, ...length, ...fields });
    const lines = [`${method} ${path} HTTP/1.1`, ...headers.map(([name, value]) => `${name}: ${value}`)];
    const request = Buffer.from(`${lines.join("\r\n")}\r\n\r\n${body ?? ""}`, "latin1");
    const written = this.#requests.get(path) ?? new Map<Fields, Buffer>();
    this.#requests.set(path, written.set(fields, request));
    return request;
  }

  async finish(): Promise<LoadResult> {
    await Promise.all(Array.from({ length: this.#options.connections }, (_, at) => this.#open(at)));
    const startedAt = performance.now();
    await new Promise<void>((resolve, reject) => {
      this.#fail = reject;
      this.#onQuiet = resolve;
      const clock = this.#drive(startedAt);
      setTimeout(() => {
        clearInterval(clock);
        this.#sending = false;
        this.#waiting.length = 0;
        if (this.#dueAt.size === 0) resolve();
        setTimeout(() => reject(new Error("answers are missing")), LAST_ANSWERS_WITHIN_MS).unref();
      }, this.#options.durationMs);
    });
    const sorted = Float64Array.from(this.#latencies).sort();
    const at = (share: number): number => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
    return {
      requests: sorted.length,
      failures: this.#failures,
      durationMs: performance.now() - startedAt,
      latencyMs: { p50: at(0.5), p90: at(0.9), p99: at(0.99), p999: at(0.999) },
    };
  }

  close(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  #drive(startedAt: number): NodeJS.Timeout | undefined {
    const rate = this.#options.ratePerSecond;
    if (rate === undefined) {
      for (const socket of this.#sockets) this.#send(socket, startedAt);
      return undefined;
    }
    let sent = 0;
    return setInterval(() => {
      for (; sent < ((performance.now() - startedAt) / 1000) * rate; sent++) {
        const dueAt = startedAt + (sent / rate) * 1000;
        // The one that was idle the longest: a server closes connections that stay idle.
        const socket = this.#idle.shift();
        if (socket !== undefined) this.#send(socket, dueAt);
        else if (this.#waiting.length < WAITING_MAX) this.#waiting.push(dueAt);
        else this.#failures++;
      }
    }, 1);
  }

  #open(at: number): Promise<void> {
    const { port: only, ports = [only] } = this.#options;
    const port = ports[at % ports.length] ?? only;
    return new Promise((resolve, reject) => {
      const socket = connect({ host: "127.0.0.1", port, noDelay: true });
      const reader = new ResponseReader();
      socket.once("connect", () => {
        this.#sockets.push(socket);
        this.#idle.push(socket);
        resolve();
      });
      socket.on("data", (chunk) => this.#receive(socket, reader, chunk));
      socket.on("error", (error) => {
        reject(error);
        this.#fail(error);
      });
      socket.on("close", () => this.#closed(socket, at));
    });
  }

  /** An overloaded server may cut an answer off at the end of its time; offered load goes on with another connection. */
  #closed(socket: Socket, at: number): void {
    const wasAsked = this.#dueAt.delete(socket);
    if (!wasAsked || this.#options.ratePerSecond === undefined) {
      this.#fail(new Error("the server closed a connection"));
      return;
    }
    this.#failures++;
    if (this.#sending) this.#open(at).catch((error: Error) => this.#fail(error));
    else if (this.#dueAt.size === 0) this.#onQuiet();
  }

  #send(socket: Socket, dueAt: number): void {
    this.#dueAt.set(socket, dueAt);
    socket.write(this.#nextRequest());
  }

  #receive(socket: Socket, reader: ResponseReader, chunk: Buffer): void {
    try {
      for (const status of reader.read(chunk)) this.#answered(socket, status);
    } catch (error) {
      this.#fail(error as Error);
    }
  }

  #answered(socket: Socket, status: number): void {
    const now = performance.now();
    const took = now - (this.#dueAt.get(socket) ?? now);
    this.#dueAt.delete(socket);
    if (status >= 200 && status < 300) this.#latencies.push(took);
    else this.#failures++;
    const due = this.#options.ratePerSecond === undefined ? now : this.#waiting.shift();
    if (this.#sending && due !== undefined && this.#latencies.length < REQUESTS_MAX) this.#send(socket, due);
    else this.#idle.push(socket);
    if (!this.#sending && this.#dueAt.size === 0) this.#onQuiet();
  }
}
