/** What text at a place has to be read as before its schema sees it: the types that a schema takes, as far as they are plain to see. */
import type { ValueShape } from "../../contract/contract.ts";
import { isContainer } from "../../http/exact-json.ts";
import { limits } from "../../limits.ts";
import type { Description } from "./description.ts";
import type { SpecPlace } from "./spec-place.ts";

type TypeName = ValueShape["types"][number];
const TYPES: readonly TypeName[] = ["string", "number", "integer", "boolean", "null", "array", "object"];

/** While it is gathered: undefined types are any. */
interface Gathered {
  types: Set<TypeName> | undefined;
  items: SpecPlace[];
  properties: Map<string, SpecPlace[]>;
}

interface Budget {
  nodes: number;
}

/** @returns undefined where nothing is known: the text is taken as it stands */
export function shapeOf(schema: SpecPlace, description: Description): ValueShape | undefined {
  return read([schema], description, 0, { nodes: 0 });
}

function read(
  schemas: readonly SpecPlace[],
  description: Description,
  depth: number,
  budget: Budget,
): ValueShape | undefined {
  const { shapeDepthMax, shapeNodesMax } = limits.openapi;
  if (depth > shapeDepthMax || budget.nodes > shapeNodesMax) return undefined;
  const gathered: Gathered = { types: undefined, items: [], properties: new Map() };
  for (const schema of schemas) narrow(gathered, gather(schema, description, budget, new Set()));
  const { types, items, properties } = gathered;
  if (types === undefined) return undefined;
  const below = types.has("array") && items.length > 0 ? read(items, description, depth + 1, budget) : undefined;
  const members = types.has("object") ? readMembers(properties, description, depth + 1, budget) : [];
  return {
    types: TYPES.filter((type) => types.has(type)),
    ...(below !== undefined && { items: below }),
    ...(members.length > 0 && { properties: Object.fromEntries(members) }),
  };
}

function readMembers(
  properties: ReadonlyMap<string, SpecPlace[]>,
  description: Description,
  depth: number,
  budget: Budget,
): (readonly [string, ValueShape])[] {
  return [...properties].flatMap(([name, schemas]) => {
    const shape = read(schemas, description, depth, budget);
    return shape === undefined || name === "__proto__" ? [] : [[name, shape] as const];
  });
}

/** What one schema says, with those that it names beside itself. @param seen places on the way, against rings of references */
function gather(schema: SpecPlace, description: Description, budget: Budget, seen: Set<string>): Gathered {
  const gathered: Gathered = { types: undefined, items: [], properties: new Map() };
  const { shapeNodesMax, refsMax } = limits.openapi;
  if (!schema.isMapping || seen.has(schema.key) || seen.size > refsMax) return gathered;
  // Schemas that name others twice, which name others twice, are more than anybody can read.
  if (budget.nodes++ > shapeNodesMax) return gathered;
  const way = new Set(seen).add(schema.key);
  const ref = schema.get("$ref");
  const target = ref.exists ? description.resolve(ref) : undefined;
  if (target !== undefined && typeof target !== "string") narrow(gathered, gather(target, description, budget, way));
  narrow(gathered, own(schema));
  for (const one of schema.get("allOf").items) narrow(gathered, gather(one, description, budget, way));
  for (const key of ["anyOf", "oneOf"]) {
    const choices = schema.get(key).items.map((one) => gather(one, description, budget, way));
    if (choices.length > 0) narrow(gathered, either(choices));
  }
  return gathered;
}

function own(schema: SpecPlace): Gathered {
  const items = schema.get("items");
  const types = ownTypes(schema);
  return {
    types: types === undefined ? undefined : new Set(types),
    items: items.isMapping ? [items] : [],
    properties: new Map(schema.get("properties").memberEntries.map(([name, member]) => [name, [member]])),
  };
}

function ownTypes(schema: SpecPlace): TypeName[] | undefined {
  const type = schema.get("type");
  const stated = (type.text === undefined ? type.items.map(({ text }) => text) : [type.text]).filter(isType);
  if (stated.length > 0) return schema.get("nullable").value === true ? [...stated, "null"] : stated;
  const values = schema.get("const").exists ? [schema.get("const")] : schema.get("enum").items;
  if (values.length > 0) return values.map(({ value }) => typeOf(value));
  if (schema.get("items").isMapping) return ["array"];
  return schema.get("properties").isMapping ? ["object"] : undefined;
}

const isType = (text: string | undefined): text is TypeName => TYPES.some((type) => type === text);

function typeOf(value: unknown): TypeName {
  if (value === null) return "null";
  if (Array.isArray(value)) return "array";
  if (isContainer(value)) return "object";
  if (typeof value === "string" || typeof value === "boolean") return typeof value as TypeName;
  return Number.isInteger(value) ? "integer" : "number";
}

/** Both are said of a value. */
function narrow(into: Gathered, more: Gathered): void {
  const { types } = into;
  if (types === undefined) into.types = more.types;
  else if (more.types !== undefined) into.types = common(types, more.types);
  into.items.push(...more.items);
  for (const [name, schemas] of more.properties)
    into.properties.set(name, [...(into.properties.get(name) ?? []), ...schemas]);
}

/** An integer is a number. */
function common(a: ReadonlySet<TypeName>, b: ReadonlySet<TypeName>): Set<TypeName> {
  const takes = (set: ReadonlySet<TypeName>, type: TypeName): boolean =>
    set.has(type) || (type === "integer" && set.has("number"));
  return new Set([...a, ...b].filter((type) => takes(a, type) && takes(b, type)));
}

/** One of them is said of a value. Where two say something else of the same member, nothing is known of it. */
function either(choices: readonly Gathered[]): Gathered {
  const isOpen = choices.some(({ types }) => types === undefined);
  const items = choices.filter((one) => one.items.length > 0);
  const names = new Set(choices.flatMap(({ properties }) => [...properties.keys()]));
  const properties = new Map<string, SpecPlace[]>();
  for (const name of names) {
    const stating = choices.flatMap((one) => one.properties.get(name) ?? []);
    if (stating.length === 1) properties.set(name, stating);
  }
  return {
    types: isOpen ? undefined : new Set(choices.flatMap(({ types }) => [...(types ?? [])])),
    items: items.length === 1 ? (items[0]?.items ?? []) : [],
    properties,
  };
}
