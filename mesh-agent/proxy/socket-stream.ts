/** A socket as the two bodies of a tunnel: bytes as they come and go, and each side ends for itself. */
import type { Socket } from "node:net";
import { TLSSocket } from "node:tls";
import { FieldList } from "../../shared/http/field-list.ts";
import type { BodyReader, BodyWriter } from "./engine.ts";

export class SocketStream implements BodyReader, BodyWriter {
  readonly #socket: Socket;
  /** What was read before there was a tunnel. */
  #early: Buffer | undefined;
  #isRead = false;
  #paused = false;
  #hasEnded = false;
  #chunkCallback: ((chunk: Buffer) => void) | undefined;
  #endCallback: ((trailers: FieldList) => void) | undefined;

  /**
   * @param socket open, with nobody else to read it; whoever owns it listens for its `close`
   * @param early bytes that come before all that the socket still gives
   */
  constructor(socket: Socket, early?: Buffer) {
    this.#socket = socket;
    this.#early = early === undefined || early.length === 0 ? undefined : early;
    // Else Node would end our side with the peer's.
    socket.allowHalfOpen = true;
    socket.pause();
    socket.on("end", () => {
      this.#hasEnded = true;
      this.#endCallback?.(new FieldList());
    });
  }

  /** Both sides have said all; of a socket that is closed: nothing was lost. */
  get isOver(): boolean {
    return this.#hasEnded && this.#socket.writableFinished;
  }

  onChunk(callback: (chunk: Buffer) => void): void {
    const first = this.#chunkCallback === undefined;
    this.#chunkCallback = callback;
    if (first) queueMicrotask(() => this.#begin());
  }

  #begin(): void {
    const early = this.#early;
    this.#early = undefined;
    if (early !== undefined) this.#chunkCallback?.(early);
    this.#socket.on("data", (chunk) => this.#chunkCallback?.(chunk));
    this.#isRead = true;
    if (!this.#paused) this.#socket.resume();
  }

  onEnd(callback: (trailers: FieldList) => void): void {
    this.#endCallback = callback;
  }

  pause(): void {
    this.#paused = true;
    this.#socket.pause();
  }

  resume(): void {
    this.#paused = false;
    if (this.#isRead) this.#socket.resume();
  }

  write(chunk: Buffer): boolean {
    return this.#socket.writable ? this.#socket.write(chunk) : true;
  }

  onDrain(callback: () => void): void {
    this.#socket.on("drain", callback);
  }

  end(): void {
    this.#socket.end();
  }

  /** Ends both sides at once, so that the peer sees that it was no end in order. */
  abort(): void {
    const socket = this.#socket;
    // A Unix socket, which has no family, cannot be reset: its peer has to know by the protocol that an end is none. Nor can one whose
    // side has ended: Node would leave it open, and a peer that nobody reads any more would wait for ever.
    const cannotReset = socket.remoteFamily === undefined || socket.writableEnded;
    if (socket instanceof TLSSocket || cannotReset) socket.destroy();
    else socket.resetAndDestroy();
  }
}
