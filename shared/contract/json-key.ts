/** Text that is the same for equal values of JSON (JSON Schema 2020-12, section 4.2.2): by it values are compared. */

import { limits } from "../limits.ts";
import { numberKey } from "./decimal.ts";
import { type Evaluation, spend } from "./evaluation.ts";
import { ARRAY, BOOLEAN, INTEGER, kindOf, NULL, NUMBER, STRING } from "./kinds.ts";
import { tooComplex } from "./too-complex.ts";

/** @param run pays for each value within; absent where a schema is read */
export function jsonKey(value: unknown, run?: Evaluation, depth = 0): string {
  if (depth > limits.contract.depthMax) tooComplex("it is nested too deeply to be compared");
  if (run !== undefined) spend(run, 1);
  switch (kindOf(value) & ~INTEGER) {
    case STRING:
      return JSON.stringify(value);
    case NUMBER:
      return numberKey(value);
    case NULL:
    case BOOLEAN:
      return String(value);
    case ARRAY:
      return `[${(value as unknown[]).map((item) => jsonKey(item, run, depth + 1)).join()}]`;
    default:
      return `{${keysOfMembers(value as Record<string, unknown>, run, depth).join()}}`;
  }
}

const keysOfMembers = (value: Record<string, unknown>, run: Evaluation | undefined, depth: number): string[] =>
  Object.keys(value)
    .sort()
    .map((name) => `${JSON.stringify(name)}:${jsonKey(value[name], run, depth + 1)}`);
