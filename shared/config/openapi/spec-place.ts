import { pointerOf } from "../../http/json-pointer.ts";
import type { Path } from "../problem.ts";

/** A place in a file of a description, whatever stands there; what is not there is an empty place. */
export class SpecPlace {
  /** As the document finds it. */
  readonly file: string;
  readonly value: unknown;
  readonly path: Path;

  constructor(file: string, value: unknown, path: Path = []) {
    this.file = file;
    this.value = value;
    this.path = path;
  }

  get(key: string | number): SpecPlace {
    const { value } = this;
    const has = typeof value === "object" && value !== null && Object.hasOwn(value, key);
    const member = has ? (value as Record<string | number, unknown>)[key] : undefined;
    return new SpecPlace(this.file, member, [...this.path, key]);
  }

  get exists(): boolean {
    return this.value !== undefined;
  }

  get text(): string | undefined {
    return typeof this.value === "string" ? this.value : undefined;
  }

  get isMapping(): boolean {
    return typeof this.value === "object" && this.value !== null && !Array.isArray(this.value);
  }

  get items(): SpecPlace[] {
    return Array.isArray(this.value) ? this.value.map((_, at) => this.get(at)) : [];
  }

  /** Members of a mapping whose keys are names of its own. */
  get memberEntries(): [key: string, member: SpecPlace][] {
    return this.isMapping ? Object.keys(this.value as object).map((key) => [key, this.get(key)]) : [];
  }

  /** Members of an object of OpenAPI, but for extensions (`x-`). */
  get entries(): [key: string, member: SpecPlace][] {
    return this.memberEntries.filter(([key]) => !key.startsWith("x-"));
  }

  /** The same for the same place, and for no other. */
  get key(): string {
    return `${this.file}#${pointerOf(this.path)}`;
  }
}
