/** A value that a schema describes: its own example where it has one, else the simplest. */
import type { Description } from "../../shared/config/openapi/description.ts";
import type { SpecPlace } from "../../shared/config/openapi/spec-place.ts";
import { dev } from "../../shared/limits/dev.ts";

const FORMATS: Readonly<Record<string, string>> = {
  "date-time": "2026-01-01T00:00:00Z",
  date: "2026-01-01",
  time: "00:00:00Z",
  duration: "PT1S",
  uuid: "00000000-0000-4000-8000-000000000000",
  email: "someone@example.com",
  hostname: "host.example.com",
  ipv4: "192.0.2.1",
  ipv6: "2001:db8::1",
  uri: "https://example.com/",
  "uri-reference": "/",
};

/** @returns undefined: nothing is known of it, or it is nested without end */
export function sampleOf(place: SpecPlace, description: Description, depth = 0): unknown {
  if (depth > dev.sampleDepthMax) return undefined;
  const schema = description.follow(place);
  if (schema === undefined || !schema.isMapping) return undefined;
  for (const key of ["example", "default", "const"]) if (schema.get(key).exists) return schema.get(key).value;
  const [listed] = [...schema.get("examples").items, ...schema.get("enum").items];
  if (listed !== undefined) return listed.value;
  const inner = (one: SpecPlace): unknown => sampleOf(one, description, depth + 1);
  const [choice] = [...schema.get("oneOf").items, ...schema.get("anyOf").items];
  const parts = [...schema.get("allOf").items, ...(choice === undefined ? [] : [choice])].map(inner);
  const own = ofType(schema, inner);
  const all = [...parts, own].filter((value) => value !== undefined);
  if (all.length > 0 && all.every(isObject)) return Object.assign({}, ...all);
  return own ?? all[0];
}

const isObject = (value: unknown): value is object =>
  typeof value === "object" && value !== null && !Array.isArray(value);

function ofType(schema: SpecPlace, inner: (place: SpecPlace) => unknown): unknown {
  switch (typeOf(schema)) {
    case "object":
      return objectOf(schema, inner);
    case "array":
      return arrayOf(schema, inner);
    case "string":
      return stringOf(schema);
    case "integer":
    case "number":
      return numberOf(schema);
    case "boolean":
      return true;
    case "null":
      return null;
    default:
      return undefined;
  }
}

function typeOf(schema: SpecPlace): string | undefined {
  const type = schema.get("type");
  const named = type.text ?? type.items.find((one) => one.text !== "null")?.text ?? type.items[0]?.text;
  if (named !== undefined) return named;
  if (schema.get("properties").exists) return "object";
  return schema.get("items").exists ? "array" : undefined;
}

function objectOf(schema: SpecPlace, inner: (place: SpecPlace) => unknown): unknown {
  const members = schema.get("properties").memberEntries.map(([name, place]) => [name, inner(place)] as const);
  return Object.fromEntries(members.filter(([, value]) => value !== undefined));
}

function arrayOf(schema: SpecPlace, inner: (place: SpecPlace) => unknown): unknown[] {
  const item = schema.get("items").exists ? inner(schema.get("items")) : undefined;
  return item === undefined ? [] : Array.from({ length: Math.min(numberAt(schema, "minItems") ?? 1, 10) }, () => item);
}

function stringOf(schema: SpecPlace): string {
  const text = FORMATS[schema.get("format").text ?? ""] ?? "text";
  return text
    .padEnd(Math.min(numberAt(schema, "minLength") ?? 0, 1_000), "x")
    .slice(0, numberAt(schema, "maxLength") ?? undefined);
}

function numberOf(schema: SpecPlace): number {
  const over = numberAt(schema, "exclusiveMinimum");
  const least = numberAt(schema, "minimum") ?? (over === undefined ? undefined : over + 1);
  return least ?? Math.min(1, numberAt(schema, "maximum") ?? 1);
}

function numberAt(schema: SpecPlace, key: string): number | undefined {
  const { value } = schema.get(key);
  return typeof value === "number" ? value : undefined;
}
