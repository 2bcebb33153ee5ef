/** Sends telemetry to its receiver, over sockets of its own and past the mesh: one request at a time, what waits is bounded. */
import { request as httpsRequest, type RequestOptions } from "node:https";
import { promisify } from "node:util";
import { gzip } from "node:zlib";
import { telemetry } from "../../shared/limits/telemetry.ts";
import type { ReceiverSettings } from "../../shared/telemetry/environment.ts";
import {
  type ExportBatch,
  exportEnded,
  newExportQueue,
  offerBatch,
  takeBatch,
} from "../../shared/telemetry/export-queue.ts";
import {
  type ExportOutcome,
  judgeExport,
  otlpContentType,
  otlpRequest,
  otlpResource,
} from "../../shared/telemetry/otlp-request.ts";
import { nodeHttp } from "../proxy/node-http.ts";

const compress = promisify(gzip);
/** How long the end of the agent may take for it. */
const CLOSE_MS = 2_000;

export class OtlpSender {
  readonly #settings: ReceiverSettings;
  readonly #url: URL;
  readonly #resource: Uint8Array;
  readonly #what: string;
  readonly #onTrouble: (sentence: string) => void;
  readonly #queue = newExportQueue();
  #sending: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #saidAtMs = Number.NEGATIVE_INFINITY;

  /** @param what is sent, in the plural @param onTrouble hears of what was lost, once a minute at most */
  constructor(settings: ReceiverSettings, what: string, onTrouble: (sentence: string) => void) {
    this.#settings = settings;
    this.#url = new URL(settings.url);
    this.#resource = otlpResource(settings.resource);
    this.#what = what;
    this.#onTrouble = onTrouble;
  }

  /** @param items encoded, each with its tag and length */
  add(items: Uint8Array, count: number): void {
    const body = otlpRequest(this.#resource, items);
    if (!offerBatch(this.#queue, body, count)) this.#complain("more waits to be sent than there is room for");
    this.#sendSoon();
  }

  /** Sends what waits, while there is time, once more even where the receiver asked for a pause. */
  async close(): Promise<void> {
    clearTimeout(this.#timer);
    this.#queue.notBeforeMs = 0;
    this.#sendSoon();
    const late = new Promise<void>((resolve) => setTimeout(resolve, CLOSE_MS).unref());
    await Promise.race([this.#sending, late]);
    clearTimeout(this.#timer);
  }

  #sendSoon(): void {
    this.#sending ??= this.#sendAll().finally(() => {
      this.#sending = undefined;
      if (this.#queue.batches.length > 0) this.#sendLater();
    });
  }

  #sendLater(): void {
    const waitMs = Math.max(1, this.#queue.notBeforeMs - Date.now());
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#sendSoon(), waitMs).unref();
  }

  async #sendAll(): Promise<void> {
    for (;;) {
      const batch = takeBatch(this.#queue, Date.now());
      if (batch === undefined) return;
      const outcome = await this.#send(batch).catch((cause: Error): ExportOutcome => {
        return { kind: "retry", reason: cause.message };
      });
      const lost = exportEnded(this.#queue, batch, outcome, Date.now(), Math.random());
      if (lost)
        this.#complain(outcome.kind === "accepted" ? (outcome.message ?? "some were rejected") : outcome.reason);
    }
  }

  async #send({ bytes }: ExportBatch): Promise<ExportOutcome> {
    const { headers, compression, timeoutMs } = this.#settings;
    const body = compression === "gzip" ? await compress(bytes) : bytes;
    const fields = {
      ...headers,
      ...(compression === "gzip" && { "content-encoding": "gzip" }),
      "content-type": otlpContentType,
      "content-length": String(body.length),
      "user-agent": "selvage-agent",
    };
    const options = { method: "POST", headers: fields, signal: AbortSignal.timeout(timeoutMs) };
    return new Promise((resolve, reject) => post(this.#url, options, body, resolve, reject));
  }

  #complain(reason: string): void {
    const nowMs = performance.now();
    if (nowMs - this.#saidAtMs < telemetry.remindMs) return;
    this.#saidAtMs = nowMs;
    const { sent, dropped, rejected } = this.#queue;
    this.#onTrouble(
      `${this.#what} were lost: ${reason} (${sent} sent, ${dropped} dropped, ${rejected} rejected so far)`,
    );
  }
}

/** Node's `fetch` would cost memory that an agent has better uses for. */
function post(
  url: URL,
  options: RequestOptions,
  body: Uint8Array,
  done: (outcome: ExportOutcome) => void,
  failed: (error: Error) => void,
): void {
  const send = url.protocol === "https:" ? httpsRequest : nodeHttp.request;
  const request = send(url, options, (response) => {
    const chunks: Buffer[] = [];
    let size = 0;
    response.on("error", failed);
    response.on("data", (chunk: Buffer) => {
      size += chunk.length;
      if (size <= telemetry.answerBytesMax) chunks.push(chunk);
    });
    response.on("end", () => {
      const { statusCode = 0, headers } = response;
      done(judgeExport(statusCode, headers["retry-after"] ?? null, Buffer.concat(chunks), Date.now()));
    });
  });
  request.on("error", failed);
  request.end(body);
}
