import type { TranslatedRegex } from "./ecma-regex.ts";
import type { Units } from "./find-units.ts";
import type { SchemaDocuments } from "./schema-documents.ts";
import type { SchemaProblem } from "./schema-problem.ts";

/** Properties of one direction, by name. */
export type Flags = ReadonlyMap<string, "readOnly" | "writeOnly">;

/** What one compilation knows of all schemas together. */
export interface Compilation extends Units {
  readonly documents: SchemaDocuments;
  readonly problems: SchemaProblem[];
  /** Directions of properties, by the key of the place. */
  readonly flags: Map<string, Flags>;
  /** Translated expressions by their source. */
  readonly regexes: Map<string, TranslatedRegex>;
}
