/**
 * One stream (RFC 9113 section 5), as both sides of a connection have it: a body on its way in, a body on its way out, and
 * a window for each. Reader, writer and exchange are one object.
 */
import { FieldList } from "../../../shared/http/field-list.ts";
import { limits } from "../../../shared/limits.ts";
import { connectionDeadlines, type DeadlineWatch, type Watched } from "../deadline-watch.ts";
import type { BodyReader, BodyWriter } from "../engine.ts";
import type { FrameOutput } from "./frame-output.ts";
import { HeldBody } from "./held-body.ts";
import { trailerBlock } from "./hpack-encoder.ts";
import { DATA, EMPTY, END_STREAM } from "./protocol.ts";

/** What a stream asks of its connection. */
export interface StreamHost {
  readonly stallTimeoutMs: number;
  /** It has something to send. */
  ready(stream: Http2Stream): void;
  /** Body bytes came and wait for their reader. */
  held(bytes: number): void;
  /** Body bytes have left, to their reader or nowhere. */
  released(bytes: number): void;
  /** The peer gets room for more of this body. */
  widen(stream: Http2Stream, bytes: number): void;
  /** Tells the peer that the stream is over, and forgets it. */
  reset(stream: Http2Stream, code: number): void;
  /** Both sides have said all; forgets it. */
  streamOver(stream: Http2Stream): void;
}

/** Bytes of bodies that the peer has room for, of all streams together. */
export interface SharedWindow {
  sendWindow: number;
  /** Frames of bodies that were sent. */
  sentFrames: number;
}

/** How far a turn of sending got. */
const SENT_ALL = 0;
export const HAS_MORE = 1;
/** The peer has no room, for this stream or for the whole connection. */
export const STREAM_FULL = 2;
export const CONNECTION_FULL = 3;

export abstract class Http2Stream implements BodyReader, BodyWriter, Watched {
  id = 0;
  sendWindow = 0;
  /** Bytes that the peer may still send. */
  receiveWindow: number = limits.http2.streamWindowBytes;
  remoteEnded = false;
  /** The peer's head has not come. */
  awaitsHead = false;
  localEnded = false;
  /** No callback is called any more, nothing is sent any more. */
  dead = false;
  deadlineMs = 0;
  watchNext: Watched | undefined;
  watchPrevious: Watched | undefined;
  watchedBy: DeadlineWatch | undefined;
  /** Its place among those that have something to send. */
  nextReady: Http2Stream | undefined;
  isReady = false;
  host: StreamHost | undefined;
  /** Bytes of the body that are still to come; -1: nobody knows. */
  expected = -1;
  /** The answer has no body whatever its fields say. */
  bodiless = false;
  /** Both bodies are those of a tunnel: how long they may stand still is not this floor's business. */
  protected isTunnel = false;

  /** How long its bodies may stand still; undefined: as its connection has it. */
  #idleMs: number | undefined;
  #chunkCallback: ((chunk: Buffer) => void) | undefined;
  #endCallback: ((trailers: FieldList) => void) | undefined;
  #paused = false;
  #pumping = false;
  #held: HeldBody | undefined;
  #consumed = 0;
  #trailersIn: FieldList | undefined;

  #queue: Buffer[] | undefined;
  /** Of the first chunk in the queue: what has left. */
  #offset = 0;
  #queued = 0;
  #ended = false;
  #trailersOut: Buffer | undefined;
  #drainCallback: (() => void) | undefined;
  #wantsDrain = false;
  #drainMissed = false;

  // --- the body on its way in ---

