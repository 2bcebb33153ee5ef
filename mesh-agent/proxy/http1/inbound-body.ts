/** A body on its way in, between the decoder and whoever reads it. The same for requests and answers. */
import { FieldList } from "../../../shared/http/field-list.ts";
import type { BodyReader } from "../engine.ts";
import type { BodyDecoder } from "./body-framing.ts";
import type { InputBuffer } from "./input-buffer.ts";

/** How far a body has come. */
export type Progress =
  /** All of it is delivered, its end included if somebody waits for that. */
  | "over"
  /** The reader is not set or has paused. */
  | "held"
  /** More bytes are needed. */
  | "starved"
  /** The framing is broken; `decoder.fault` says how. */
  | "fault"
  /** The exchange has ended otherwise. */
  | "dead";

export interface BodyOwner {
  /** The reader can take more. */
  wake(): void;
  /** The reader is set for the first time; it can be served when the call that sets it is over. */
  onFirstRead(): void;
}

export class InboundBody implements BodyReader {
  readonly decoder: BodyDecoder;
  readonly #owner: BodyOwner;
  #chunkCallback: ((chunk: Buffer) => void) | undefined;
  #endCallback: ((trailers: FieldList) => void) | undefined;
  #paused = false;
  #over = false;
  #dead = false;

  constructor(decoder: BodyDecoder, owner: BodyOwner) {
    this.decoder = decoder;
    this.#owner = owner;
  }

  /** Somebody reads it, or it has ended. */
  get isRead(): boolean {
    return this.#over || this.#chunkCallback !== undefined;
  }

  onChunk(callback: (chunk: Buffer) => void): void {
    const first = this.#chunkCallback === undefined;
    this.#chunkCallback = callback;
    if (first && !this.#dead && !this.decoder.done) this.#owner.onFirstRead();
  }

  onEnd(callback: (trailers: FieldList) => void): void {
    this.#endCallback = callback;
    if (this.#over) queueMicrotask(() => this.#deliverEnd());
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    if (!this.#dead) this.#owner.wake();
  }

  /** No callback is called from now on. */
  kill(): void {
    this.#dead = true;
  }

  /** Delivers what has arrived. */
  pump(input: InputBuffer): Progress {
    const decoder = this.decoder;
    while (!this.#dead) {
      if (this.#over) return "over";
      if (this.#paused) return "held";
      if (decoder.done) {
        this.#over = true;
        this.#deliverEnd();
        continue;
      }
      if (this.#chunkCallback === undefined) return "held";
      const chunk = decoder.next(input);
      if (chunk !== undefined) this.#chunkCallback(chunk);
      else if (decoder.fault !== undefined) return "fault";
      else if (!decoder.done) return "starved";
    }
    return "dead";
  }

  #deliverEnd(): void {
    const callback = this.#endCallback;
    if (callback === undefined || this.#dead) return;
    this.#endCallback = undefined;
    callback(this.decoder.trailers ?? new FieldList());
  }
}
