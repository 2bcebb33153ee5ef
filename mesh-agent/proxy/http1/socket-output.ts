/**
 * What one connection still has to write. Parts of one turn of the event loop leave together: a head and a small body
 * are one system call and one TLS record. All connections write when all that came was read: the peers, which the first write wakes,
 * are awake for the others.
 */
import type { Socket } from "node:net";
import { limits } from "../../../shared/limits.ts";
import { giveBackMemory, outputMemory } from "../output-memory.ts";

/** Outputs with parts. */
let unflushed: SocketOutput[] = [];

function flushAll(): void {
  const outputs = unflushed;
  unflushed = [];
  for (const output of outputs) if (!output.patient) output.flush();
}

export class SocketOutput {
  /**
   * Parts leave at the end of the loop's round instead: what the peer has said is read first, since a write that fails
   * would lose it. For bodies of requests, which a server may refuse and not read.
   */
  patient = false;
  readonly #socket: Socket;
  /** Text is latin1. */
  readonly #parts: (string | Buffer)[] = [];
  #bytes = 0;
  #scheduled = false;
  /** Called before bytes leave. */
  readonly #onFlush: () => void;
  /** Called when patient parts have left and the peer is not behind. */
  readonly #onPatientFlush: () => void;

  constructor(socket: Socket, onFlush: () => void, onPatientFlush: () => void) {
    this.#socket = socket;
    this.#onFlush = onFlush;
    this.#onPatientFlush = onPatientFlush;
  }

  /** The peer is behind: wait for the socket's `drain`. */
  get isBlocked(): boolean {
    return this.#socket.writableNeedDrain;
  }

  /** Adds text or bytes. @returns false: the peer is behind */
  add(part: string | Buffer): boolean {
    this.#parts.push(part);
    this.#bytes += part.length;
    if (this.patient) {
      this.#flushLater();
      return this.#bytes < limits.http.outputBytesMax && !this.isBlocked;
    }
    if (this.#bytes >= limits.http.coalesceBytesMax) this.flush();
    else if (!this.#scheduled) {
      this.#scheduled = true;
      if (unflushed.push(this) === 1) setImmediate(flushAll);
    }
    return !this.isBlocked;
  }

  #flushLater(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    // The first comes in the round that is running, the second when sockets have been read once more.
    setImmediate(() => setImmediate(() => this.#flushPatiently()));
  }

  #flushPatiently(): void {
    this.flush();
    if (!this.isBlocked) this.#onPatientFlush();
  }

  flush(): void {
    this.#scheduled = false;
    const parts = this.#parts;
    if (parts.length === 0) return;
    const socket = this.#socket;
    if (!socket.destroyed) {
      this.#onFlush();
      if (this.#bytes <= limits.http.coalesceBytesMax) this.#writeJoined(socket);
      else {
        socket.cork();
        for (const part of parts) {
          if (typeof part === "string") socket.write(part, "latin1");
          else socket.write(part);
        }
        socket.uncork();
      }
    }
    parts.length = 0;
    this.#bytes = 0;
  }

  #writeJoined(socket: Socket): void {
    const parts = this.#parts;
    const first = parts[0] as string | Buffer;
    if (parts.length === 1 && typeof first !== "string") {
      socket.write(first);
      return;
    }
    const room = outputMemory(this.#bytes, socket);
    let at = 0;
    for (const part of parts) {
      if (typeof part === "string") room.write(part, at, "latin1");
      else part.copy(room, at);
      at += part.length;
    }
    socket.write(at === room.length ? room : room.subarray(0, at));
    giveBackMemory(room, socket);
  }
}
