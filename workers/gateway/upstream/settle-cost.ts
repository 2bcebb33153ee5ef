/** Finds out what a request used of the limits that reserve, and when it is over. */
import { limits } from "../../../shared/limits.ts";
import {
  type CostReading,
  endReading,
  giveUpReading,
  heldOf,
  newCostReading,
  readCost,
} from "../../../shared/policy/cost-reading.ts";
import { closeShare, growShare, type HeldBytes, openShare, type Share } from "../../../shared/policy/held-bytes.ts";
import { usedOf } from "../../../shared/policy/response-cost.ts";
import type { RateLimitSettings } from "../../../shared/policy/settings.ts";
import type { TakenLimits } from "./take-limits.ts";

/** A unit of text, at most. */
const UNIT_BYTES = 2;

const NOTHING: ReadonlyMap<string, unknown> = new Map();

/**
 * Settles when the answer's body has ended, or was given up.
 * @param held what the isolate holds of bodies: an answer that finds no room is not read
 * @returns the answer to send instead; it has the same body
 */
export function settleAfter(
  response: Response,
  taken: Pick<TakenLimits, "finish">,
  reserving: readonly RateLimitSettings[],
  held: HeldBytes,
): Response {
  const { body, headers } = response;
  const settle = (told: ReadonlyMap<string, unknown>): void =>
    taken.finish((settings) => usedBy(settings, response, told));
  if (body === null) {
    settle(NOTHING);
    return response;
  }
  const pointers = reserving.flatMap(({ cost }) => cost?.body ?? []);
  const { costBodyBytesMax } = limits.rateLimit;
  const reading = newCostReading(headers.get("content-type") ?? "", pointers, costBodyBytesMax);
  const watched = watch(body, reading && new BoundedReading(reading, held), settle);
  return new Response(withLength(watched, headers), response);
}

function usedBy(
  { cost, name }: RateLimitSettings,
  { status, headers }: Response,
  told: ReadonlyMap<string, unknown>,
): number {
  if (cost === undefined) return 0;
  return usedOf(cost, name, { status, field: cost.header === undefined ? null : headers.get(cost.header), told });
}

/** A reading whose text is part of what the isolate holds. */
class BoundedReading {
  readonly #reading: CostReading;
  readonly #held: HeldBytes;
  readonly #share: Share;

  constructor(reading: CostReading, held: HeldBytes) {
    const nowMs = Date.now();
    this.#reading = reading;
    this.#held = held;
    this.#share = openShare(held, nowMs + limits.rateLimit.reservedMsMax, nowMs);
  }

  read(chunk: Uint8Array): void {
    readCost(this.#reading, chunk);
    const bytes = UNIT_BYTES * heldOf(this.#reading);
    const { heldBodiesBytesMax } = limits.gateway;
    if (!growShare(this.#held, this.#share, bytes, heldBodiesBytesMax, Date.now())) giveUpReading(this.#reading);
  }

  end(): ReadonlyMap<string, unknown> {
    closeShare(this.#held, this.#share);
    return endReading(this.#reading);
  }

  giveUp(): void {
    closeShare(this.#held, this.#share);
  }
}

/** @param settle is told once, when it is over: nothing of a body that did not come whole */
function watch(
  body: ReadableStream<Uint8Array>,
  reading: BoundedReading | undefined,
  settle: (told: ReadonlyMap<string, unknown>) => void,
): ReadableStream<Uint8Array> {
  const reader = body.getReader();
  const giveUp = (): void => {
    reading?.giveUp();
    settle(NOTHING);
  };
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      try {
        const { done, value } = await reader.read();
        if (done) {
          settle(reading?.end() ?? NOTHING);
          controller.close();
          return;
        }
        reading?.read(value);
        controller.enqueue(value);
      } catch (cause) {
        giveUp();
        controller.error(cause);
      }
    },
    async cancel(cause) {
      giveUp();
      await reader.cancel(cause);
    },
  });
}

/** A body whose length is known keeps it; an encoded one is encoded anew and may come out longer. */
function withLength(body: ReadableStream<Uint8Array>, headers: Headers): ReadableStream<Uint8Array> {
  const length = headers.get("content-length");
  if (length === null || !/^\d{1,15}$/.test(length) || headers.has("content-encoding")) return body;
  const { readable, writable } = new FixedLengthStream(Number(length));
  body.pipeTo(writable).catch(() => undefined);
  return readable;
}
