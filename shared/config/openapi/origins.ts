/** Where the values of a description came from after overlays changed it: which file, and where in it. */
import { isContainer } from "../../http/exact-json.ts";
import type { Path } from "../problem.ts";
import type { Position } from "../read-file.ts";
import type { SourceFile } from "./source-file.ts";

type Container = Record<string | number, unknown>;

interface Place {
  readonly file: SourceFile;
  readonly path: Path;
}

export class Origins {
  readonly #files: SourceFile[];
  /** Of changed containers, what they were made from. */
  readonly #copied = new WeakMap<object, object>();
  /** Of changed mappings, where members stand that an overlay gave them. */
  readonly #given = new WeakMap<object, Map<string, Place>>();
  /** Made when it is asked for: most descriptions have no problems. */
  #places: Map<object, Place> | undefined;

  constructor(base: SourceFile) {
    this.#files = [base];
  }

  /** @param file from which overlays take values */
  add(file: SourceFile): void {
    this.#files.push(file);
    this.#places = undefined;
  }

  copied(from: object, to: object): void {
    this.#copied.set(to, from);
    const given = this.#given.get(from);
    if (given !== undefined) this.#given.set(to, new Map(given));
  }

  given(mapping: object, key: string, file: SourceFile, path: Path): void {
    const known = this.#given.get(mapping) ?? new Map<string, Place>();
    this.#given.set(mapping, known.set(key, { file, path }));
  }

  /** @param root the changed description */
  find(root: unknown, path: Path, at: "key" | "value" = "value"): Position {
    let value = root;
    let place: Place | undefined = isContainer(root) ? this.#placeOf(root) : undefined;
    for (const [depth, step] of path.entries()) {
      if (!isContainer(value) || !Object.hasOwn(value, step)) {
        place = place && { file: place.file, path: [...place.path, step] };
        break;
      }
      const isLast = depth === path.length - 1;
      const member = value[step];
      const given = this.#given.get(value)?.get(String(step));
      const own = isContainer(member) ? this.#placeOf(member) : undefined;
      const below: Place | undefined = place && { file: place.file, path: [...place.path, step] };
      // A key stands where it was written, its value where that was; they are apart where an overlay merged into it.
      place = isLast && at === "key" ? (given ?? below) : (own ?? given ?? below);
      value = member;
    }
    const [file] = this.#files;
    const found = place ?? (file && { file, path: [] });
    return found?.file.find(found.path, at) ?? { line: 1, column: 1, length: 1 };
  }

  #placeOf(container: object): Place | undefined {
    this.#places ??= this.#index();
    let one: object | undefined = container;
    while (one !== undefined) {
      const place = this.#places.get(one);
      if (place !== undefined) return place;
      one = this.#copied.get(one);
    }
    return undefined;
  }

  #index(): Map<object, Place> {
    const places = new Map<object, Place>();
    for (const file of this.#files) {
      const pending: { value: unknown; path: Path }[] = [{ value: file.value, path: [] }];
      for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
        const { value, path } = next;
        if (!isContainer(value) || places.has(value)) continue;
        places.set(value, { file, path });
        for (const [key, member] of Object.entries(value as Container))
          if (isContainer(member)) pending.push({ value: member, path: [...path, Array.isArray(value) ? +key : key] });
      }
    }
    return places;
  }
}
