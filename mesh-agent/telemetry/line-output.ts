/**
 * Lines to a file descriptor, written together, never waited for and bounded. The descriptor is shared with the
 * application and its reader may stop reading, so a write must neither block nor change how others write to it: pipes
 * and terminals are opened anew without blocking; sockets cannot be, they are written by a thread that may block.
 */
import { constants, fstatSync, openSync, write, writeSync } from "node:fs";
import { limits } from "../../shared/limits.ts";
import type { LineBytes } from "./line-bytes.ts";

/** Takes what it can of some bytes; `done` tells how many, sooner or later. */
type Sink = (bytes: Buffer, done: (written: number) => void) => void;

const LF = 0x0a;
/** A full pipe is asked again after this. */
const FULL_MS = 10;
/** How long the end of the process waits for a reader. */
const CLOSE_WITHIN_MS = 500;

export class LineOutput {
  readonly #fd: number;
  #sink: Sink | undefined;
  /** Where lines are gathered, and what is gathered next while these leave. */
  #gathered: Buffer | undefined;
  #spare: Buffer | undefined;
  #gatheredBytes = 0;
  /** With those that are leaving. */
  #bytes = 0;
  #rest: Buffer | undefined;
  #timer: NodeJS.Timeout | undefined;
  /** Lines that found the buffer full, or no reader. */
  dropped = 0;

  constructor(fd: number) {
    this.#fd = fd;
  }

  /** @param text without its line break */
  line(text: string): void {
    const room = this.#roomFor(Buffer.byteLength(text));
    if (room !== undefined) this.#added(room.write(text, this.#gatheredBytes, "utf8"));
  }

  bytes({ bytes, length }: LineBytes): void {
    const room = this.#roomFor(length);
    if (room !== undefined) this.#added(bytes.copy(room, this.#gatheredBytes, 0, length));
  }

  /** @returns undefined: too many lines wait */
  #roomFor(bytes: number): Buffer | undefined {
    if (this.#bytes + bytes >= limits.agent.logBufferBytesMax) {
      this.dropped++;
      return undefined;
    }
    this.#gathered ??= Buffer.allocUnsafeSlow(limits.agent.logBufferBytesMax);
    return this.#gathered;
  }

  /** A line of so many bytes is there, but for its break. */
  #added(bytes: number): void {
    this.#gatheredBytes += bytes;
    if (this.#gathered !== undefined) this.#gathered[this.#gatheredBytes++] = LF;
    this.#bytes += bytes + 1;
    // A timer for each few lines would wake the process more often than its requests do.
    if (this.#bytes >= limits.agent.logBufferBytesMax / 2 && this.#rest === undefined) this.#flush();
    else this.#timer ??= setTimeout(() => this.#flush(), limits.agent.logFlushMs);
  }

  /** Writes what is held. @returns false when a reader that does not read keeps a thread, which `exit` would wait for */
  async close(): Promise<boolean> {
    const endMs = performance.now() + CLOSE_WITHIN_MS;
    clearTimeout(this.#timer);
    this.#flush();
    while (this.#bytes > 0 && performance.now() < endMs) {
      await new Promise((resolve) => setTimeout(resolve, FULL_MS));
      this.#flush();
    }
    return this.#rest === undefined;
  }

  #flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const gathered = this.#gathered;
    if (this.#rest !== undefined || this.#gatheredBytes === 0 || gathered === undefined) return;
    this.#rest = gathered.subarray(0, this.#gatheredBytes);
    this.#gatheredBytes = 0;
    // Nothing is left of what was gathered there.
    this.#gathered = this.#spare;
    this.#spare = gathered;
    this.#write();
  }

  #write(): void {
    const bytes = this.#rest;
    if (bytes === undefined) return;
    this.#sink ??= this.#open();
    this.#sink(bytes, (written) => {
      const left = bytes.subarray(written);
      this.#rest = left.length > 0 ? left : undefined;
      this.#bytes -= written;
      if (this.#rest === undefined) this.#flush();
      else setTimeout(() => this.#write(), written > 0 ? 0 : FULL_MS);
    });
  }

  #open(): Sink {
    const kind = fstatSync(this.#fd);
    if (kind.isSocket())
      return (bytes, done) => write(this.#fd, bytes, (error, written) => done(this.#taken(bytes, error, written)));
    const fd = kind.isFile() ? this.#fd : ownNonBlocking(this.#fd);
    return (bytes, done) => {
      try {
        done(writeSync(fd, bytes));
      } catch (error) {
        done(this.#taken(bytes, error as NodeJS.ErrnoException, 0));
      }
    };
  }

  /** How much of some bytes is settled after an attempt to write them. */
  #taken(bytes: Buffer, error: NodeJS.ErrnoException | null, written: number): number {
    if (error === null) return written;
    if (error.code === "EAGAIN") return 0;
    this.#lost();
    return bytes.length;
  }

  /** Nobody will ever read it. */
  #lost(): void {
    this.#sink = (bytes, done) => {
      this.dropped++;
      done(bytes.length);
    };
  }
}

/** The same pipe or terminal opened anew, so that not to block is our own mode and not the application's. */
function ownNonBlocking(fd: number): number {
  try {
    return openSync(`/proc/self/fd/${fd}`, constants.O_WRONLY | constants.O_NONBLOCK);
  } catch {
    return fd;
  }
}
