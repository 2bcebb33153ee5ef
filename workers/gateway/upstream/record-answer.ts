/** An answer that goes to the client and is kept at the same time. */

import { SelvageError } from "../../../shared/errors.ts";
import { joinBytes } from "../../../shared/http/join-bytes.ts";
import { limits } from "../../../shared/limits.ts";
import { closeShare, growShare, type HeldBytes, openShare, type Share } from "../../../shared/policy/held-bytes.ts";
import { isDecoded } from "./content-coding.ts";
import { within } from "./wait.ts";

/** What there is of an answer's content when it has ended, or when it will not be kept. */
export type Recorded =
  | { readonly kind: "whole"; readonly body: Uint8Array | null }
  /** Too long, or too slow. */
  | { readonly kind: "partly" }
  | { readonly kind: "broken" };

/** Is told once, and is waited for: the client's answer ends when its record is written. */
export type OnRecorded = (recorded: Recorded) => Promise<void>;

type Chunk = ReadableStreamReadResult<Uint8Array>;

/** The part of an answer's content in what the isolate holds of bodies. */
export class AnswerRoom {
  readonly #held: HeldBytes;
  readonly #bytesMax: number;
  readonly #share: Share;

  /** @param bytesMax of one answer */
  constructor(held: HeldBytes, bytesMax: number) {
    const nowMs = Date.now();
    const { answerWithinMs, storeWithinMs } = limits.idempotency;
    this.#held = held;
    this.#bytesMax = bytesMax;
    this.#share = openShare(held, nowMs + answerWithinMs + storeWithinMs, nowMs);
  }

  /** Whether so many bytes in all may be held. */
  has(bytes: number): boolean {
    if (bytes > this.#bytesMax) return false;
    return growShare(this.#held, this.#share, bytes, limits.gateway.heldBodiesBytesMax, Date.now());
  }

  leave(): void {
    closeShare(this.#held, this.#share);
  }
}

/**
 * @param room for the content; what finds none is not kept
 * @returns the answer for the client. One that says that it is short is held until it is kept, another streams; one that is too long
 *   passes as it is
 * @throws SelvageError upstream_reset when a short one breaks off
 */
export async function recordAnswer(response: Response, room: AnswerRoom, onRecorded: OnRecorded): Promise<Response> {
  const { body } = response;
  const stated = response.headers.get("content-length");
  if (body === null) {
    await onRecorded({ kind: "whole", body: null });
    return response;
  }
  if (stated !== null && !room.has(Number(stated))) {
    await onRecorded({ kind: "partly" });
    return response;
  }
  const reading = new Reading(body.getReader(), room, onRecorded);
  const content = stated === null ? reading.stream() : await reading.hold();
  const { status, statusText } = response;
  return new Response(content, { status, statusText, headers: readableFields(response.headers) });
}

/** The platform decodes what is read here (Fetch standard section 4.3), so the content is as long as it is, and not encoded. */
export function readableFields(headers: Headers): Headers {
  const fields = new Headers(headers);
  fields.delete("content-length");
  if (isDecoded(fields.get("content-encoding"))) fields.delete("content-encoding");
  return fields;
}

type Controller = ReadableStreamDefaultController<Uint8Array>;

class Reading {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #room: AnswerRoom;
  readonly #onRecorded: OnRecorded;
  readonly #endMs = Date.now() + limits.idempotency.answerWithinMs;
  readonly #chunks: Uint8Array[] = [];
  #bytes = 0;
  /** A chunk that did not come in time. */
  #late: Promise<Chunk> | undefined;
  #clientLeft = false;
  /** Whether what is read is for the client alone. */
  #isPassedOn = false;
  /** Ends the wait for a client that does not read. */
  #wake: (() => void) | undefined;

  constructor(reader: ReadableStreamDefaultReader<Uint8Array>, room: AnswerRoom, onRecorded: OnRecorded) {
    this.#reader = reader;
    this.#room = room;
    this.#onRecorded = onRecorded;
  }

  /** The whole content; of one that is too slow, or longer than it said, a stream. */
  async hold(): Promise<Uint8Array | ReadableStream<Uint8Array>> {
    try {
      if (await this.#readAll(() => undefined)) {
        const body = joinBytes(this.#chunks, this.#bytes);
        await this.#onRecorded({ kind: "whole", body });
        return body;
      }
    } catch (cause) {
      this.#reader.releaseLock();
      await this.#onRecorded({ kind: "broken" });
      throw new SelvageError("upstream_reset", `the answer broke off: ${String(cause)}`, { sent: "body", cause });
    }
    await this.#onRecorded({ kind: "partly" });
    return this.#toClient((controller) => {
      for (const chunk of this.#chunks.splice(0)) controller.enqueue(chunk);
      return this.#passOn(controller);
    });
  }

  /** The content as it comes. It is read on for its record when the client has left. */
  stream(): ReadableStream<Uint8Array> {
    return this.#toClient(async (controller) => {
      let isWhole: boolean;
      try {
        isWhole = await this.#readAll((chunk) => this.#clientLeft || controller.enqueue(chunk));
      } catch (cause) {
        await this.#onRecorded({ kind: "broken" });
        throw cause;
      }
      await this.#onRecorded(
        isWhole ? { kind: "whole", body: joinBytes(this.#chunks, this.#bytes) } : { kind: "partly" },
      );
      this.#chunks.length = 0;
      if (!isWhole) await this.#passOn(controller);
      else if (!this.#clientLeft) controller.close();
    });
  }

  /** A stream that is filled from here: what is asked of it only ends a wait. */
  #toClient(fill: (controller: Controller) => Promise<void>): ReadableStream<Uint8Array> {
    return new ReadableStream<Uint8Array>({
      start: (controller) => {
        fill(controller).catch((cause) => {
          if (!this.#clientLeft) controller.error(cause);
        });
      },
      pull: () => this.#wake?.(),
      cancel: () => {
        this.#clientLeft = true;
        this.#wake?.();
        return this.#isPassedOn ? this.#reader.cancel() : undefined;
      },
    });
  }

  /** The rest, as fast as the client reads. */
  async #passOn(controller: Controller): Promise<void> {
    this.#isPassedOn = true;
    for (;;) {
      while (!this.#clientLeft && (controller.desiredSize ?? 0) <= 0)
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      if (this.#clientLeft) return this.#reader.cancel();
      const { done, value } = await this.#next();
      if (this.#clientLeft) continue;
      if (done) return controller.close();
      controller.enqueue(value);
    }
  }

  /** @returns whether all of it came within bounds; otherwise it goes on with `#next` */
  async #readAll(give: (chunk: Uint8Array) => unknown): Promise<boolean> {
    for (;;) {
      const next = this.#next();
      const chunk = await within(next, this.#endMs - Date.now());
      if (chunk === undefined) {
        this.#late = next;
        return false;
      }
      if (chunk.done) return true;
      this.#chunks.push(chunk.value);
      this.#bytes += chunk.value.byteLength;
      give(chunk.value);
      if (!this.#room.has(this.#bytes)) return false;
    }
  }

  #next(): Promise<Chunk> {
    const late = this.#late;
    this.#late = undefined;
    return late ?? this.#reader.read();
  }
}
