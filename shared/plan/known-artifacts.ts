/** What plans need beside them, as far as it is at hand: each is read once, however many requests are explained by it. */
export class KnownArtifacts {
  readonly #bytes: ReadonlyMap<string, Uint8Array>;
  readonly #read = new Map<string, unknown>();

  /** @param bytes by digest */
  constructor(bytes: ReadonlyMap<string, Uint8Array>) {
    this.#bytes = bytes;
  }

  /** @param as the same for all that is read of one digest @returns undefined: it is not at hand */
  read<Value>(digest: string, as: (bytes: Uint8Array) => Value): Value | undefined {
    const bytes = this.#bytes.get(digest);
    if (bytes === undefined) return undefined;
    if (!this.#read.has(digest)) this.#read.set(digest, as(bytes));
    return this.#read.get(digest) as Value;
  }
}
