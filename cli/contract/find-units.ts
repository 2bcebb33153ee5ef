/** Which schemas get a name: those asked for, and whatever a reference leads to. */
import { isEntries, type Place, type SchemaDocuments } from "./schema-documents.ts";
import type { SchemaProblem } from "./schema-problem.ts";

export interface Units {
  /** Schemas by name. */
  readonly places: ReadonlyMap<string, Place>;
  /** Names by the key of the place. */
  readonly names: ReadonlyMap<string, string>;
  /** Names of anchors that some `$dynamicRef` asks for. */
  readonly dynamicAnchors: ReadonlySet<string>;
}

/** @param roots by name; of two names for one place the first is its own */
export function findUnits(
  documents: SchemaDocuments,
  roots: ReadonlyMap<string, Place>,
  problems: SchemaProblem[],
): Units {
  const places = new Map<string, Place>();
  const names = new Map<string, string>();
  const dynamicAnchors = new Set<string>();
  const visited = new Set<string>();
  const waiting: Place[] = [];
  const add = (place: Place, name: string): void => {
    if (names.has(place.key)) return;
    names.set(place.key, name);
    places.set(name, place);
    waiting.push(place);
  };
  const isFree = (name: string): boolean => !roots.has(name) && !places.has(name);
  const refer = (place: Place): void => add(place, nameOf(place, isFree));
  for (const [name, place] of roots) add(place, name);
  for (let place = waiting.pop(); place !== undefined; place = waiting.pop()) {
    if (visited.has(place.key)) continue;
    visited.add(place.key);
    for (const { keyword, reference } of referencesOf(place)) {
      const target = documents.find(reference, place);
      if (target === undefined) problems.push(unknownReference(place, keyword, reference));
      else refer(target);
      if (target === undefined || keyword !== "$dynamicRef") continue;
      const anchor = dynamicAnchorOf(target, reference);
      if (anchor === undefined || dynamicAnchors.has(anchor)) continue;
      dynamicAnchors.add(anchor);
      for (const { dynamicAnchors: anchors, uri } of documents.resources.values())
        if (anchors.has(anchor)) {
          const other = documents.find(`${uri}#${anchor}`);
          if (other !== undefined) refer(other);
        }
    }
    for (const { place: inner } of place.inner) waiting.push(inner);
  }
  return { places, names, dynamicAnchors };
}

/** The anchor of a dynamic reference; undefined where it is an ordinary one (JSON Schema 2020-12, Core, section 8.2.3.2). */
export function dynamicAnchorOf(target: Place, reference: string): string | undefined {
  const anchor = reference.slice(reference.indexOf("#") + 1);
  return reference.includes("#") && target.resource.dynamicAnchors.get(anchor) === target.key ? anchor : undefined;
}

function referencesOf({ value, resource }: Place): { keyword: "$ref" | "$dynamicRef"; reference: string }[] {
  if (!isEntries(value)) return [];
  const { $ref, $dynamicRef } = value;
  const { keywords } = resource.dialect;
  const references: { keyword: "$ref" | "$dynamicRef"; reference: string }[] = [];
  if (typeof $ref === "string" && keywords.has("$ref")) references.push({ keyword: "$ref", reference: $ref });
  if (typeof $dynamicRef === "string" && keywords.has("$dynamicRef"))
    references.push({ keyword: "$dynamicRef", reference: $dynamicRef });
  return references;
}

/** `Pet` for `openapi.yaml#/components/schemas/Pet`, as long as nothing else has that name; else the place itself. */
function nameOf({ key, pointer }: Place, isFree: (name: string) => boolean): string {
  const short = /^\/(?:components\/schemas|definitions|\$defs)\/([\w.-]+)$/.exec(pointer)?.[1];
  return short !== undefined && isFree(short) ? short : key;
}

function unknownReference(place: Place, keyword: string, reference: string): SchemaProblem {
  const { document, pointer } = place;
  return {
    kind: "schema",
    document,
    pointer: `${pointer}/${keyword}`,
    reason: `refers to ${reference}, which is not among the documents`,
  };
}
