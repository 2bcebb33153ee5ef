/** What waits for the receiver of telemetry: a bounded queue, retries as OTLP/HTTP has them, and counts of all that was lost. */
import { telemetry } from "../limits/telemetry.ts";
import type { ExportOutcome } from "./otlp-request.ts";

const { attemptsMax, backoffMs, backoffMsMax, queueBytesMax, retryAfterMsMax } = telemetry;

/** Items that are sent together. */
export interface ExportBatch {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly items: number;
  /** Requests that were made with it. */
  attempts: number;
}

export interface ExportQueue {
  readonly batches: ExportBatch[];
  bytes: number;
  /** Nothing is sent before; milliseconds since 1970. */
  notBeforeMs: number;
  /** Items, since the beginning. */
  sent: number;
  /** There was no room, or no attempt left. */
  dropped: number;
  /** The receiver did not take them. */
  rejected: number;
}

export const newExportQueue = (): ExportQueue => ({
  batches: [],
  bytes: 0,
  notBeforeMs: 0,
  sent: 0,
  dropped: 0,
  rejected: 0,
});

/** @returns whether there was room */
export function offerBatch(queue: ExportQueue, bytes: Uint8Array<ArrayBuffer>, items: number): boolean {
  if (queue.bytes + bytes.length > queueBytesMax) {
    queue.dropped += items;
    return false;
  }
  queue.batches.push({ bytes, items, attempts: 0 });
  queue.bytes += bytes.length;
  return true;
}

/** Takes the batch that is to be sent now; whoever does tells `exportEnded`. Undefined: nothing is to be sent before `notBeforeMs`. */
export function takeBatch(queue: ExportQueue, nowMs: number): ExportBatch | undefined {
  if (nowMs < queue.notBeforeMs) return undefined;
  const batch = queue.batches.shift();
  if (batch === undefined) return undefined;
  batch.attempts++;
  queue.bytes -= batch.bytes.length;
  return batch;
}

/**
 * @param random at least 0, below 1: pauses differ, so that senders do not come together
 * @returns whether items were lost by it
 */
export function exportEnded(
  queue: ExportQueue,
  batch: ExportBatch,
  outcome: ExportOutcome,
  nowMs: number,
  random: number,
): boolean {
  if (outcome.kind === "accepted") {
    const rejected = Math.min(outcome.rejected, batch.items);
    queue.sent += batch.items - rejected;
    queue.rejected += rejected;
    return rejected > 0;
  }
  if (outcome.kind === "refused") {
    queue.rejected += batch.items;
    return true;
  }
  const growing = Math.min(backoffMs * 2 ** (batch.attempts - 1), backoffMsMax);
  const pauseMs = Math.min(outcome.afterMs ?? 0, retryAfterMsMax) || growing * (0.5 + random);
  queue.notBeforeMs = Math.max(queue.notBeforeMs, nowMs + pauseMs);
  if (batch.attempts >= attemptsMax || queue.bytes + batch.bytes.length > queueBytesMax) {
    queue.dropped += batch.items;
    return true;
  }
  queue.batches.unshift(batch);
  queue.bytes += batch.bytes.length;
  return false;
}
