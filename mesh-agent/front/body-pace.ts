import { limits } from "../../shared/limits.ts";
import { connectionDeadlines, type DeadlineWatch, type Watched } from "../proxy/deadline-watch.ts";

/**
 * Whether a body of stated length comes at a pace that is no attack: its bytes exist, so nothing but a slow line or ill will
 * holds them back. Time in which we do not read does not count.
 */
export class BodyPace implements Watched {
  deadlineMs = 0;
  watchNext: Watched | undefined;
  watchPrevious: Watched | undefined;
  watchedBy: DeadlineWatch | undefined;
  readonly #onSlow: () => void;
  readonly #windowMs: number;
  #bytes = 0;
  #isHeld = false;
  /** At some time in this window. */
  #wasHeld = false;

  constructor(onSlow: () => void, windowMs: number = limits.front.paceWindowMs) {
    this.#onSlow = onSlow;
    this.#windowMs = windowMs;
    connectionDeadlines.arm(this, windowMs);
  }

  took(bytes: number): void {
    this.#bytes += bytes;
  }

  /** It is not read from now on. */
  hold(): void {
    this.#isHeld = true;
    this.#wasHeld = true;
  }

  /** It is read again. */
  release(): void {
    this.#isHeld = false;
  }

  stop(): void {
    connectionDeadlines.disarm(this);
  }

  onDeadline(): void {
    if (this.#bytes < limits.front.paceBytesMin && !this.#wasHeld) {
      this.#onSlow();
      return;
    }
    this.#bytes = 0;
    this.#wasHeld = this.#isHeld;
    connectionDeadlines.arm(this, this.#windowMs);
  }
}
