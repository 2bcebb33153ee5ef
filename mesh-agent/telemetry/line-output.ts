/**
 * Lines to a file descriptor, written together, never waited for and bounded. The descriptor is shared with the
 * application and its reader may stop reading, so a write must neither block nor change how others write to it: pipes
 * and terminals are opened anew without blocking; sockets cannot be, they are written by a thread that may block.
 */
import { constants, fstatSync, openSync, write, writeSync } from "node:fs";
import { limits } from "../../shared/limits.ts";

/** Takes what it can of some bytes; `done` tells how many, sooner or later. */
type Sink = (bytes: Buffer, done: (written: number) => void) => void;

/** A full pipe is asked again after this. */
const FULL_MS = 10;
/** How long the end of the process waits for a reader. */
const CLOSE_WITHIN_MS = 500;

export class LineOutput {
  readonly #fd: number;
  #sink: Sink | undefined;
  #lines: string[] = [];
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
    if (this.#bytes + text.length > limits.agent.logBufferBytesMax) {
      this.dropped++;
      return;
    }
    this.#lines.push(text);
    this.#bytes += text.length + 1;
    // A timer for each few lines would wake the process more often than its requests do.
    if (this.#bytes >= limits.agent.logBufferBytesMax / 2 && this.#rest === undefined) this.#flush();
    else this.#timer ??= setTimeout(() => this.#flush(), limits.agent.logFlushMs);
  }

  /** Writes what is held. @returns false when a reader that does not read keeps a thread, which `exit` would wait for */
  async close(): Promise<boolean> {
    const endMs = performance.now() + CLOSE_WITHIN_MS;
    clearTimeout(this.#timer);
    this.#flush();
    while ((this.#rest !== undefined || this.#lines.length > 0) && performance.now() < endMs) {
      await new Promise((resolve) => setTimeout(resolve, FULL_MS));
      this.#flush();
    }
    return this.#rest === undefined;
  }

  #flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#rest !== undefined || this.#lines.length === 0) return;
    this.#rest = Buffer.from(`${this.#lines.join("\n")}\n`);
    this.#lines = [];
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