  onChunk(callback: (chunk: Buffer) => void): void {
    const first = this.#chunkCallback === undefined;
    this.#chunkCallback = callback;
    if (!first || this.dead) return;
    this.onFirstRead();
    if (this.#held !== undefined) queueMicrotask(() => this.#pump());
    else this.watch();
  }

  onEnd(callback: (trailers: FieldList) => void): void {
    this.#endCallback = callback;
    if (this.remoteEnded) queueMicrotask(() => this.#pump());
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.#pump();
  }

  /** Somebody reads the body now. */
  protected onFirstRead(): void {}

  /** A part of the body; the peer kept to its window. */
  receive(chunk: Buffer): void {
    const { length } = chunk;
    if (this.#held === undefined && this.#chunkCallback !== undefined && !this.#paused && !this.#pumping) {
      this.#chunkCallback(chunk);
      this.#consume(length);
      return;
    }
    this.#held ??= new HeldBody();
    this.#held.push(chunk);
    this.host?.held(length);
  }

  /** Bytes of frames that are not for the reader, but of the window. */
  receivePadding(bytes: number): void {
    this.#consume(bytes);
  }

  /** The body is over. */
  receiveEnd(trailers: readonly string[] | undefined): void {
    this.remoteEnded = true;
    if (trailers !== undefined && trailers.length > 0) this.#trailersIn = FieldList.owning(trailers.slice());
    this.#pump();
    this.watch();
  }

  #pump(): void {
    if (this.#pumping) return;
    this.#pumping = true;
    while (this.#held !== undefined && this.#chunkCallback !== undefined && !this.#paused && !this.dead) {
      const chunk = this.#held.shift() as Buffer;
      if (this.#held.isEmpty) this.#held = undefined;
      this.host?.released(chunk.length);
      this.#chunkCallback(chunk);
      this.#consume(chunk.length);
    }
    this.#pumping = false;
    if (this.remoteEnded && this.#held === undefined && !this.#paused && !this.dead) this.#deliverEnd();
    else this.watch();
  }

  #consume(bytes: number): void {
    if (this.dead || this.remoteEnded) return;
    this.#consumed += bytes;
    if (this.#consumed < limits.http2.streamWindowBytes / 2) return;
    this.host?.widen(this, this.#consumed);
    this.#consumed = 0;
  }

  #deliverEnd(): void {
    const callback = this.#endCallback;
    if (callback === undefined) return;
    this.#endCallback = undefined;
    callback(this.#trailersIn ?? new FieldList());
    this.readEnd();
  }

  /** The reader has all of the body. */
  protected readEnd(): void {}

  // --- the body on its way out ---

  /** Bytes of the body that are still to be written; -1: nobody knows. */
  protected toSend = -1;

  write(chunk: Buffer): boolean {
    const { length } = chunk;
    if (this.dead || this.#ended || length === 0 || this.bodiless) return true;
    if (this.toSend >= 0) {
      if (length > this.toSend) {
        this.misuse("the message is longer than its length");
        return true;
      }
      this.toSend -= length;
    }
    this.#queue ??= [];
    this.#queue.push(chunk);
    this.#queued += length;
    this.host?.ready(this);
    if (this.#queued < limits.http.outputBytesMax && this.#queue.length < limits.http2.queuedPartsMax) return true;
    this.#wantsDrain = true;
    return false;
  }

  onDrain(callback: () => void): void {
    this.#drainCallback = callback;
    if (this.#drainMissed) queueMicrotask(() => this.#tellDrained());
  }

  end(trailers?: FieldList): void {
    if (this.dead || this.#ended) return;
    if (this.toSend > 0 && !this.bodiless) {
      this.misuse("the message is shorter than its length");
      return;
    }
    this.#ended = true;
    if (trailers !== undefined && trailers.size > 0 && !this.bodiless && !this.localEnded) {
      const block = trailerBlock(trailers);
      if (block.length > 0) this.#trailersOut = block;
    }
    this.host?.ready(this);
  }

  /** The writer was used wrongly; the peer must not take what was sent for whole. */
  protected abstract misuse(reason: string): void;

  #tellDrained(): void {
    this.#drainMissed = this.#drainCallback === undefined;
    if (!this.dead && !this.#ended) this.#drainCallback?.();
  }

  /** Whether `end` was called. */
  protected get hasEnded(): boolean {
    return this.#ended;
  }

  /** A message without a body, which is complete with its head. */
  protected endWithHead(): void {
    this.#ended = true;
  }

  /** Nothing of the body is to follow. */
  protected get isWritten(): boolean {
    return this.#ended && this.#queued === 0;
  }

  /** Sends the head if it has not left. @param ends whether the stream ends with it */
  protected abstract sendHead(output: FrameOutput, ends: boolean): void;

  /** The end of what we send is in the output. */
  protected abstract sentEnd(): void;

  /** Body bytes are in the output. */
  protected sentBody(): void {}

  /** Whether the head is in the output: without it no body can be sent. */
  protected abstract readonly headLeft: boolean;

  /** One turn: what is due, but of the body one frame only. */
  send(output: FrameOutput, shared: SharedWindow): number {
    if (this.dead || this.localEnded) return SENT_ALL;
    this.sendHead(output, this.isWritten && this.#trailersOut === undefined);
    if (this.localEnded || !this.headLeft) return SENT_ALL;
    if (this.#queued > 0) {
      const room = Math.min(this.sendWindow, shared.sendWindow);
      if (room <= 0) {
        this.watch();
        return this.sendWindow <= 0 ? STREAM_FULL : CONNECTION_FULL;
      }
      this.#sendBody(output, shared, Math.min(room, limits.http2.sentFrameBytesMax));
      if (this.#queued > 0) return HAS_MORE;
    }
    if (this.#ended && !this.localEnded) this.#sendEnd(output);
    return SENT_ALL;
  }

  #sendBody(output: FrameOutput, shared: SharedWindow, room: number): void {
    const queue = this.#queue as Buffer[];
    let left = room;
    while (left > 0 && queue.length > 0) {
      const chunk = queue[0] as Buffer;
      const size = Math.min(left, chunk.length - this.#offset);
      const whole = size === chunk.length;
      const part = whole ? chunk : chunk.subarray(this.#offset, this.#offset + size);
      this.#offset += size;
      left -= size;
      this.#queued -= size;
      if (this.#offset === chunk.length) {
        queue.shift();
        this.#offset = 0;
      }
      const last = this.#queued === 0 && this.#ended && this.#trailersOut === undefined;
      output.add((DATA << 8) | (last ? END_STREAM : 0), this.id, part);
      shared.sentFrames++;
      if (last) this.localEnded = true;
    }
    this.sendWindow -= room - left;
    shared.sendWindow -= room - left;
    this.sentBody();
    if (this.localEnded) this.sentEnd();
    else this.#afterBody();
    this.watch();
  }

  #afterBody(): void {
    const parts = this.#queue?.length ?? 0;
    if (!this.#wantsDrain || this.#queued > limits.http.outputBytesMax / 2 || parts > limits.http2.queuedPartsMax / 2)
      return;
    this.#wantsDrain = false;
    // Not from within a flush, which others wait for.
    queueMicrotask(() => this.#tellDrained());
  }

  #sendEnd(output: FrameOutput): void {
    this.localEnded = true;
    if (this.#trailersOut !== undefined) output.addBlock(this.id, this.#trailersOut, true);
    else output.add((DATA << 8) | END_STREAM, this.id, EMPTY);
    this.sentEnd();
  }

  /** Parts that wait for the peer's room are kept without what they were read with. */
  settle(): void {
    const queue = this.#queue;
    if (queue === undefined) return;
    for (let i = 0; i < queue.length; i++) {
      const chunk = queue[i] as Buffer;
      if (chunk.length * 8 < chunk.buffer.byteLength) queue[i] = Buffer.from(chunk);
    }
  }

  /** The peer does not want what is still to be sent; what came is still the reader's. */
  stopSending(): void {
    this.localEnded = true;
    this.#ended = true;
    this.#queue = undefined;
    this.#queued = 0;
    this.watch();
  }

  /** No callback is called from now on; what is held goes. */
  kill(): void {
    if (this.dead) return;
    this.dead = true;
    connectionDeadlines.disarm(this);
    if (this.#held !== undefined) {
      const { bytes } = this.#held;
      this.#held = undefined;
      this.host?.released(bytes);
    }
    this.#queue = undefined;
    this.#queued = 0;
  }

  // --- time ---

  /** Whether nothing moves until the peer does something. */
  protected get waitsForPeer(): boolean {
    const reads = this.#chunkCallback !== undefined && !this.#paused && !this.remoteEnded;
    return reads || this.#queued > 0;
  }

  /** A body of which nothing moves for too long, though the peer could, is given up. */
  protected watch(): void {
    if (this.dead || this.host === undefined) return;
    if (this.waitsForPeer && !this.isTunnel) connectionDeadlines.arm(this, this.#idleMs ?? this.host.stallTimeoutMs);
    else connectionDeadlines.disarm(this);
  }

  idleAfter(idleMs: number): void {
    this.#idleMs = idleMs;
    this.watch();
  }

  abstract onDeadline(): void;
}
