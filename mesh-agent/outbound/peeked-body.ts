/** An answer's body whose first bytes are waited for before it is passed on: one without any may be another attempt's. */
import type { FieldList } from "../../shared/http/field-list.ts";
import type { BodyReader } from "../proxy/engine.ts";

export class PeekedBody implements BodyReader {
  readonly #from: BodyReader;
  /** Read before anybody wanted it. */
  #first: Buffer | undefined;
  #trailers: FieldList | undefined;
  #chunk: ((chunk: Buffer) => void) | undefined;
  #end: ((trailers: FieldList) => void) | undefined;
  #paused = false;

  /** @param onKnown called once: with the trailers of a body without a byte, with nothing when there is one */
  constructor(from: BodyReader, onKnown: (trailers: FieldList | undefined) => void) {
    this.#from = from;
    from.onEnd((trailers) => {
      this.#trailers = trailers;
      if (this.#first === undefined && this.#chunk === undefined) onKnown(trailers);
      else this.#deliver();
    });
    from.onChunk((chunk) => {
      if (this.#chunk !== undefined) {
        this.#chunk(chunk);
        return;
      }
      this.#first = chunk;
      from.pause();
      onKnown(undefined);
    });
  }

  onChunk(callback: (chunk: Buffer) => void): void {
    this.#chunk = callback;
    if (this.#first !== undefined) queueMicrotask(() => this.#deliver());
  }

  onEnd(callback: (trailers: FieldList) => void): void {
    this.#end = callback;
    if (this.#trailers !== undefined) queueMicrotask(() => this.#deliver());
  }

  pause(): void {
    this.#paused = true;
    this.#from.pause();
  }

  resume(): void {
    this.#paused = false;
    if (this.#first === undefined) this.#from.resume();
    else this.#deliver();
  }

  #deliver(): void {
    const first = this.#first;
    if (first !== undefined && this.#chunk !== undefined && !this.#paused) {
      this.#first = undefined;
      this.#chunk(first);
      if (!this.#paused) this.#from.resume();
    }
    if (this.#first !== undefined || this.#trailers === undefined || this.#end === undefined) return;
    const end = this.#end;
    this.#end = undefined;
    end(this.#trailers);
  }
}
