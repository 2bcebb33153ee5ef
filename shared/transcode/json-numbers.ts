/**
 * JSON with exact numbers (`exact-json.ts`) as readers of messages take it: a whole number beyond what JavaScript holds is the text
 * of its digits where a numeric field stands, as the JSON mapping of Protocol Buffers allows; every other one an ordinary number.
 */
import { type DescField, type DescMessage, type JsonValue, type Registry, ScalarType } from "@bufbuild/protobuf";
import { exactNumber } from "../http/raw-number.ts";
import { fieldNamed } from "./field-path.ts";

/** What stands at a place: a message, a field's single value, or whatever JSON has. */
type Place = DescMessage | DescField | undefined;

/** @param type of the message that the value is read as */
export function asProtoJson(value: unknown, type: DescMessage, registry: Registry): JsonValue {
  return convert(value, type, registry);
}

function convert(value: unknown, place: Place, registry: Registry): JsonValue {
  const text = exactNumber(value);
  if (text !== undefined) return isWhole(text) && isNumeric(place) ? text : Number(text);
  if (Array.isArray(value)) return value.map((one) => convert(one, place, registry));
  if (typeof value !== "object" || value === null) return value as JsonValue;
  const members = Object.create(null) as Record<string, JsonValue>;
  for (const [name, member] of Object.entries(value))
    members[name] = convert(member, inside(place, name, value, registry), registry);
  return members;
}

const isWhole = (text: string): boolean => /^-?\d+$/.test(text);

const NOT_NUMERIC: readonly ScalarType[] = [ScalarType.STRING, ScalarType.BYTES, ScalarType.BOOL];

function isNumeric(place: Place): boolean {
  if (place === undefined) return false;
  const scalar = place.kind === "field" ? place.scalar : wrapped(place);
  return scalar !== undefined && !NOT_NUMERIC.includes(scalar);
}

/** `google.protobuf.Int64Value` and its kin are their value in JSON. */
const wrapped = ({ typeName, fields: [value] }: DescMessage): ScalarType | undefined =>
  /^google\.protobuf\.\w+Value$/.test(typeName) ? value?.scalar : undefined;

function inside(place: Place, name: string, value: object, registry: Registry): Place {
  if (place === undefined) return undefined;
  if (place.kind === "field") return place.fieldKind === "map" ? (place.message ?? place) : undefined;
  if (place.typeName === "google.protobuf.Any") {
    const { "@type": type } = value as { readonly "@type"?: unknown };
    const packed = typeof type === "string" ? registry.getMessage(type.slice(type.lastIndexOf("/") + 1)) : undefined;
    return packed && inside(packed, name, value, registry);
  }
  const field = fieldNamed(place, name);
  return field === undefined || field.fieldKind === "map" ? field : (field.message ?? field);
}
