/**
 * What the isolate has to tell its receiver. A request whose spans come first takes care of those that follow within a moment, after
 * its answer; should the runtime give it up, the next one finds them overdue. Requests share what waits, never a promise.
 */

import { telemetry } from "../../../shared/limits/telemetry.ts";
import { exportEnded, newExportQueue, offerBatch, takeBatch } from "../../../shared/telemetry/export-queue.ts";
import { otlpRequest, otlpResource, type Signal } from "../../../shared/telemetry/otlp-request.ts";
import type { OtlpSettings } from "../../../shared/telemetry/settings.ts";
import { postOtlp } from "../../common/telemetry/post-otlp.ts";
import type { Env } from "../env.ts";
import type { Later } from "../upstream/line-buffer.ts";
import { secretsOf } from "../upstream/secrets.ts";
import { sleep } from "../upstream/wait.ts";

const { flushMs, remindMs } = telemetry;
/** How long one request takes care of what waits; a platform ends what goes on for longer after an answer. */
const CARE_MS = 20_000;

/** Encoded items that wait for others; those of one signal. */
export interface ItemBuffer {
  readonly count: number;
  take(): Uint8Array<ArrayBuffer>;
}

export class OtlpOutbox {
  readonly #settings: OtlpSettings;
  readonly #signal: Signal;
  readonly #resource: Uint8Array;
  readonly #items: ItemBuffer;
  readonly #queue = newExportQueue();
  /** Since when the first of the items waits; undefined: there is none. */
  #sinceMs: number | undefined;
  /** Until when another request takes care of the queue. */
  #caredForMs = 0;
  #saidAtMs = Number.NEGATIVE_INFINITY;

  /** @param resource its attributes */
  constructor(settings: OtlpSettings, signal: Signal, resource: Readonly<Record<string, string>>, items: ItemBuffer) {
    this.#settings = settings;
    this.#signal = signal;
    this.#resource = otlpResource(resource);
    this.#items = items;
  }

  /** There is more in the buffer. @param isFull it is not to wait for others */
  added(env: Env, later: Later, nowMs: number, isFull: boolean): void {
    const isFirst = this.#sinceMs === undefined;
    this.#sinceMs ??= nowMs;
    if (isFull || nowMs - this.#sinceMs >= 2 * flushMs) later.waitUntil(this.#send(env));
    else if (isFirst) later.waitUntil(this.#sendLater(env));
  }

  async #sendLater(env: Env): Promise<void> {
    await sleep(flushMs);
    await this.#send(env);
  }

  #flush(): void {
    this.#sinceMs = undefined;
    const { count } = this.#items;
    if (count === 0) return;
    const body = otlpRequest(this.#resource, this.#items.take());
    if (!offerBatch(this.#queue, body, count)) this.#complain("more waits to be sent than there is room for");
  }

  async #send(env: Env): Promise<void> {
    this.#flush();
    const startMs = Date.now();
    if (startMs < this.#caredForMs) return;
    const untilMs = startMs + CARE_MS;
    this.#caredForMs = untilMs;
    while (this.#queue.batches.length > 0) {
      const pauseMs = this.#queue.notBeforeMs - Date.now();
      if (Date.now() + pauseMs >= untilMs) break;
      if (pauseMs > 0) await sleep(pauseMs);
      const batch = takeBatch(this.#queue, Date.now());
      if (batch === undefined) continue;
      const outcome = await postOtlp(this.#settings, {
        ...{ signal: this.#signal, bytes: batch.bytes, secretOf: secretsOf(env), userAgent: "selvage-gateway" },
        withinMs: untilMs - Date.now(),
      });
      const lost = exportEnded(this.#queue, batch, outcome, Date.now(), Math.random());
      if (lost)
        this.#complain(outcome.kind === "accepted" ? (outcome.message ?? "some were rejected") : outcome.reason);
    }
    this.#caredForMs = 0;
  }

  #complain(reason: string): void {
    const nowMs = Date.now();
    if (nowMs - this.#saidAtMs < remindMs) return;
    this.#saidAtMs = nowMs;
    const { sent, dropped, rejected } = this.#queue;
    console.warn(JSON.stringify({ kind: "telemetry", signal: this.#signal, reason, sent, dropped, rejected }));
  }
}
