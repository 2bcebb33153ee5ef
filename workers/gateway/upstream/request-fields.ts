import type { FieldSet } from "../../../shared/cache/cache-request.ts";
import type { EditableFields } from "../../../shared/policy/header-edits.ts";

type Edit = readonly [how: "set" | "append", name: string, value: string] | readonly [how: "delete", name: string];

/**
 * The fields of a request as they go on inside: the client's, with what stages have changed. They are read in plain memory, since
 * each look into the platform's object is a way out of JavaScript and back; that object is made when a request leaves, and for an
 * answer from the cache never.
 */
export class RequestFields implements FieldSet, EditableFields {
  readonly #client: Headers;
  readonly #values: Map<string, string>;
  /** In the order in which they were made: a field that nobody touches goes on with the bytes that the client sent. */
  readonly #edits: Edit[];

  /**
   * @param client as they came
   * @param values the same, by their names in lower case
   */
  constructor(client: Headers, values: Iterable<readonly [name: string, value: string]>, edits: readonly Edit[] = []) {
    this.#client = client;
    this.#values = new Map(values);
    this.#edits = [...edits];
  }

  /** @param name in lower case */
  get(name: string): string | null {
    return this.#values.get(name) ?? null;
  }

  /** @param name in lower case */
  has(name: string): boolean {
    return this.#values.has(name);
  }

  set(name: string, value: string): void {
    this.#values.set(name.toLowerCase(), value);
    this.#edits.push(["set", name, value]);
  }

  append(name: string, value: string): void {
    const known = this.#values.get(name.toLowerCase());
    this.#values.set(name.toLowerCase(), known === undefined ? value : `${known}, ${value}`);
    this.#edits.push(["append", name, value]);
  }

  delete(name: string): void {
    if (this.#values.delete(name.toLowerCase())) this.#edits.push(["delete", name]);
  }

  [Symbol.iterator](): IterableIterator<[string, string]> {
    return this.#values[Symbol.iterator]();
  }

  /** The same fields, to be changed apart from these. */
  copy(): RequestFields {
    return new RequestFields(this.#client, this.#values, this.#edits);
  }

  /** @throws TypeError when a value that was set is none that a field can have */
  toHeaders(): Headers {
    const headers = new Headers(this.#client);
    for (const edit of this.#edits)
      if (edit[0] === "delete") headers.delete(edit[1]);
      else headers[edit[0]](edit[1], edit[2]);
    return headers;
  }
}
