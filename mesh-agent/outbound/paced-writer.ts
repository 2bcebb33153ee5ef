import type { FieldList } from "../../shared/http/field-list.ts";
import { limits } from "../../shared/limits.ts";
import type { BodyWriter } from "../proxy/engine.ts";

const { paceMs } = limits.fault;

/** A body that leaves in small pieces at a steady pace, and asks for more when all that it has is out. */
export class PacedWriter implements BodyWriter {
  readonly #to: BodyWriter;
  readonly #pieceBytes: number;
  readonly #queue: Buffer[] = [];
  #timer: NodeJS.Timeout | undefined;
  #onDrain: () => void = () => {};
  #end: (() => void) | undefined;

  constructor(to: BodyWriter, bytesPerSecond: number) {
    this.#to = to;
    this.#pieceBytes = Math.max(1, Math.round((bytesPerSecond * paceMs) / 1_000));
  }

  write(chunk: Buffer): boolean {
    this.#queue.push(chunk);
    if (this.#timer === undefined) this.#send();
    return false;
  }

  onDrain(callback: () => void): void {
    this.#onDrain = callback;
  }

  end(trailers?: FieldList): void {
    this.#end = () => this.#to.end(trailers);
    if (this.#timer === undefined) this.#finish();
  }

  /** Nothing leaves any more. */
  stop(): void {
    clearTimeout(this.#timer);
    this.#queue.length = 0;
    this.#end = undefined;
  }

  #send(): void {
    const [chunk] = this.#queue;
    if (chunk === undefined) {
      if (this.#end === undefined) this.#onDrain();
      else this.#finish();
      return;
    }
    this.#to.write(chunk.subarray(0, this.#pieceBytes));
    if (chunk.length > this.#pieceBytes) this.#queue[0] = chunk.subarray(this.#pieceBytes);
    else this.#queue.shift();
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#send();
    }, paceMs);
  }

  #finish(): void {
    const end = this.#end;
    this.#end = undefined;
    end?.();
  }
}
