/** The body of a request that may be sent more than once: what left is kept up to a bound, then it is sent once only. */
import type { FieldList } from "../../shared/http/field-list.ts";
import { limits } from "../../shared/limits.ts";
import { passedOn } from "./body-garbage.ts";
import type { BodyReader, BodyWriter } from "./engine.ts";

export class RequestBody {
  readonly #reader: BodyReader;
  readonly #empty: boolean;
  #kept: Buffer[] = [];
  #keptBytes = 0;
  #replayable = true;
  #trailers: FieldList | undefined;
  #writer: BodyWriter | undefined;
  #reading = false;

  constructor(reader: BodyReader, length: number | "stream") {
    this.#reader = reader;
    this.#empty = length === 0;
  }

  /** Whether the next attempt can send it from its first byte. */
  get replayable(): boolean {
    return this.#replayable;
  }

  /** Whether all of it has come. */
  get ended(): boolean {
    return this.#empty || this.#trailers !== undefined;
  }

  /** Sends what is kept, then what still comes, to an attempt. */
  attach(writer: BodyWriter): void {
    if (this.#empty) {
      writer.end();
      return;
    }
    this.#writer = writer;
    writer.onDrain(() => {
      if (this.#writer === writer) this.#reader.resume();
    });
    let keepsUp = true;
    for (const chunk of this.#kept) keepsUp = writer.write(chunk) && keepsUp;
    if (this.#trailers !== undefined) writer.end(this.#trailers);
    else this.#read(keepsUp);
  }

  /** The attempt is over: nothing is read until the next one. */
  detach(): void {
    if (this.#writer === undefined) return;
    this.#writer = undefined;
    if (this.#trailers === undefined) this.#reader.pause();
  }

  /** No attempt will follow, the bytes need not be kept. */
  keepNoMore(): void {
    this.#replayable = false;
    this.#kept = [];
  }

  #read(keepsUp: boolean): void {
    if (this.#reading) {
      if (keepsUp) this.#reader.resume();
      return;
    }
    this.#reading = true;
    this.#reader.onEnd((trailers) => {
      this.#trailers = trailers;
      this.#writer?.end(this.#trailers);
    });
    this.#reader.onChunk((chunk) => this.#take(chunk));
  }

  #take(chunk: Buffer): void {
    if (this.#replayable) {
      this.#keptBytes += chunk.length;
      if (this.#keptBytes > limits.agent.replayBytesMax) this.keepNoMore();
      else this.#kept.push(chunk);
    }
    if (this.#writer !== undefined && !this.#writer.write(chunk)) this.#reader.pause();
    passedOn(chunk.length);
  }
}
