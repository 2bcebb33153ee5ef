/**
 * A header or trailer section as it stood on the wire: ordered, duplicates kept, one character a byte (latin1).
 * Names keep their case and compare without it (RFC 9110 section 5.1).
 */
export class FieldList {
  /** name, value, name, value, ... */
  #raw: string[];

  constructor(raw?: readonly string[]) {
    this.#raw = raw === undefined ? [] : raw.slice();
  }

  static from(entries: Iterable<readonly [string, string]>): FieldList {
    const list = new FieldList();
    for (const [name, value] of entries) list.append(name, value);
    return list;
  }

  /** A list over `raw` (name, value, name, value, ...) itself, which the caller gives away: parsers need no copy. */
  static owning(raw: string[]): FieldList {
    const list = new FieldList();
    list.#raw = raw;
    return list;
  }

  /** Number of field lines. */
  get size(): number {
    return this.#raw.length / 2;
  }

  /** Name of line `index` as it was sent; the pair of `valueAt` for loops that must not allocate. */
  nameAt(index: number): string {
    return this.#raw[index * 2] as string;
  }

  valueAt(index: number): string {
    return this.#raw[index * 2 + 1] as string;
  }

  /** First value of a field, or undefined. @param name in lower case */
  get(name: string): string | undefined {
    const at = this.#indexOf(name, 0);
    return at < 0 ? undefined : this.#raw[at + 1];
  }

  /** Every value of a field in order. @param name in lower case */
  getAll(name: string): string[] {
    const values: string[] = [];
    for (let at = this.#indexOf(name, 0); at >= 0; at = this.#indexOf(name, at + 2))
      values.push(this.#raw[at + 1] as string);
    return values;
  }

  has(name: string): boolean {
    return this.#indexOf(name, 0) >= 0;
  }

  append(name: string, value: string): void {
    this.#raw.push(name, value);
  }

  /** Replaces every line of that name by one at the end. @param name in lower case */
  set(name: string, value: string): void {
    this.remove(name);
    this.#raw.push(name, value);
  }

  /** @param name in lower case */
  remove(name: string): void {
    const first = this.#indexOf(name, 0);
    if (first >= 0) this.#removeFrom(first, (candidate) => isNamed(candidate, name));
  }

  /** Removes the lines whose names begin so. @param prefix in lower case, a letter first @param but a name that stays */
  removePrefixed(prefix: string, but?: string): void {
    const raw = this.#raw;
    const begin = prefix.charCodeAt(0);
    const begins = (name: string): boolean =>
      (name.charCodeAt(0) | 0x20) === begin && name.toLowerCase().startsWith(prefix);
    for (let at = 0; at < raw.length; at += 2) {
      if (!begins(raw[at] as string)) continue;
      this.#removeFrom(at, (name) => begins(name) && (but === undefined || !isNamed(name, but)));
      return;
    }
  }

  /** Removes the lines whose lower-case name the test accepts. */
  removeWhere(test: (lowerName: string) => boolean): void {
    this.#removeFrom(0, (name) => test(name.toLowerCase()));
  }

  /** @param first from which line on: nothing is removed before it */
  #removeFrom(first: number, test: (name: string) => boolean): void {
    const raw = this.#raw;
    let kept = first;
    for (let at = first; at < raw.length; at += 2) {
      const name = raw[at] as string;
      if (test(name)) continue;
      raw[kept] = name;
      raw[kept + 1] = raw[at + 1] as string;
      kept += 2;
    }
    raw.length = kept;
  }

  *[Symbol.iterator](): IterableIterator<[name: string, value: string]> {
    for (let at = 0; at < this.#raw.length; at += 2) yield [this.#raw[at] as string, this.#raw[at + 1] as string];
  }

  clone(): FieldList {
    return new FieldList(this.#raw);
  }

  #indexOf(name: string, from: number): number {
    const raw = this.#raw;
    for (let at = from; at < raw.length; at += 2) {
      if (isNamed(raw[at] as string, name)) return at;
    }
    return -1;
  }
}

/** @param lowerName in lower case. Most names differ in length alone: their case is not looked at. */
function isNamed(name: string, lowerName: string): boolean {
  return name.length === lowerName.length && (name === lowerName || name.toLowerCase() === lowerName);
}
