/** Values that stand as text in parameters and forms, read as what a schema takes at their place. */
import type { ValueShape } from "./contract.ts";

/** What a text is read as. A fault is why it cannot be read, for the client. */
export type ReadValue = { readonly value: unknown; readonly fault?: never } | { readonly fault: string };

const INTEGER = /^-?(?:0|[1-9]\d*)$/;
const NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?$/;

/**
 * One value. Numbers are written in digits alone, so that nobody behind us reads another one; what is none of the types that are
 * taken stays text, and is the schema's to refuse.
 */
export function readScalar(text: string, shape: ValueShape | undefined): unknown {
  const types = shape?.types;
  if (types === undefined) return text;
  if (types.includes("boolean") && (text === "true" || text === "false")) return text === "true";
  const isNumber = (types.includes("integer") && INTEGER.test(text)) || (types.includes("number") && NUMBER.test(text));
  if (isNumber && Number.isFinite(Number(text))) return Number(text);
  if (types.includes("null") && !types.includes("string") && (text === "" || text === "null")) return null;
  return text;
}

/** Whether one value may stand for the whole although a list or an object is taken as well. */
export const takesScalar = ({ types }: ValueShape): boolean =>
  types.some((type) => type !== "array" && type !== "object");

export const readItems = (texts: readonly string[], shape: ValueShape | undefined): unknown[] =>
  texts.map((text) => readScalar(text, shape?.items));

/** @param fields decoded, each name once */
export function readProperties(
  fields: readonly (readonly [string, string])[],
  shape: ValueShape | undefined,
): ReadValue {
  const names = new Set(fields.map(([name]) => name));
  if (names.size < fields.length) return { fault: "must not have a property twice" };
  return { value: Object.fromEntries(fields.map(([name, text]) => [name, readScalar(text, shapeOf(shape, name))])) };
}

/** Of one property; undefined: none is known of this name. */
export function shapeOf(shape: ValueShape | undefined, name: string): ValueShape | undefined {
  const { properties } = shape ?? {};
  return properties !== undefined && Object.hasOwn(properties, name) ? properties[name] : undefined;
}
