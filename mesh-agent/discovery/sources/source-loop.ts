import type { NamedEndpoint } from "../../../shared/discovery/admit.ts";
import { limits } from "../../../shared/limits.ts";
import { backoffMs } from "../../control/backoff.ts";
import type { Source, SourceEar } from "./source.ts";

export interface LoopEar extends SourceEar {
  failed(reason: string): void;
}

/** Asks a source again and again, with pauses that grow while it fails, until it is stopped. */
export class SourceLoop {
  readonly #source: Source;
  readonly #ear: LoopEar;
  readonly #ending = new AbortController();
  readonly #random: () => number;
  #timer: NodeJS.Timeout | undefined;
  /** In a row. */
  #failures = 0;

  /** @param random at least 0, below 1 */
  constructor(source: Source, ear: LoopEar, random: () => number = Math.random) {
    this.#source = source;
    this.#ear = ear;
    this.#random = random;
    void this.#round();
  }

  /** Nothing is told any more. */
  stop(): void {
    this.#ending.abort();
    clearTimeout(this.#timer);
  }

  async #round(): Promise<void> {
    const { signal } = this.#ending;
    const startMs = performance.now();
    let pauseMs: number;
    try {
      pauseMs = await this.#source.ask(this.#heard, signal);
      this.#failures = 0;
    } catch (error) {
      if (signal.aborted) return;
      pauseMs = this.#failed(error as Error);
    }
    if (signal.aborted) return;
    const tookMs = performance.now() - startMs;
    // However fast a source answers, or hangs up.
    const atLeastMs = limits.discovery.roundMsMin - tookMs;
    this.#timer = setTimeout(() => void this.#round(), Math.max(pauseMs, atLeastMs));
    this.#timer.unref();
  }

  readonly #heard = {
    answer: (endpoints: readonly NamedEndpoint[]): void => {
      if (this.#ending.signal.aborted) return;
      this.#failures = 0;
      this.#ear.answer(endpoints);
    },
    // No reason to ask faster: a source may say so and break off each time.
    same: (): void => {
      if (!this.#ending.signal.aborted) this.#ear.same();
    },
  };

  #failed(error: Error): number {
    const { backoffBaseMs, backoffMaxMs, reasonCharsMax } = limits.discovery;
    this.#failures++;
    this.#ear.failed(error.message.slice(0, reasonCharsMax));
    return backoffMs(this.#failures, backoffBaseMs, backoffMaxMs, this.#random());
  }
}
