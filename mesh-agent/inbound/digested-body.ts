/** A body that ends only when it has the digest that was stated: its last chunk is held until then. */
import { createHash, type Hash } from "node:crypto";
import type { BodyDigest } from "../../shared/auth/hop-proof.ts";
import { SelvageError } from "../../shared/errors.ts";
import type { FieldList } from "../../shared/http/field-list.ts";
import type { BodyReader } from "../proxy/engine.ts";

const NAMES = { "sha-256": "sha256", "sha-512": "sha512" } as const;

export class DigestedBody implements BodyReader {
  readonly #inner: BodyReader;
  readonly #stated: BodyDigest;
  readonly #onAltered: () => void;
  readonly #hash: Hash;
  #held: Buffer | undefined;
  #chunk: (chunk: Buffer) => void = () => {};

  /** @param onAltered called at the end instead of `onEnd`: whoever got the chunks before must not take them for the whole */
  constructor(inner: BodyReader, stated: BodyDigest, onAltered: () => void) {
    this.#inner = inner;
    this.#stated = stated;
    this.#onAltered = onAltered;
    this.#hash = createHash(NAMES[stated.algorithm]);
  }

  /** @throws SelvageError body_altered when a request without a body states another digest than that of nothing */
  static checkEmpty({ algorithm, value }: BodyDigest): void {
    if (createHash(NAMES[algorithm]).digest("base64") !== value)
      throw new SelvageError("body_altered", "there is no body, but a digest of one");
  }

  onChunk(callback: (chunk: Buffer) => void): void {
    this.#chunk = callback;
    this.#inner.onChunk((chunk) => {
      this.#hash.update(chunk);
      const before = this.#held;
      this.#held = chunk;
      if (before !== undefined) callback(before);
    });
  }

  onEnd(callback: (trailers: FieldList) => void): void {
    this.#inner.onEnd((trailers) => {
      if (this.#hash.digest("base64") !== this.#stated.value) {
        this.#onAltered();
        return;
      }
      if (this.#held !== undefined) this.#chunk(this.#held);
      callback(trailers);
    });
  }

  pause(): void {
    this.#inner.pause();
  }

  resume(): void {
    this.#inner.resume();
  }
}
