import { limits } from "../../../shared/limits.ts";
import { closeShare, growShare, type HeldBytes, openShare } from "../../../shared/policy/held-bytes.ts";
import { collectBytes } from "./collect-bytes.ts";

const { bodyBytesMax, shadowsMax } = limits.validation;

/** Copies of bodies that pass, for those who look at them afterwards. One for each isolate. */
export class ShadowReading {
  readonly #held: HeldBytes;
  #running = 0;

  /** @param held what the isolate holds of bodies */
  constructor(held: HeldBytes) {
    this.#held = held;
  }

  /**
   * Splits a stream, and reads the copy as it comes, however fast the other one is read: what lies between is within the copy's bound.
   * @param statedBytes of the content; NaN: not stated
   * @param untilMs when the copy is given up
   * @returns what goes on instead, with the content of the copy, undefined where that is too much or breaks off; or undefined when
   *   there is no room for a copy: nothing was touched then
   */
  split(stream: ReadableStream<Uint8Array>, statedBytes: number, untilMs: number): Split | undefined {
    if (statedBytes > bodyBytesMax || this.#running >= shadowsMax) return undefined;
    const [on, copy] = stream.tee();
    return { on, content: this.#read(copy, untilMs) };
  }

  async #read(copy: ReadableStream<Uint8Array>, untilMs: number): Promise<Uint8Array | undefined> {
    this.#running++;
    const nowMs = Date.now();
    const share = openShare(this.#held, untilMs, nowMs);
    const { heldBodiesBytesMax } = limits.gateway;
    const mayHold = (bytes: number): boolean =>
      bytes <= bodyBytesMax && growShare(this.#held, share, bytes, heldBodiesBytesMax, Date.now());
    try {
      return await collectBytes(copy, mayHold, untilMs - nowMs);
    } catch {
      return undefined;
    } finally {
      closeShare(this.#held, share);
      this.#running--;
    }
  }
}

export interface Split {
  readonly on: ReadableStream<Uint8Array>;
  readonly content: Promise<Uint8Array | undefined>;
}
