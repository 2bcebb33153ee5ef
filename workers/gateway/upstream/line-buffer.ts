/**
 * Lines of a log that are written together. A write is a notable part of what a cheap request costs, so where lines need not
 * stand by the request that they tell of, they wait for one another a moment.
 */
import { limits } from "../../../shared/limits.ts";

const { logBufferedCharsMax } = limits.gateway;

/** What a request offers: work that goes on after its answer. */
export type Later = Pick<ExecutionContext, "waitUntil">;

export class LineBuffer {
  readonly #write: (text: string) => void;
  #lines: string[] = [];
  #chars = 0;
  #sinceMs = 0;

  /** @param write gets one or more lines, without the end of the last */
  constructor(write: (text: string) => void) {
    this.#write = write;
  }

  /**
   * @param waitMs how long a line may wait for others; 0: none waits
   * @param nowMs milliseconds since 1970
   * @param later of the request that the line tells of. The first line's writes them all; should it be given up by the runtime, the
   *   next line does that finds them overdue.
   */
  add(line: string, waitMs: number, nowMs: number, later: () => Later): void {
    if (waitMs === 0) {
      this.#write(line);
      return;
    }
    const isFirst = this.#lines.length === 0;
    if (isFirst) this.#sinceMs = nowMs;
    this.#lines.push(line);
    this.#chars += line.length;
    if (this.#chars >= logBufferedCharsMax || nowMs - this.#sinceMs >= waitMs) this.flush();
    else if (isFirst) later().waitUntil(this.#flushAfter(waitMs));
  }

  /** Writes what waits. */
  flush(): void {
    const lines = this.#lines;
    if (lines.length === 0) return;
    this.#lines = [];
    this.#chars = 0;
    this.#write(lines.join("\n"));
  }

  async #flushAfter(waitMs: number): Promise<void> {
    const mine = this.#lines;
    await new Promise((resolve) => setTimeout(resolve, waitMs));
    if (this.#lines === mine) this.flush();
  }
}
