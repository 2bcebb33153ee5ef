/** Fields by the names that rules and query parameters have for them. */
import { type DescField, type DescMessage, ScalarType } from "@bufbuild/protobuf";
import { transcode as transcoding } from "../limits/transcode.ts";

const named = new WeakMap<DescMessage, Map<string, DescField>>();

/** A field by its name in the `.proto` file, or by its name in JSON. */
export function fieldNamed(message: DescMessage, name: string): DescField | undefined {
  let fields = named.get(message);
  if (fields === undefined) {
    fields = new Map(message.fields.map((field) => [field.jsonName, field]));
    for (const field of message.fields) fields.set(field.name, field);
    named.set(message, fields);
  }
  return fields.get(name);
}

/**
 * The fields on the way from a message inwards.
 * @returns what is wrong where there is no such way
 */
export function findField(from: DescMessage, names: readonly string[]): DescField[] | string {
  if (names.length > transcoding.fieldDepthMax)
    return `a field lies at most ${transcoding.fieldDepthMax} messages deep`;
  const fields: DescField[] = [];
  let message: DescMessage | undefined = from;
  for (const name of names) {
    const field: DescField | undefined = message && fieldNamed(message, name);
    if (field === undefined) return `there is no field ${names.slice(0, fields.length + 1).join(".")}`;
    fields.push(field);
    message = field.fieldKind === "message" ? field.message : undefined;
  }
  return fields;
}

/** Types that are one text in JSON. */
const TEXTS = new Set(["google.protobuf.Timestamp", "google.protobuf.Duration", "google.protobuf.FieldMask"]);
const WRAPPER = /^google\.protobuf\.(?:Double|Float|U?Int(?:32|64)|Bool|String|Bytes)Value$/;

/** Whether a text says the value of a field, or one more value of a list. */
export function isWritableAsText(field: DescField): boolean {
  const message = field.fieldKind === "map" ? undefined : field.message;
  if (message === undefined) return field.fieldKind !== "map";
  return TEXTS.has(message.typeName) || WRAPPER.test(message.typeName);
}

/** The value of a field in JSON that a text stands for, where `isWritableAsText`; what is wrong with it is found by whoever reads that. */
export function textAsJson(field: DescField, text: string): string | number | boolean {
  const { scalar = wrappedScalar(field), enum: values } = field;
  if (values !== undefined) return /^-?\d{1,10}$/.test(text) ? Number(text) : text;
  if (scalar === ScalarType.BOOL && (text === "true" || text === "false")) return text === "true";
  return text;
}

function wrappedScalar({ message }: DescField): ScalarType | undefined {
  return message !== undefined && WRAPPER.test(message.typeName) ? message.fields[0]?.scalar : undefined;
}
