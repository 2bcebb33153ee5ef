/** The document's schema for editors, JSON Schema draft 7 (the draft that YAML language servers know best). */
import * as z from "zod";
import { documentSchema } from "./schema.ts";

const REFERENCE = "#/definitions/reference";

/** The same form as `documentSchema` checks, and `${env:NAME:-default}` wherever a value may stand. */
export function documentJsonSchema(): Record<string, unknown> {
  const schema = z.toJSONSchema(documentSchema, { target: "draft-7", io: "input", reused: "ref" }) as Json;
  const { $schema, definitions = {}, ...body } = schema;
  return {
    $schema,
    title: "selvage.yaml",
    description: "One document over an API gateway and a service mesh, format 1.",
    ...(allowReferences(body) as Json),
    definitions: {
      ...(allowReferences(definitions) as Json),
      reference: {
        type: "string",
        pattern: "\\$\\{env:[A-Za-z_][A-Za-z0-9_]*(:-[^}]*)?\\}",
        description: "Read from the environment when the document is loaded.",
      },
    },
  };
}

type Json = Record<string, unknown>;

function allowReferences(node: unknown): unknown {
  if (Array.isArray(node)) return node.map(allowReferences);
  if (typeof node !== "object" || node === null) return node;
  const { propertyNames, ...rest } = node as Json;
  const walked = Object.fromEntries(Object.entries(rest).map(([key, value]) => [key, allowReferences(value)]));
  const whole = propertyNames === undefined ? walked : { ...walked, propertyNames };
  return isConstrainedLeaf(node as Json) ? withReference(whole) : whole;
}

/** A leaf that a reference does not satisfy by itself. */
function isConstrainedLeaf({ type, pattern, enum: choices, const: fixed }: Json): boolean {
  if (type === "integer" || type === "number" || type === "boolean") return true;
  return type === "string" && (pattern !== undefined || choices !== undefined || fixed !== undefined);
}

function withReference({ description, ...leaf }: Json): Json {
  return { ...(description !== undefined && { description }), anyOf: [leaf, { $ref: REFERENCE }] };
}
