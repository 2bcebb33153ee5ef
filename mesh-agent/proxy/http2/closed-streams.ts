/** How the last streams ended, so that frames that were under way are told from frames that must not come (section 5.1). */
import { limits } from "../../../shared/limits.ts";

export const UNKNOWN = 0;
/** Both sides said all, or the peer reset it: nothing may follow. */
export const ENDED = 1;
/** We reset it: what the peer had sent before it knew is ignored. */
export const RESET_BY_US = 2;

export class ClosedStreams {
  #ids: Int32Array | undefined;
  #how: Uint8Array | undefined;

  note(id: number, how: number): void {
    this.#ids ??= new Int32Array(limits.http2.closedStreamsMax);
    this.#how ??= new Uint8Array(limits.http2.closedStreamsMax);
    const slot = (id >> 1) % limits.http2.closedStreamsMax;
    this.#ids[slot] = id;
    this.#how[slot] = how;
  }

  /** How a stream ended; UNKNOWN also when that is too long ago. */
  get(id: number): number {
    const slot = (id >> 1) % limits.http2.closedStreamsMax;
    return this.#ids?.[slot] === id ? (this.#how?.[slot] ?? UNKNOWN) : UNKNOWN;
  }
}
