import type { FieldSet } from "../../../shared/cache/cache-request.ts";
import { FORWARDING_FIELDS } from "../../../shared/http/forwarding-fields.ts";
import type { EditableFields } from "../../../shared/policy/header-edits.ts";

type Field = readonly [name: string, value: string];
type Edit = readonly [how: "set" | "append", name: string, value: string] | readonly [how: "delete", name: string];

/**
 * The fields of a request as they go on inside: the client's, with what stages have changed. They are read in plain memory, since
 * each look into the platform's object is a way out of JavaScript and back; that object is made when a request leaves, and for an
 * answer from the cache never.
 */
export class RequestFields implements FieldSet, EditableFields {
  readonly #client: Headers;
  #values: ReadonlyMap<string, string>;
  #said: (() => readonly Field[]) | undefined;
  /** The same once something has changed. */
  #own: Map<string, string> | undefined;
  /** In the order in which they were made: a field that nobody touches goes on with the bytes that the client sent. */
  readonly #edits: Edit[] = [];

  /**
   * @param client as they came
   * @param values the same, by their names in lower case
   */
  constructor(client: Headers, values: ReadonlyMap<string, string>) {
    this.#client = client;
    this.#values = values;
  }

  /** @param said what the edge says in `FORWARDING_FIELDS`; asked for when somebody reads that or changes something */
  sayForwarded(said: () => readonly Field[]): void {
    this.#said = said;
  }

  get(name: string): string | null {
    const lower = name.toLowerCase();
    if (FORWARDING_FIELDS.has(lower)) this.#say();
    return this.#values.get(lower) ?? null;
  }

  has(name: string): boolean {
    return this.get(name) !== null;
  }

  set(name: string, value: string): void {
    this.#say();
    this.#set(name, value);
  }

  append(name: string, value: string): void {
    this.#say();
    const known = this.#values.get(name.toLowerCase());
    this.#toChange().set(name.toLowerCase(), known === undefined ? value : `${known}, ${value}`);
    this.#edits.push(["append", name, value]);
  }

  delete(name: string): void {
    this.#say();
    if (!this.#values.has(name.toLowerCase())) return;
    this.#toChange().delete(name.toLowerCase());
    this.#edits.push(["delete", name]);
  }

  [Symbol.iterator](): IterableIterator<[string, string]> {
    this.#say();
    return this.#values[Symbol.iterator]();
  }

  /** The same fields, to be changed apart from these. */
  copy(): RequestFields {
    this.#say();
    const copy = new RequestFields(this.#client, new Map(this.#values));
    copy.#edits.push(...this.#edits);
    return copy;
  }

  /** @throws TypeError when a value that was set is none that a field can have */
  toHeaders(): Headers {
    this.#say();
    const headers = new Headers(this.#client);
    for (const edit of this.#edits)
      if (edit[0] === "delete") headers.delete(edit[1]);
      else headers[edit[0]](edit[1], edit[2]);
    return headers;
  }

  #set(name: string, value: string): void {
    this.#toChange().set(name.toLowerCase(), value);
    this.#edits.push(["set", name, value]);
  }

  #say(): void {
    const said = this.#said;
    this.#said = undefined;
    if (said !== undefined) for (const [name, value] of said()) this.#set(name, value);
  }

  #toChange(): Map<string, string> {
    this.#own ??= new Map(this.#values);
    this.#values = this.#own;
    return this.#own;
  }
}
