/**
 * Validation of values by compiled schemas (`CompiledSchema` in `schema-types.ts`): what a value has that its schema does not allow.
 *
 * A host keeps one `SchemaSet` for each contract, and loads the engine of regular expressions only where the contract needs it:
 *
 *     const regexes = contract.patterns && (await import("shared/contract/schema-regexes.ts")).makeRegex;
 *     const schemas = new SchemaSet(contract.schemas, regexes);
 *     validate(schemas, "Pet", parseWholeNumbers(text, depthMax), { direction: "request", formats: true });
 */
import { SelvageError } from "../errors.ts";
import { limits } from "../limits.ts";
import { type Evaluation, type SchemaNode, test } from "./evaluation.ts";
import type { SchemaSet } from "./schema-set.ts";
import type { Violation } from "./violation.ts";

export interface ValidateOptions {
  /** Requests need no `readOnly` properties, responses no `writeOnly` ones; absent: all that is required is. */
  readonly direction?: "request" | "response";
  /** Whether `format` is asserted; else it tells people alone, as JSON Schema says. */
  readonly formats?: boolean;
  /** At most so many are told. */
  readonly violationsMax?: number;
}

/**
 * @param name of a schema in the set
 * @param value JSON as `parseWholeNumbers` or `readExactJson` reads it, or any plain value of JSON
 * @returns what is wrong, in the order of the schema; empty for a valid value
 * @throws SelvageError `content_too_complex` where schema and value together ask for more than `limits.contract` gives
 */
export function validate(schemas: SchemaSet, name: string, value: unknown, options: ValidateOptions = {}): Violation[] {
  const { violationsDefault, violationsMax } = limits.contract;
  const run: Evaluation = {
    schema: (one) => schemas.take(one),
    direction: options.direction,
    assertsFormats: options.formats === true,
    violationsMax: Math.min(options.violationsMax ?? violationsDefault, violationsMax),
    found: undefined,
    path: [],
    resources: [],
    choices: 0,
    steps: 0,
    depth: 0,
  };
  const node = schemas.take(name);
  // Most values are valid: what is wrong is looked for only where something is.
  if (test(node, value, run, undefined)) return [];
  return findViolations(node, value, run);
}

/** Of a value that has some. */
function findViolations(node: SchemaNode, value: unknown, run: Evaluation): Violation[] {
  const found: Violation[] = [];
  run.found = found;
  run.steps = 0;
  try {
    test(node, value, run, undefined);
  } catch (fault) {
    // That it is not valid is known: what was found until then is told.
    if (!(fault instanceof SelvageError)) throw fault;
    const message = "must be as its schema says: it is too complex to tell where it is not";
    if (found.length === 0) found.push({ pointer: "", keyword: "schema", at: node.at, message });
  }
  return found;
}
