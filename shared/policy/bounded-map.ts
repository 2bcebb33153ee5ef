/** A memory that forgets its oldest entries. */
export class BoundedMap<Value> {
  readonly #entries = new Map<string, Value>();
  readonly #entriesMax: number;
  readonly #keyCharsMax: number;
  #keyChars = 0;

  /** @param keyCharsMax of all keys together */
  constructor(entriesMax: number, keyCharsMax: number = Number.POSITIVE_INFINITY) {
    this.#entriesMax = entriesMax;
    this.#keyCharsMax = keyCharsMax;
  }

  get(key: string): Value | undefined {
    return this.#entries.get(key);
  }

  set(key: string, value: Value): void {
    this.delete(key);
    this.#entries.set(key, value);
    this.#keyChars += key.length;
    for (const oldest of this.#entries.keys()) {
      if (this.#entries.size <= this.#entriesMax && this.#keyChars <= this.#keyCharsMax) break;
      this.delete(oldest);
    }
  }

  delete(key: string): void {
    if (this.#entries.delete(key)) this.#keyChars -= key.length;
  }

  get size(): number {
    return this.#entries.size;
  }
}
