/** Room that a peer has for bodies of a whole connection (section 6.9): one that is not read must not hold up the others. */
import { limits } from "../../../shared/limits.ts";

export class ReceiveWindow {
  /** Bytes that the peer may still send. */
  #left: number;
  /** Bytes that came and that the peer has no new room for yet. */
  #owed = 0;
  #held = 0;

  /** @param left what the peer was told first */
  constructor(left: number) {
    this.#left = left;
  }

  /** @returns false: the peer sent more than it may */
  take(bytes: number): boolean {
    this.#left -= bytes;
    this.#owed += bytes;
    return this.#left >= 0;
  }

  hold(bytes: number): void {
    this.#held += bytes;
  }

  release(bytes: number): void {
    this.#held -= bytes;
  }

  /** What the peer is to be told now: room for so many more bytes, or 0. */
  grant(): number {
    if (this.#owed < limits.http2.connectionWindowBytes / 2 || this.#held > limits.http2.heldBytesMax) return 0;
    const granted = this.#owed;
    this.#left += granted;
    this.#owed = 0;
    return granted;
  }
}
