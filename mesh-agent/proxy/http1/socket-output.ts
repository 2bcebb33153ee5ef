/**
 * What one connection still has to write. Parts of one turn of the event loop leave together: a head and a small body
 * are one system call and one TLS record.
 */
import type { Socket } from "node:net";
import { limits } from "../../../shared/limits.ts";

/** Outputs with parts that nobody has flushed by the end of the turn. */
let unflushed: SocketOutput[] = [];

function flushAll(): void {
  const outputs = unflushed;
  unflushed = [];
  for (const output of outputs) output.flush();
}

export class SocketOutput {
  readonly #socket: Socket;
  /** Text is latin1. */
  readonly #parts: (string | Buffer)[] = [];
  #bytes = 0;
  #scheduled = false;
  /** Called before bytes leave. */
  readonly #onFlush: () => void;

  constructor(socket: Socket, onFlush: () => void) {
    this.#socket = socket;
    this.#onFlush = onFlush;
  }

  /** The peer is behind: wait for the socket's `drain`. */
  get isBlocked(): boolean {
    return this.#socket.writableNeedDrain;
  }

  /** Adds text or bytes. @returns false: the peer is behind */
  add(part: string | Buffer): boolean {
    this.#parts.push(part);
    this.#bytes += part.length;
    if (this.#bytes >= limits.http.coalesceBytesMax) this.flush();
    else if (!this.#scheduled) {
      this.#scheduled = true;
      if (unflushed.push(this) === 1) process.nextTick(flushAll);
    }
    return !this.isBlocked;
  }

  flush(): void {
    this.#scheduled = false;
    const parts = this.#parts;
    if (parts.length === 0) return;
    const socket = this.#socket;
    if (!socket.destroyed) {
      this.#onFlush();
      if (this.#bytes <= limits.http.coalesceBytesMax) socket.write(this.#joined());
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

  #joined(): Buffer {
    const parts = this.#parts;
    const first = parts[0] as string | Buffer;
    if (parts.length === 1 && typeof first !== "string") return first;
    const joined = Buffer.allocUnsafe(this.#bytes);
    let at = 0;
    for (const part of parts) {
      if (typeof part === "string") joined.write(part, at, "latin1");
      else part.copy(joined, at);
      at += part.length;
    }
    return joined;
  }
}
