/** Kinds of JSON values, as bits: a schema allows a set of them. A number that is whole is an integer too, whatever way it is written. */
import { exactNumber } from "../http/raw-number.ts";
import { isWhole } from "./decimal.ts";
import type { SchemaType } from "./schema-types.ts";

export const NULL = 1;
export const BOOLEAN = 2;
export const OBJECT = 4;
export const ARRAY = 8;
export const STRING = 16;
export const NUMBER = 32;
export const INTEGER = 64;
export const ANYTHING = 127;

const BITS: Readonly<Record<SchemaType, number>> = {
  null: NULL,
  boolean: BOOLEAN,
  object: OBJECT,
  array: ARRAY,
  string: STRING,
  number: NUMBER,
  integer: INTEGER,
};

/** @returns one bit, or for whole numbers two */
export function kindOf(value: unknown): number {
  switch (typeof value) {
    case "string":
      return STRING;
    case "number":
      return Number.isInteger(value) ? NUMBER | INTEGER : NUMBER;
    case "boolean":
      return BOOLEAN;
    default:
      return kindOfObject(value);
  }
}

export const kindsOf = (types: readonly SchemaType[]): number => types.reduce((kinds, type) => kinds | BITS[type], 0);

/** `an integer or null` */
export function nameKinds(kinds: number): string {
  const names = (Object.keys(BITS) as SchemaType[])
    .filter((type) => (kinds & BITS[type]) !== 0 && !(type === "integer" && (kinds & NUMBER) !== 0))
    .map((type) => (type === "null" ? "null" : `${/^[aoi]/.test(type) ? "an" : "a"} ${type}`));
  const last = names.pop() ?? "nothing";
  return names.length === 0 ? last : `${names.join(", ")} or ${last}`;
}

function kindOfObject(value: unknown): number {
  if (value === null || value === undefined) return NULL;
  if (Array.isArray(value)) return ARRAY;
  if (!("rawJSON" in (value as object))) return OBJECT;
  const text = exactNumber(value);
  if (text === undefined) return OBJECT;
  return isWhole(text) ? NUMBER | INTEGER : NUMBER;
}
