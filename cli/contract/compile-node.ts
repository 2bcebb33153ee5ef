/** One schema into the form of the edge, keyword by keyword; each says what is wrong with its own value. */
import { findFormat } from "../../shared/contract/formats.ts";
import type { CompiledObject, CompiledSchema } from "../../shared/contract/schema-types.ts";
import { escapeKey } from "../../shared/http/json-pointer.ts";
import type { Compilation, Flags } from "./compilation.ts";
import { compileDiscriminator } from "./compile-discriminator.ts";
import { directionsOf, splitRequired } from "./directions.ts";
import { dynamicAnchorOf } from "./find-units.ts";
import { keywordReaders } from "./keyword-readers.ts";
import { translateRegexOnce } from "./regex-problems.ts";
import { isEntries, type Place } from "./schema-documents.ts";

type Draft = { -readonly [Key in keyof CompiledObject]: CompiledObject[Key] };

/** @param place of a schema that has a name, or of one within it */
export function compileNode(compilation: Compilation, place: Place, around: Flags = new Map()): CompiledSchema {
  const { value, resource } = place;
  if (!isEntries(value)) return value === true;
  const { keywords, refStandsAlone, name: dialect } = resource.dialect;
  const draft: Draft = {};
  if (refStandsAlone && typeof value.$ref === "string") {
    compileReferences(compilation, place, draft);
    return draft;
  }
  const flags = new Map([...around, ...directionsOf(compilation, place)]);
  for (const [keyword, argument] of Object.entries(value)) {
    const holds = keywords.get(keyword);
    if (holds === undefined) continue;
    const say = (reason: string): void => report(compilation, place, keyword, reason);
    const read = keywordReaders[keyword];
    if (read !== undefined) Object.assign(draft, read(argument, { schema: value, dialect, say }));
  }
  compileReferences(compilation, place, draft);
  compilePatterns(compilation, place, draft);
  compileInner(compilation, place, draft, flags);
  if (draft.required !== undefined) Object.assign(draft, splitRequired(draft.required, flags));
  const discriminator = compileDiscriminator(compilation, place);
  if (discriminator !== undefined) draft.discriminator = discriminator;
  if (draft.format !== undefined && findFormat(draft.format) === undefined) delete draft.format;
  if (dialect === "openapi-3.0" && value.nullable === true && draft.type !== undefined)
    draft.type = [...draft.type, "null"];
  addDynamicAnchors(compilation, place, draft);
  return Object.keys(draft).length === 0 ? true : draft;
}

export function report(compilation: Compilation, place: Place, keyword: string, reason: string): void {
  const { document, pointer } = place;
  compilation.problems.push({ kind: "schema", document, pointer: `${pointer}/${escapeKey(keyword)}`, reason });
}

function compileReferences(compilation: Compilation, place: Place, draft: Draft): void {
  const { documents, names } = compilation;
  if (!isEntries(place.value)) return;
  const { $ref, $dynamicRef } = place.value;
  const { keywords } = place.resource.dialect;
  const nameOf = (target: Place | undefined): string | undefined => names.get(target?.key ?? "");
  const target = typeof $ref === "string" ? nameOf(documents.find($ref, place)) : undefined;
  if (target !== undefined) draft.$ref = target;
  if (typeof $dynamicRef !== "string" || !keywords.has("$dynamicRef")) return;
  const initial = documents.find($dynamicRef, place);
  const schema = nameOf(initial);
  if (initial === undefined || schema === undefined) return;
  const anchor = dynamicAnchorOf(initial, $dynamicRef);
  // Both in one schema are two references.
  if (anchor !== undefined) draft.$dynamicRef = { anchor, schema };
  else if (draft.$ref === undefined) draft.$ref = schema;
  else draft.allOf = [{ $ref: schema }];
}

function compilePatterns(compilation: Compilation, place: Place, draft: Draft): void {
  if (draft.pattern === undefined) return;
  const pattern = translateRegexOnce(compilation, place, "/pattern", draft.pattern);
  if (pattern === undefined) delete draft.pattern;
  else draft.pattern = pattern;
}

const APPLIES_HERE = new Set(["allOf", "anyOf", "oneOf", "then", "else", "dependentSchemas", "dependencies"]);

/** Schemas within: a reference where the schema has a name of its own. */
function compileInner(compilation: Compilation, place: Place, draft: Draft, flags: Flags): void {
  const lists = new Map<string, CompiledSchema[]>();
  const maps = new Map<string, [string, CompiledSchema][]>();
  for (const { keyword, step, place: inner } of place.inner) {
    if (keyword === "$defs" || keyword === "definitions") continue;
    const name = compilation.names.get(inner.key);
    const around = APPLIES_HERE.has(keyword) ? flags : undefined;
    const schema = name === undefined ? compileNode(compilation, inner, around) : { $ref: name };
    const argument = isEntries(place.value) ? place.value[keyword] : undefined;
    if (Array.isArray(argument)) add(lists, keyword, schema);
    else if (step !== undefined) add(maps, keyword, [step, schema]);
    else Object.assign(draft, { [keyword]: schema });
  }
  for (const [keyword, list] of lists)
    Object.assign(draft, { [keyword]: keyword === "allOf" ? [...(draft.allOf ?? []), ...list] : list });
  for (const [keyword, entries] of maps)
    Object.assign(draft, { [keyword]: fromEntries(compilation, place, keyword, entries) });
  if (isEntries(place.value) && Array.isArray(place.value.items)) draft.items ??= [];
  addNameLists(place, draft);
}

function fromEntries(
  compilation: Compilation,
  place: Place,
  keyword: string,
  entries: readonly [string, CompiledSchema][],
): Record<string, CompiledSchema> {
  if (keyword !== "patternProperties") return Object.fromEntries(entries);
  const translated = new Map<string, CompiledSchema>();
  for (const [source, schema] of entries) {
    const pattern = translateRegexOnce(compilation, place, `/patternProperties/${escapeKey(source)}`, source);
    if (pattern === undefined) continue;
    const other = translated.get(pattern);
    translated.set(pattern, other === undefined ? schema : { allOf: [other, schema] });
  }
  return Object.fromEntries(translated);
}

/** `dependencies` may have lists of names beside schemas. */
function addNameLists({ value, resource }: Place, draft: Draft): void {
  if (!isEntries(value) || !resource.dialect.keywords.has("dependencies") || !isEntries(value.dependencies)) return;
  const lists = Object.entries(value.dependencies).filter((entry): entry is [string, string[]] => isNameList(entry[1]));
  draft.dependencies = Object.fromEntries([...Object.entries(draft.dependencies ?? {}), ...lists]);
}

const isNameList = (value: unknown): boolean => Array.isArray(value) && value.every((name) => typeof name === "string");

function addDynamicAnchors({ dynamicAnchors, names }: Compilation, { key, resource }: Place, draft: Draft): void {
  const isEntered = names.has(key) || key === `${resource.document}#${resource.pointer}`;
  if (!isEntered || resource.dynamicAnchors.size === 0) return;
  const entries = [...resource.dynamicAnchors]
    .filter(([anchor]) => dynamicAnchors.has(anchor))
    .map(([anchor, place]) => [anchor, names.get(place) ?? place] as const);
  if (entries.length > 0) draft.dynamicAnchors = Object.fromEntries(entries);
}

function add<Value>(map: Map<string, Value[]>, key: string, value: Value): void {
  const list = map.get(key);
  if (list === undefined) map.set(key, [value]);
  else list.push(value);
}
