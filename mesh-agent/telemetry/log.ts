/**
 * The agent's lines: JSON for machines on stdout, written together, never waited for and bounded; talk for people on
 * stderr. A reader that does not read costs lines, which are counted, but no request.
 */
import { write, writeSync } from "node:fs";
import { limits } from "../../shared/limits.ts";

const STDOUT = 1;
/** A full pipe that somebody set non-blocking is asked again after this. */
const FULL_PIPE_MS = 10;

export class Log {
  #lines: string[] = [];
  #bytes = 0;
  #writing: Buffer | undefined;
  #timer: NodeJS.Timeout | undefined;
  /** Lines that found the buffer full. */
  dropped = 0;

  /** One JSON object, one line. */
  line(entry: object): void {
    const text = `${JSON.stringify(entry)}\n`;
    if (this.#bytes + text.length > limits.agent.logBufferBytesMax) {
      this.dropped++;
      return;
    }
    this.#lines.push(text);
    this.#bytes += text.length;
    this.#timer ??= setTimeout(() => this.#flush(), limits.agent.logFlushMs);
  }

  /** An event of the agent itself: as a line, and as a sentence for people. */
  event(event: string, sentence: string, members: object = {}): void {
    this.line({ time: new Date().toISOString(), kind: "agent", event, message: sentence, ...members });
    process.stderr.write(`selvage-agent: ${sentence}\n`);
  }

  /** Writes what is held before the process ends; gives up on a reader that does not read. */
  close(): void {
    clearTimeout(this.#timer);
    let rest = Buffer.concat([this.#writing ?? Buffer.alloc(0), Buffer.from(this.#lines.join(""))]);
    this.#lines = [];
    this.#bytes = 0;
    this.#writing = undefined;
    for (let tries = 0; rest.length > 0 && tries < 50; tries++) {
      try {
        rest = rest.subarray(writeSync(STDOUT, rest));
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== "EAGAIN") return;
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, FULL_PIPE_MS);
      }
    }
  }

  #flush(): void {
    this.#timer = undefined;
    if (this.#writing !== undefined || this.#lines.length === 0) return;
    this.#writing = Buffer.from(this.#lines.join(""));
    this.#lines = [];
    this.#bytes = 0;
    this.#write();
  }

  #write(): void {
    const rest = this.#writing;
    if (rest === undefined) return;
    write(STDOUT, rest, 0, rest.length, null, (error, written) => {
      if (this.#writing !== rest) return;
      if (error?.code === "EAGAIN") {
        setTimeout(() => this.#write(), FULL_PIPE_MS);
        return;
      }
      this.#writing = error === null && written < rest.length ? rest.subarray(written) : undefined;
      if (this.#writing === undefined) this.#flush();
      else this.#write();
    });
  }
}
