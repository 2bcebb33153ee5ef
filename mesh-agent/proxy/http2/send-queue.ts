/** Who may send next: streams take turns of one frame, so that a large body does not hold up a small one. */
import { limits } from "../../../shared/limits.ts";
import type { FrameOutput } from "./frame-output.ts";
import { DEFAULT_WINDOW } from "./protocol.ts";
import { CONNECTION_FULL, HAS_MORE, type Http2Stream, type SharedWindow, STREAM_FULL } from "./stream.ts";

export class SendQueue implements SharedWindow {
  sendWindow: number = DEFAULT_WINDOW;
  sentFrames = 0;
  #first: Http2Stream | undefined;
  #last: Http2Stream | undefined;
  /** Those that the peer's room for the connection holds up. */
  #waiting: Http2Stream[] = [];

  get isEmpty(): boolean {
    return this.#first === undefined;
  }

  /** Bodies wait for the peer to make room for the whole connection. */
  get isStarved(): boolean {
    return this.#waiting.length > 0;
  }

  add(stream: Http2Stream): void {
    if (stream.isReady) return;
    stream.isReady = true;
    stream.nextReady = undefined;
    if (this.#last === undefined) this.#first = stream;
    else this.#last.nextReady = stream;
    this.#last = stream;
  }

  /** Frames of bodies since this was asked last. */
  takeFrames(): number {
    const frames = this.sentFrames;
    this.sentFrames = 0;
    return frames;
  }

  /** Lets streams send until the output is full enough or nobody can. */
  fill(output: FrameOutput): void {
    while (output.bytes < limits.http2.flushBytesMax) {
      const stream = this.#first;
      if (stream === undefined) return;
      this.#first = stream.nextReady;
      if (this.#first === undefined) this.#last = undefined;
      // A chain of streams that are over would keep them all in memory until the last is.
      stream.nextReady = undefined;
      stream.isReady = false;
      const result = stream.send(output, this);
      if (result === HAS_MORE) this.add(stream);
      else if (result === CONNECTION_FULL) {
        stream.isReady = true;
        this.#waiting.push(stream);
        stream.settle();
      } else if (result === STREAM_FULL) stream.settle();
    }
  }

  /** The peer has room for more. @returns false: more than can be (section 6.9.1) */
  widen(bytes: number, max: number): boolean {
    if (this.sendWindow + bytes > max) return false;
    this.sendWindow += bytes;
    const waiting = this.#waiting;
    if (waiting.length === 0) return true;
    this.#waiting = [];
    for (const stream of waiting) {
      stream.isReady = false;
      if (!stream.dead) this.add(stream);
    }
    return true;
  }
}
