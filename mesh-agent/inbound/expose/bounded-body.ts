import type { FieldList } from "../../../shared/http/field-list.ts";
import type { BodyReader } from "../../proxy/engine.ts";

/** A body that is given up when it is longer than allowed; nothing of it is passed on from then on. */
export class BoundedBody implements BodyReader {
  readonly #inner: BodyReader;
  readonly #onTooLong: () => void;
  #leftBytes: number;

  /** @param onTooLong called once, instead of `onEnd` */
  constructor(inner: BodyReader, bytesMax: number, onTooLong: () => void) {
    this.#inner = inner;
    this.#leftBytes = bytesMax;
    this.#onTooLong = onTooLong;
  }

  onChunk(callback: (chunk: Buffer) => void): void {
    this.#inner.onChunk((chunk) => {
      if (this.#leftBytes < 0) return;
      this.#leftBytes -= chunk.length;
      if (this.#leftBytes < 0) this.#onTooLong();
      else callback(chunk);
    });
  }

  onEnd(callback: (trailers: FieldList) => void): void {
    this.#inner.onEnd((trailers) => {
      if (this.#leftBytes >= 0) callback(trailers);
    });
  }

  pause(): void {
    this.#inner.pause();
  }

  resume(): void {
    this.#inner.resume();
  }
}
