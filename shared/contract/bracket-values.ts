/**
 * Values whose names go on in brackets: `filter[age][gte]=18`, `tags[]=a&tags[]=b`, `tags[0]=a`. OpenAPI's `deepObject` names
 * properties of one level; what is deeper, and lists, are read as the servers do that take them.
 */
import { limits } from "../limits.ts";
import type { ValueShape } from "./contract.ts";
import type { FormFields } from "./form-fields.ts";
import { type ReadValue, readScalar, shapeOf } from "./text-value.ts";

/** A value, or what is named by the next brackets; a list under "" grows with each. */
interface Branch {
  readonly texts: string[];
  readonly named: Map<string, Branch>;
}

const newBranch = (): Branch => ({ texts: [], named: new Map() });
const BRACKETS = /^(?:\[[^[\]]*\])+$/;

/** Whether a field belongs to a value of this name. */
export const isBracketed = (field: string, name: string): boolean =>
  field.length > name.length && field.startsWith(name) && BRACKETS.test(field.slice(name.length));

/**
 * @param decode of values
 * @returns undefined when no field is of that name
 */
export function readBrackets(
  fields: FormFields,
  name: string,
  shape: ValueShape | undefined,
  decode: (text: string) => string | undefined,
): ReadValue | undefined {
  const root = newBranch();
  for (const [field, values] of fields) {
    if (!isBracketed(field, name)) continue;
    const keys = field.slice(name.length + 1, -1).split("][");
    if (keys.length >= limits.forms.nestedNamesMax) return { fault: "is nested too deeply" };
    const branch = keys.reduce((at, key) => {
      const next = at.named.get(key) ?? newBranch();
      at.named.set(key, next);
      return next;
    }, root);
    for (const value of values) {
      const text = decode(value);
      if (text === undefined) return { fault: "has an escape that is none" };
      branch.texts.push(text);
    }
  }
  return root.named.size === 0 ? undefined : readBranch(root, shape);
}

function readBranch(branch: Branch, shape: ValueShape | undefined): ReadValue {
  const { texts, named } = branch;
  if (named.size > 0 && texts.length > 0) return { fault: "is both a value and an object" };
  if (named.size > 0)
    return shape?.types.includes("array") === true && isList(named) ? list(named, shape) : object(named, shape);
  if (texts.length > 1)
    return shape?.types.includes("array") === true ? items(texts, shape) : { fault: "occurs more than once" };
  return { value: readScalar(texts[0] ?? "", shape) };
}

const isList = (named: Branch["named"]): boolean => [...named.keys()].every((key) => /^\d{0,6}$/.test(key));

const items = (texts: readonly string[], shape: ValueShape): ReadValue => ({
  value: texts.map((text) => readScalar(text, shape.items)),
});

function list(named: Branch["named"], shape: ValueShape): ReadValue {
  const read: unknown[] = [];
  for (const [key, branch] of [...named].sort(([a], [b]) => Number(a) - Number(b))) {
    if (key === "" && branch.named.size === 0) {
      read.push(...branch.texts.map((text) => readScalar(text, shape.items)));
      continue;
    }
    const one = readBranch(branch, shape.items);
    if (one.fault !== undefined) return one;
    read.push(one.value);
  }
  return { value: read };
}

function object(named: Branch["named"], shape: ValueShape | undefined): ReadValue {
  const properties: [string, unknown][] = [];
  for (const [key, branch] of named) {
    const one = readBranch(branch, shapeOf(shape, key));
    if (one.fault !== undefined) return one;
    properties.push([key, one.value]);
  }
  return { value: Object.fromEntries(properties) };
}
