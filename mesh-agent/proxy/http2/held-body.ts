/** Parts of a body that wait for their reader. Small ones are gathered: each alone would cost more than it holds. */
import { limits } from "../../../shared/limits.ts";

export class HeldBody {
  bytes = 0;
  readonly #parts: Buffer[] = [];
  /** Where small parts are gathered; the last part is a view of it that grows. */
  #gathering: Buffer | undefined;
  #from = 0;
  #to = 0;

  get isEmpty(): boolean {
    return this.#parts.length === 0;
  }

  push(chunk: Buffer): void {
    const { length } = chunk;
    const { gatheredBytes } = limits.http2;
    this.bytes += length;
    if (length >= gatheredBytes / 4) {
      this.#gathering = undefined;
      // A slice would keep all that was read with it.
      this.#parts.push(length * 2 < chunk.buffer.byteLength ? Buffer.from(chunk) : chunk);
      return;
    }
    if (this.#gathering === undefined || this.#to + length > gatheredBytes) {
      this.#gathering = Buffer.allocUnsafeSlow(gatheredBytes);
      this.#from = 0;
      this.#to = 0;
    }
    if (this.#to > this.#from) this.#parts.pop();
    chunk.copy(this.#gathering, this.#to);
    this.#to += length;
    this.#parts.push(this.#gathering.subarray(this.#from, this.#to));
  }

  /** The oldest part. */
  shift(): Buffer | undefined {
    const part = this.#parts.shift();
    if (part === undefined) return undefined;
    this.bytes -= part.length;
    // What is handed out is not written again.
    if (this.isEmpty) this.#from = this.#to;
    return part;
  }
}
