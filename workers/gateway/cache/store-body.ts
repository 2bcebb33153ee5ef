/** A body that goes to its client and into a store at the same time. */
import { limits } from "../../../shared/limits.ts";
import { closeShare, growShare, type HeldBytes, openShare, type Share } from "../../../shared/policy/held-bytes.ts";
import { within } from "../upstream/wait.ts";
import type { BodySink, Soon } from "./cache-store.ts";

const bounds = limits.cacheStores;

/** stored: it is found from now on; unstored: it went to the client alone; broken: it never became whole. */
export type StoreOutcome = "stored" | "unstored" | "broken";

export interface StoringBody {
  /** For the client. It breaks off where the origin's does. */
  readonly body: ReadableStream<Uint8Array<ArrayBuffer>>;
  /** As soon as one store has it, or none will. It never fails. */
  readonly outcome: Promise<StoreOutcome>;
  /** When nothing more is to be done; the request has to be kept alive until then. It never fails. */
  readonly ended: Promise<StoreOutcome>;
}

/**
 * What the client has read whole was committed before: who asks again finds it. While a store takes it, a body is read ahead of its
 * client as far as `aheadBytesMax`, and on to its end when the client has left; one that breaks, is not as long as it said, or is
 * longer than any store takes leaves nothing.
 * @param bodyBytes that it said to have; undefined: nothing
 * @param held bytes on their way into stores, and of what clients have not read yet, of all bodies of the isolate
 */
export function storeBody(
  body: ReadableStream<Uint8Array>,
  sink: BodySink,
  bodyBytes: number | undefined,
  held: HeldBytes,
): StoringBody {
  const storing = new Storing(body.getReader(), sink, bodyBytes, held);
  return { body: storing.forClient, outcome: storing.outcome, ended: settled(storing.outcome, sink) };
}

async function settled(outcome: Promise<StoreOutcome>, sink: BodySink): Promise<StoreOutcome> {
  const how = await outcome;
  await sink.settled?.();
  return how;
}

type Controller = ReadableStreamDefaultController<Uint8Array<ArrayBuffer>>;

class Storing {
  readonly forClient: ReadableStream<Uint8Array<ArrayBuffer>>;
  readonly outcome: Promise<StoreOutcome>;
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #bodyBytes: number | undefined;
  readonly #held: HeldBytes;
  readonly #share: Share;
  /** Undefined: it takes nothing more. */
  #sink: BodySink | undefined;
  #bytes = 0;
  #clientLeft = false;
  /** Ends a wait for the client. */
  #wake: (() => void) | undefined;

  constructor(
    reader: ReadableStreamDefaultReader<Uint8Array>,
    sink: BodySink,
    bodyBytes: number | undefined,
    held: HeldBytes,
  ) {
    this.#reader = reader;
    this.#sink = sink;
    this.#bodyBytes = bodyBytes;
    this.#held = held;
    const nowMs = Date.now();
    this.#share = openShare(held, nowMs + bounds.writeWithinMs, nowMs);
    let begin: (outcome: Promise<StoreOutcome>) => void;
    this.outcome = new Promise((resolve) => {
      begin = resolve;
    });
    this.forClient = new ReadableStream(
      {
        start: (controller) => begin(this.#run(controller)),
        pull: () => this.#wake?.(),
        cancel: () => {
          this.#clientLeft = true;
          this.#wake?.();
          return this.#stopReading();
        },
      },
      new ByteLengthQueuingStrategy({ highWaterMark: bounds.aheadBytesMax }),
    );
  }

  async #run(controller: Controller): Promise<StoreOutcome> {
    const late = setTimeout(() => void this.#leave(), bounds.writeWithinMs);
    try {
      const last = await this.#passOn(controller);
      const committing = this.#commit();
      if (committing instanceof Promise) await within(committing, bounds.commitHoldMs);
      this.#toClient(controller, last);
      void this.#end(controller);
      return (await committing) ? "stored" : "unstored";
    } catch (cause) {
      await this.#leave();
      closeShare(this.#held, this.#share);
      if (!this.#clientLeft) controller.error(cause);
      return "broken";
    } finally {
      clearTimeout(late);
    }
  }

  /** The stream is open until the client has read everything: a closed one does not tell of it. */
  async #end(controller: Controller): Promise<void> {
    await this.#drained(controller);
    if (!this.#clientLeft) controller.close();
  }

  /** @returns the bytes with which the body has the length that it said, held back until it has ended */
  async #passOn(controller: Controller): Promise<Uint8Array | undefined> {
    let last: Uint8Array | undefined;
    for (;;) {
      await (this.#sink === undefined ? this.#drained(controller) : this.#room(controller, 1));
      const { done, value } = await this.#reader.read();
      if (done) return last;
      this.#toClient(controller, last);
      last = undefined;
      this.#bytes += value.byteLength;
      await this.#toStore(value);
      if (this.#bytes === this.#bodyBytes) last = value;
      else this.#toClient(controller, value);
    }
  }

  /** What no store takes is held until the client has read it, and nothing more is read until then. */
  async #drained(controller: Controller): Promise<void> {
    await this.#room(controller, bounds.aheadBytesMax);
    closeShare(this.#held, this.#share);
  }

  /** @param bytes of room in the client's queue; with `aheadBytesMax` it has read everything */
  async #room(controller: Controller, bytes: number): Promise<void> {
    while (!this.#clientLeft && (controller.desiredSize ?? bytes) < bytes)
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
  }

  #toClient(controller: Controller, bytes: Uint8Array | undefined): void {
    if (bytes !== undefined && !this.#clientLeft) controller.enqueue(bytes as Uint8Array<ArrayBuffer>);
  }

  async #toStore(bytes: Uint8Array): Promise<void> {
    if (this.#sink === undefined) return;
    const isTooLong = this.#bytes > Math.min(bounds.bodyBytesMax, this.#bodyBytes ?? bounds.bodyBytesMax);
    if (isTooLong || !this.#hold()) return this.#leave();
    if (!(await this.#sink.write(bytes))) return this.#leave();
  }

  /**
   * A store holds no more of a body than the larger of a piece and what memory takes; neither does the client's queue. Slow clients of
   * large bodies leave room for small ones, which hardly wait for their clients.
   */
  #hold(): boolean {
    const bytes = Math.min(this.#bytes, bounds.pieceBytesMax + bounds.aheadBytesMax);
    const bytesMax = bytes > bounds.smallBodyBytesMax ? bounds.writingLargeBytesMax : bounds.writingBytesMax;
    return growShare(this.#held, this.#share, bytes, bytesMax, Date.now());
  }

  #commit(): Soon<boolean> {
    if (this.#bodyBytes !== undefined && this.#bytes !== this.#bodyBytes) return this.#leave().then(() => false);
    const sink = this.#sink;
    this.#sink = undefined;
    return sink?.commit() ?? false;
  }

  async #leave(): Promise<void> {
    const sink = this.#sink;
    this.#sink = undefined;
    await Promise.all([sink?.abort(), this.#stopReading()]);
  }

  /** When nobody wants the rest. What is being read ends with it. */
  async #stopReading(): Promise<void> {
    if (this.#clientLeft && this.#sink === undefined) await this.#reader.cancel().catch(() => undefined);
  }
}
