/** The content of a request by gRPC-Web as gRPC has it: the same messages, out of base64 where it is text, and nothing else. */
import type { FieldList } from "../../../shared/http/field-list.ts";
import { frameFault, isBetweenFrames, newFrames, stepFrames } from "../../../shared/http/grpc-frames.ts";
import type { BodyReader } from "../engine.ts";
import { Base64Decoder } from "./base64-pieces.ts";

export class MessageReader implements BodyReader {
  readonly #inner: BodyReader;
  readonly #text: Base64Decoder | undefined;
  readonly #onFault: (reason: string) => void;
  readonly #frames = newFrames();
  #isBroken = false;

  /** @param onFault called once; nothing is passed on from then on, and no end */
  constructor(inner: BodyReader, isText: boolean, onFault: (reason: string) => void) {
    this.#inner = inner;
    this.#text = isText ? new Base64Decoder() : undefined;
    this.#onFault = onFault;
  }

  onChunk(callback: (chunk: Buffer) => void): void {
    this.#inner.onChunk((chunk) => {
      const messages = this.#isBroken ? undefined : this.#messagesIn(chunk);
      if (messages !== undefined && messages.length > 0) callback(messages);
    });
  }

  #messagesIn(chunk: Buffer): Buffer | undefined {
    const octets = this.#text === undefined ? chunk : this.#text.decode(chunk);
    if (octets === undefined) return this.#fault("text that is no base64");
    const taken = stepFrames(this.#frames, octets);
    return taken === octets.length ? octets : this.#fault(frameFault(octets[taken] as number));
  }

  #fault(reason: string): undefined {
    this.#isBroken = true;
    this.#onFault(reason);
  }

  onEnd(callback: (trailers: FieldList) => void): void {
    this.#inner.onEnd((trailers) => {
      if (this.#isBroken) return;
      if (this.#text?.isWhole !== false && isBetweenFrames(this.#frames)) callback(trailers);
      else this.#fault("an end within a message");
    });
  }

  pause(): void {
    this.#inner.pause();
  }

  resume(): void {
    this.#inner.resume();
  }
}
