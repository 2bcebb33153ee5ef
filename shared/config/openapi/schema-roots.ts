/** Which schemas of a description a contract needs: each place once, under a name that tells where it is. */
import { pointerOf } from "../../http/json-pointer.ts";
import type { Description } from "./description.ts";
import type { SpecPlace } from "./spec-place.ts";

export class SchemaRoots {
  /** Places by the names of their schemas. */
  readonly places = new Map<string, SpecPlace>();
  readonly #description: Description;
  readonly #refStandsAlone: boolean;

  /** @param refStandsAlone what stands beside `$ref` is ignored (OpenAPI 3.0) */
  constructor(description: Description, refStandsAlone: boolean) {
    this.#description = description;
    this.#refStandsAlone = refStandsAlone;
  }

  /** @param schema where it is written @returns its name; a schema that is another one has the name of that */
  nameOf(schema: SpecPlace): string {
    const place = this.#meant(schema);
    const name = this.#name(place);
    this.places.set(name, place);
    return name;
  }

  /** What is not to be followed here is the compiler's to refuse. */
  #meant(schema: SpecPlace): SpecPlace {
    const seen = new Set<string>();
    let at = schema;
    while (!seen.has(at.key)) {
      seen.add(at.key);
      const ref = at.get("$ref");
      const isOther = ref.exists && (this.#refStandsAlone || at.memberEntries.length === 1);
      const target = isOther ? this.#description.resolve(ref) : undefined;
      if (target === undefined || typeof target === "string") break;
      at = target;
    }
    return at;
  }

  #name({ file, path }: SpecPlace): string {
    const [components, schemas, name] = path;
    if (file !== this.#description.root.file) return `${file}#${pointerOf(path)}`;
    const isComponent = path.length === 3 && components === "components" && schemas === "schemas";
    return isComponent ? String(name) : pointerOf(path).slice(1);
  }
}
