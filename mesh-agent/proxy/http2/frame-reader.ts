/** Bytes to frames (RFC 9113 section 4): frames are handed on whole, without a copy where they came whole. */
import { limits } from "../../../shared/limits.ts";
import { EMPTY, FRAME_HEADER_BYTES } from "./protocol.ts";

export interface FrameTaker {
  /** @returns false: the connection is over, nothing more is read */
  frame(type: number, flags: number, streamId: number, bytes: Buffer, from: number, to: number): boolean;
  /** A frame is longer than was allowed. */
  frameTooLong(type: number, streamId: number): void;
}

export class FrameReader {
  readonly #taker: FrameTaker;
  /** Start of a frame that has not come whole. */
  #partial: Buffer = EMPTY;
  #held = 0;

  constructor(taker: FrameTaker) {
    this.#taker = taker;
  }

  /** A frame has begun and not ended. */
  get isMidFrame(): boolean {
    return this.#held > 0;
  }

  read(chunk: Buffer): void {
    let at = 0;
    if (this.#held > 0) {
      at = this.#complete(chunk);
      if (at < 0) return;
    }
    const end = chunk.length;
    while (end - at >= FRAME_HEADER_BYTES) {
      const length = lengthAt(chunk, at);
      if (length > limits.http2.frameBytesMax) {
        this.#tooLong(chunk, at);
        return;
      }
      const next = at + FRAME_HEADER_BYTES + length;
      if (next > end) break;
      if (!this.#hand(chunk, at, next)) return;
      at = next;
    }
    if (at < end) this.#hold(chunk, at);
  }

  #hold(chunk: Buffer, at: number): void {
    const known = chunk.length - at;
    const whole = known >= FRAME_HEADER_BYTES ? FRAME_HEADER_BYTES + lengthAt(chunk, at) : FRAME_HEADER_BYTES;
    this.#partial = Buffer.allocUnsafeSlow(whole);
    this.#held = chunk.copy(this.#partial, 0, at);
  }

  /** @returns how much of the chunk belonged to the frame, -1: nothing is left to read */
  #complete(chunk: Buffer): number {
    let at = 0;
    if (this.#held < FRAME_HEADER_BYTES) {
      at = chunk.copy(this.#partial, this.#held, 0, FRAME_HEADER_BYTES - this.#held);
      this.#held += at;
      if (this.#held < FRAME_HEADER_BYTES) return -1;
      const length = lengthAt(this.#partial, 0);
      if (length > limits.http2.frameBytesMax) {
        this.#tooLong(this.#partial, 0);
        return -1;
      }
      const larger = Buffer.allocUnsafeSlow(FRAME_HEADER_BYTES + length);
      this.#partial.copy(larger, 0, 0, FRAME_HEADER_BYTES);
      this.#partial = larger;
    }
    const partial = this.#partial;
    const copied = chunk.copy(partial, this.#held, at);
    this.#held += copied;
    if (this.#held < partial.length) return -1;
    this.#partial = EMPTY;
    this.#held = 0;
    return this.#hand(partial, 0, partial.length) ? at + copied : -1;
  }

  #hand(bytes: Buffer, at: number, end: number): boolean {
    const streamId = bytes.readUInt32BE(at + 5) & 0x7fffffff;
    return this.#taker.frame(bytes[at + 3] as number, bytes[at + 4] as number, streamId, bytes, at + 9, end);
  }

  #tooLong(bytes: Buffer, at: number): void {
    this.#taker.frameTooLong(bytes[at + 3] as number, bytes.readUInt32BE(at + 5) & 0x7fffffff);
  }
}

function lengthAt(bytes: Buffer, at: number): number {
  return ((bytes[at] as number) << 16) | ((bytes[at + 1] as number) << 8) | (bytes[at + 2] as number);
}
