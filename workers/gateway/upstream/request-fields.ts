import type { FieldSet } from "../../../shared/cache/cache-request.ts";
import { FORWARDING_FIELDS } from "../../../shared/http/forwarding-fields.ts";
import type { EditableFields } from "../../../shared/policy/header-edits.ts";

const NONE: readonly string[] = [];

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
  #ended: readonly string[] = NONE;
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

  /**
   * What the edge changes before anybody else does. It is done when somebody reads one of these fields or changes something.
   * @param ended names of fields that end here, in lower case
   * @param said what the edge says in `FORWARDING_FIELDS`, names in lower case
   */
  passEdge(ended: readonly string[], said: () => readonly Field[]): void {
    this.#ended = ended;
    this.#said = said;
  }

  get(name: string): string | null {
    const lower = name.toLowerCase();
    if (FORWARDING_FIELDS.has(lower) || this.#ended.includes(lower)) this.#pass();
    return this.#values.get(lower) ?? null;
  }

  has(name: string): boolean {
    return this.get(name) !== null;
  }

  set(name: string, value: string): void {
    this.#pass();
    this.#toChange().set(name.toLowerCase(), value);
    this.#edits.push(["set", name, value]);
  }

  append(name: string, value: string): void {
    this.#pass();
    const known = this.#values.get(name.toLowerCase());
    this.#toChange().set(name.toLowerCase(), known === undefined ? value : `${known}, ${value}`);
    this.#edits.push(["append", name, value]);
  }

  delete(name: string): void {
    this.#pass();
    this.#delete(name.toLowerCase());
  }

  [Symbol.iterator](): IterableIterator<[string, string]> {
    this.#pass();
    return this.#values[Symbol.iterator]();
  }

  /** The same fields, to be changed apart from these. */
  copy(): RequestFields {
    this.#pass();
    // Whoever changes something first makes a map of its own.
    this.#own = undefined;
    const copy = new RequestFields(this.#client, this.#values);
    copy.#edits.push(...this.#edits);
    return copy;
  }

  /** @throws TypeError when a value that was set is none that a field can have */
  toHeaders(): Headers {
    this.#pass();
    const headers = new Headers(this.#client);
    for (const edit of this.#edits)
      if (edit[0] === "set") headers.set(edit[1], edit[2]);
      else if (edit[0] === "append") headers.append(edit[1], edit[2]);
      else headers.delete(edit[1]);
    return headers;
  }

  /** @param name in lower case */
  #delete(name: string): void {
    if (!this.#values.has(name)) return;
    this.#toChange().delete(name);
    this.#edits.push(["delete", name]);
  }

  #pass(): void {
    const [ended, said] = [this.#ended, this.#said];
    if (said === undefined) return;
    this.#ended = NONE;
    this.#said = undefined;
    for (const name of ended) this.#delete(name);
    const own = this.#toChange();
    for (const [name, value] of said()) {
      own.set(name, value);
      this.#edits.push(["set", name, value]);
    }
  }

  #toChange(): Map<string, string> {
    this.#own ??= new Map(this.#values);
    this.#values = this.#own;
    return this.#own;
  }
}
