/**
 * What one connection still has to write: frames of a turn of the event loop, of however many streams, leave together as
 * one write and one TLS record.
 */
import type { Socket } from "node:net";
import { limits } from "../../../shared/limits.ts";
import { giveBackMemory, outputMemory } from "../output-memory.ts";
import { CONTINUATION, EMPTY, END_HEADERS, END_STREAM, FRAME_HEADER_BYTES, HEADERS } from "./protocol.ts";

/** Adds frames while there is room; called before each write. */
export interface FrameSource {
  /** @param output adds until `output.bytes` reaches `limits.http2.flushBytesMax` */
  fill(output: FrameOutput): void;
  /** A write was handed to the kernel. @param blocked the peer does not read */
  flushed(blocked: boolean): void;
}

let scheduled: FrameOutput[] = [];

/** After all sockets that had something were read: answers to all of it leave together. */
function flushAll(): void {
  const outputs = scheduled;
  scheduled = [];
  for (const output of outputs) output.flush();
}

export class FrameOutput {
  /** Payload and frame headers that wait. */
  bytes = 0;
  readonly #socket: Socket;
  readonly #source: FrameSource;
  readonly #heads: number[] = [];
  readonly #payloads: Buffer[] = [];
  #isScheduled = false;

  constructor(socket: Socket, source: FrameSource) {
    this.#socket = socket;
    this.#source = source;
  }

  /** The peer is behind. */
  get isBlocked(): boolean {
    return this.#socket.writableNeedDrain;
  }

  /** @param head type and flags, as `type << 8 | flags` */
  add(head: number, streamId: number, payload: Buffer): void {
    this.#heads.push(head, streamId);
    this.#payloads.push(payload);
    this.bytes += FRAME_HEADER_BYTES + payload.length;
  }

  /** A header block, in as many frames as it needs (section 4.3); nothing comes between them. */
  addBlock(streamId: number, block: Buffer, endStream: boolean): void {
    const max = limits.http2.frameBytesMax;
    const flags = endStream ? END_STREAM : 0;
    if (block.length <= max) {
      this.add((HEADERS << 8) | flags | END_HEADERS, streamId, block);
      return;
    }
    this.add((HEADERS << 8) | flags, streamId, block.subarray(0, max));
    for (let from = max; from < block.length; from += max) {
      const to = Math.min(block.length, from + max);
      this.add((CONTINUATION << 8) | (to === block.length ? END_HEADERS : 0), streamId, block.subarray(from, to));
    }
  }

  /** Writes when this turn is over. */
  schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    if (scheduled.push(this) === 1) setImmediate(flushAll);
  }

  flush(): void {
    this.#isScheduled = false;
    const socket = this.#socket;
    if (socket.destroyed || !socket.writable) {
      this.#clear();
      return;
    }
    if (this.isBlocked) return;
    this.#source.fill(this);
    if (this.bytes === 0) return;
    this.#write(socket);
    this.#clear();
    this.#source.flushed(this.isBlocked);
  }

  #clear(): void {
    this.#heads.length = 0;
    this.#payloads.length = 0;
    this.bytes = 0;
  }

  #write(socket: Socket): void {
    const payloads = this.#payloads;
    const { uncopiedBytesMin } = limits.http2;
    let copied = this.bytes;
    if (copied > uncopiedBytesMin)
      for (const payload of payloads) if (payload.length >= uncopiedBytesMin) copied -= payload.length;
    const out = outputMemory(copied, socket);
    const corked = copied < this.bytes;
    if (corked) socket.cork();
    let from = 0;
    let at = 0;
    for (let i = 0; i < payloads.length; i++) {
      const payload = payloads[i] ?? EMPTY;
      const { length } = payload;
      putHead(out, at, length, this.#heads[i * 2] as number, this.#heads[i * 2 + 1] as number);
      at += FRAME_HEADER_BYTES;
      if (length >= uncopiedBytesMin) {
        socket.write(out.subarray(from, at));
        socket.write(payload);
        from = at;
      } else {
        payload.copy(out, at);
        at += length;
      }
    }
    if (from < at) socket.write(out.subarray(from, at));
    if (corked) socket.uncork();
    giveBackMemory(out, socket);
  }
}

function putHead(out: Buffer, at: number, length: number, head: number, streamId: number): void {
  out[at] = length >>> 16;
  out[at + 1] = length >>> 8;
  out[at + 2] = length;
  out[at + 3] = head >>> 8;
  out[at + 4] = head;
  out[at + 5] = streamId >>> 24;
  out[at + 6] = streamId >>> 16;
  out[at + 7] = streamId >>> 8;
  out[at + 8] = streamId;
}
