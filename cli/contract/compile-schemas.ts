/**
 * JSON Schemas as the edge uses them: written in any dialect, in any number of documents, compiled into one form whose references go
 * by name (`CompiledSchema`). Nothing is fetched: what is not among the documents does not exist.
 *
 * For a description by OpenAPI: `documents` is the parsed description (and files that it refers to), `roots` says which name stands
 * for which place in it: `{Pet: "openapi.yaml#/components/schemas/Pet", "createPet body": "openapi.yaml#/paths/~1pets/post/..."}`.
 */
import { SchemaSet } from "../../shared/contract/schema-set.ts";
import type { CompiledSchema } from "../../shared/contract/schema-types.ts";
import { SelvageError } from "../../shared/errors.ts";
import { limits } from "../../shared/limits.ts";
import type { Compilation } from "./compilation.ts";
import { compileNode } from "./compile-node.ts";
import { type DialectName, dialects } from "./dialects.ts";
import { findLoops } from "./find-loops.ts";
import { findUnits } from "./find-units.ts";
import { type Place, SchemaDocuments } from "./schema-documents.ts";
import type { SchemaProblem } from "./schema-problem.ts";

export interface SchemaSources {
  /** Parsed documents by their path (relative to one folder) or URI; integers that no double holds as `bigint` or `rawNumber`. */
  readonly documents: Readonly<Record<string, unknown>>;
  /** Names of schemas and the references to where they stand, with the document: `openapi.yaml#/components/schemas/Pet`. */
  readonly roots: Readonly<Record<string, string>>;
  /** Of schemas that do not say theirs by `$schema`; absent: 2020-12. */
  readonly dialect?: DialectName;
}

export interface CompiledSchemas {
  /** `Contract.schemas`: the roots by their names, and what they refer to, each the JSON text of a `CompiledSchema`. */
  readonly schemas: Readonly<Record<string, string>>;
  /** Whether one has a regular expression: then `SchemaSet` needs `makeRegex`. */
  readonly patterns: boolean;
  /** In the order of the documents; what has a problem is compiled without the keyword that has it. */
  readonly problems: readonly SchemaProblem[];
}

export function compileSchemas({ documents, roots, dialect = "2020-12" }: SchemaSources): CompiledSchemas {
  const problems: SchemaProblem[] = [];
  const found = new SchemaDocuments(documents, dialects[dialect], problems);
  const rootPlaces = new Map<string, Place>();
  for (const [name, reference] of Object.entries(roots)) {
    const place = found.find(reference);
    if (place === undefined) problems.push(missing(name, reference));
    else rootPlaces.set(name, place);
  }
  if (found.isTooLarge) return { schemas: {}, patterns: false, problems };
  const units = findUnits(found, rootPlaces, problems);
  const compilation: Compilation = { ...units, documents: found, problems, flags: new Map(), regexes: new Map() };
  const compiled = new Map<string, CompiledSchema>();
  for (const [name, place] of units.places) compiled.set(name, compileNode(compilation, place));
  for (const [name, place] of rootPlaces)
    if (!compiled.has(name)) compiled.set(name, { $ref: units.names.get(place.key) ?? name });
  findLoops(compiled, units.places, problems);
  const schemas = Object.fromEntries([...compiled].map(([name, schema]) => [name, JSON.stringify(schema)]));
  checkSize(schemas, problems);
  checkUse(schemas, problems);
  return {
    schemas,
    patterns: [...compilation.regexes.values()].some((regex) => regex.pattern !== undefined),
    problems,
  };
}

const missing = (name: string, reference: string): SchemaProblem => {
  const [document = "", pointer = ""] = reference.split("#");
  return { kind: "schema", document, pointer, reason: `the schema ${name} does not exist` };
};

function checkSize(schemas: Readonly<Record<string, string>>, problems: SchemaProblem[]): void {
  const { schemasMax, schemasCharsMax } = limits.contract;
  const texts = Object.values(schemas);
  const chars = texts.reduce((sum, text) => sum + text.length, 0);
  const say = (reason: string): void => void problems.push({ kind: "schema", document: "", pointer: "", reason });
  if (texts.length > schemasMax) say(`there are ${texts.length} schemas, more than ${schemasMax}`);
  if (chars > schemasCharsMax) say(`the compiled schemas have ${chars} characters, more than ${schemasCharsMax}`);
}

/** Whatever is told as compiled can be used: each is parsed and linked once, as the edge does. */
function checkUse(schemas: Readonly<Record<string, string>>, problems: SchemaProblem[]): void {
  const set = new SchemaSet(schemas, () => () => true);
  for (const name of Object.keys(schemas))
    try {
      set.take(name);
    } catch (fault) {
      if (!(fault instanceof RangeError || fault instanceof SelvageError)) throw fault;
      problems.push({
        kind: "schema",
        document: "",
        pointer: "",
        reason: `the schema ${name} cannot be used: ${fault.message}`,
      });
    }
}
