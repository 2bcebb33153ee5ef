/** A memory that forgets its oldest entries. */
export class BoundedMap<Value> {
  readonly #entries = new Map<string, { readonly value: Value; readonly chars: number }>();
  readonly #entriesMax: number;
  readonly #charsMax: number;
  #chars = 0;

  /** @param charsMax of all keys together, and of the values that say how many they hold */
  constructor(entriesMax: number, charsMax: number = Number.POSITIVE_INFINITY) {
    this.#entriesMax = entriesMax;
    this.#charsMax = charsMax;
  }

  get(key: string): Value | undefined {
    return this.#entries.get(key)?.value;
  }

  /** @param valueChars characters that the value holds, where its key says nothing of its size */
  set(key: string, value: Value, valueChars = 0): void {
    this.delete(key);
    const chars = key.length + valueChars;
    this.#entries.set(key, { value, chars });
    this.#chars += chars;
    for (const oldest of this.#entries.keys()) {
      if (this.#entries.size <= this.#entriesMax && this.#chars <= this.#charsMax) break;
      this.delete(oldest);
    }
  }

  delete(key: string): void {
    const known = this.#entries.get(key);
    if (known === undefined) return;
    this.#entries.delete(key);
    this.#chars -= known.chars;
  }

  /** Those that were set last come last. */
  *values(): Generator<Value> {
    for (const { value } of this.#entries.values()) yield value;
  }

  get size(): number {
    return this.#entries.size;
  }
}
