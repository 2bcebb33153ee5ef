/** The content of an answer by gRPC as gRPC-Web has it: the same messages, then the trailers in a frame of their own. */
import { FieldList } from "../../../shared/http/field-list.ts";
import { grpcWebTrailers } from "../../../shared/http/grpc-answer.ts";
import { GRPC_STATUS } from "../../../shared/http/grpc-call.ts";
import { frameFault, isBetweenFrames, newFrames, stepFrames } from "../../../shared/http/grpc-frames.ts";
import type { BodyWriter } from "../engine.ts";
import { Base64Encoder } from "./base64-pieces.ts";
import { noStatus } from "./foreign-answer.ts";

export interface AnswerOptions {
  readonly isText: boolean;
  /** What the head has said of the call's end already. */
  readonly told: FieldList | undefined;
  /** The caller must notice that the answer is broken. */
  readonly onBroken: (reason: string) => void;
}

export class AnswerWriter implements BodyWriter {
  readonly #to: BodyWriter;
  readonly #options: AnswerOptions;
  readonly #text: Base64Encoder | undefined;
  readonly #frames = newFrames();
  #isOver = false;

  constructor(to: BodyWriter, options: AnswerOptions) {
    this.#to = to;
    this.#options = options;
    this.#text = options.isText ? new Base64Encoder() : undefined;
  }

  write(chunk: Buffer): boolean {
    if (this.#isOver) return true;
    const taken = stepFrames(this.#frames, chunk);
    if (taken < chunk.length) {
      this.#break(`the application sent ${frameFault(chunk[taken] as number)}`);
      return true;
    }
    if (this.#text === undefined) return this.#to.write(chunk);
    const text = this.#text.encode(chunk, isBetweenFrames(this.#frames));
    return text.length === 0 || this.#to.write(text);
  }

  onDrain(callback: () => void): void {
    this.#to.onDrain(callback);
  }

  /** Behind half a message nobody could tell the trailers from the rest of it. */
  end(trailers?: FieldList): void {
    if (this.#isOver) return;
    if (!isBetweenFrames(this.#frames)) {
      this.#break("the answer ended within a message");
      return;
    }
    this.#isOver = true;
    const frame = Buffer.from(grpcWebTrailers(this.#ending(trailers)));
    this.#to.write(this.#text === undefined ? frame : this.#text.encode(frame, true));
    this.#to.end();
  }

  #ending(trailers: FieldList | undefined): FieldList {
    if (trailers?.has(GRPC_STATUS)) return lowerCase(trailers);
    return this.#options.told ?? noStatus();
  }

  #break(reason: string): void {
    this.#isOver = true;
    this.#options.onBroken(reason);
  }
}

const lowerCase = (fields: FieldList): FieldList =>
  FieldList.from(Array.from(fields, ([name, value]) => [name.toLowerCase(), value] as const));
