import type { Path } from "./problem.ts";

/** A place in a value of unknown form, with the way to it; whatever is not there is an empty place. */
export class Cursor {
  readonly value: unknown;
  readonly path: Path;

  constructor(value: unknown, path: Path = []) {
    this.value = value;
    this.path = path;
  }

  get(...keys: (string | number)[]): Cursor {
    let value = this.value;
    for (const key of keys) {
      const container = typeof value === "object" && value !== null && Object.hasOwn(value, key);
      value = container ? (value as Record<string | number, unknown>)[key] : undefined;
    }
    return new Cursor(value, [...this.path, ...keys]);
  }

  get exists(): boolean {
    return this.value !== undefined;
  }

  get text(): string | undefined {
    return typeof this.value === "string" ? this.value : undefined;
  }

  /** Members of a list. */
  get items(): Cursor[] {
    return Array.isArray(this.value) ? this.value.map((item, at) => new Cursor(item, [...this.path, at])) : [];
  }

  /** Members of a list, or the single value that may stand for a list of one. */
  get oneOrItems(): Cursor[] {
    if (Array.isArray(this.value)) return this.items;
    return this.exists ? [this] : [];
  }

  /** Members of a mapping. */
  get entries(): [key: string, value: Cursor][] {
    if (typeof this.value !== "object" || this.value === null || Array.isArray(this.value)) return [];
    return Object.keys(this.value).map((key) => [key, this.get(key)]);
  }

  get keys(): string[] {
    return this.entries.map(([key]) => key);
  }

  /** Texts of a list (or of the single value that may stand for one). */
  get texts(): string[] {
    return this.oneOrItems.flatMap((item) => item.text ?? []);
  }
}
