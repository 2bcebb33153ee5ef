/**
 * Documents with schemas in them: where each schema stands, which base URI it has and what anchors lead to it (JSON Schema 2020-12,
 * Core, sections 8.2 and 9).
 */

import { decodeEscapes } from "../../shared/http/escapes.ts";
import { escapeKey, parsePointer } from "../../shared/http/json-pointer.ts";
import { limits } from "../../shared/limits.ts";
import { keyIn } from "../../shared/policy/json-place.ts";
import { type Dialect, dialectOf, dialectOfVocabularies, type Holds } from "./dialects.ts";
import type { SchemaProblem } from "./schema-problem.ts";

/** A schema with a base URI of its own, or the whole of a document. */
export interface Resource {
  readonly uri: string;
  readonly document: string;
  readonly dialect: Dialect;
  /** Where it begins in its document. */
  readonly pointer: string;
  /** Names of anchors and the keys of the places they stand at. */
  readonly anchors: Map<string, string>;
  readonly dynamicAnchors: Map<string, string>;
}

/** One schema. */
export interface Place {
  /** Document and pointer: `openapi.yaml#/components/schemas/Pet`. */
  readonly key: string;
  readonly document: string;
  readonly pointer: string;
  readonly value: unknown;
  readonly resource: Resource;
  /** Schemas that stand directly within it. */
  readonly inner: readonly Inner[];
}

export interface Inner {
  readonly keyword: string;
  /** In a mapping or list: the name or index. */
  readonly step: string | undefined;
  readonly place: Place;
}

type Entries = Readonly<Record<string, unknown>>;

/** Base of documents that have a path alone. */
const BASE = "file:///";

export class SchemaDocuments {
  readonly resources = new Map<string, Resource>();
  readonly #documents: Entries;
  readonly #places = new Map<string, Place>();
  readonly #names = new Map<string, string>();
  readonly #dialect: Dialect;
  readonly #problems: SchemaProblem[];
  /** Nothing more is walked: what there is of the schemas is not all of them. */
  isTooLarge = false;

  /**
   * @param documents parsed, by path or URI. Those that are no schema themselves (API descriptions) are walked where they are asked for
   * @param dialect of schemas that do not say theirs by `$schema`
   */
  constructor(documents: Entries, dialect: Dialect, problems: SchemaProblem[]) {
    this.#documents = documents;
    this.#dialect = dialect;
    this.#problems = problems;
    for (const name of Object.keys(documents)) this.#names.set(absolute(name, BASE), name);
    for (const [name, root] of Object.entries(documents)) this.#register(name, root);
  }

  /**
   * @param reference URI reference with a fragment
   * @param from where it is written; absent: relative to the documents' folder
   * @returns undefined for what is not there
   */
  find(reference: string, from?: Place): Place | undefined {
    const own = from?.resource.uri ?? BASE;
    const uri = reference.startsWith("#") ? own + reference : absolute(reference, own);
    const [base = "", fragment = ""] = splitFragment(uri);
    const resource = this.resources.get(base);
    if (resource === undefined) return undefined;
    const name = decodeEscapes(fragment) ?? fragment;
    if (name !== "" && !name.startsWith("/")) {
      const key = resource.anchors.get(name);
      return key === undefined ? undefined : this.#places.get(key);
    }
    return this.place(resource, resource.pointer + name);
  }

  /** The schema at a pointer into a document, walked if that was not done. */
  place(resource: Resource, pointer: string): Place | undefined {
    const key = `${resource.document}#${pointer}`;
    const known = this.#places.get(key);
    if (known !== undefined) return known;
    let value = this.#documents[resource.document];
    let owner = resource;
    let at = "";
    for (const step of parsePointer(pointer) ?? [undefined]) {
      const found = step === undefined ? undefined : keyIn(value, step);
      if (found === undefined) return undefined;
      value = (value as Record<string | number, unknown>)[found];
      at += `/${escapeKey(String(found))}`;
      owner = this.#places.get(`${resource.document}#${at}`)?.resource ?? owner;
    }
    return this.#walk(value, resource.document, pointer, owner, 0);
  }

  #register(name: string, root: unknown): void {
    const uri = absolute(name, BASE);
    const resource = newResource(uri, name, "", this.#dialect);
    this.resources.set(uri, resource);
    const isSchema = typeof root === "boolean" || (isEntries(root) && !("openapi" in root) && !("swagger" in root));
    if (isSchema) this.#walk(root, name, "", resource, 0);
    const own = this.#places.get(`${name}#`)?.resource;
    if (own !== undefined) this.resources.set(uri, own);
  }

  #walk(value: unknown, document: string, pointer: string, outer: Resource, depth: number): Place | undefined {
    const key = `${document}#${pointer}`;
    const known = this.#places.get(key);
    if (known !== undefined || this.isTooLarge || !(typeof value === "boolean" || isEntries(value))) return known;
    const { schemaDepthMax, placesMax } = limits.contract;
    if (depth > schemaDepthMax || this.#places.size >= placesMax) {
      this.#reportSize(
        document,
        pointer,
        depth > schemaDepthMax ? `nested more than ${schemaDepthMax} deep` : `more than ${placesMax}`,
      );
      return undefined;
    }
    const resource = isEntries(value) ? this.#resourceOf(value, document, pointer, outer) : outer;
    const inner: Inner[] = [];
    const place: Place = { key, document, pointer, value, resource, inner };
    this.#places.set(key, place);
    const { refStandsAlone, keywords } = resource.dialect;
    if (!isEntries(value) || (refStandsAlone && typeof value.$ref === "string")) return place;
    readAnchors(value, key, resource);
    for (const [keyword, argument] of Object.entries(value)) {
      const holds = keywords.get(keyword);
      if (holds === undefined || holds === "none") continue;
      const at = `${pointer}/${escapeKey(keyword)}`;
      for (const [step, member] of schemasIn(argument, holds)) {
        const path = step === undefined ? at : `${at}/${escapeKey(step)}`;
        const found = this.#walk(member, document, path, resource, depth + 1);
        if (found !== undefined) inner.push({ keyword, step, place: found });
      }
    }
    return place;
  }

  /** A new resource where the schema has an id of its own or another dialect; else the one around it. */
  #resourceOf(value: Entries, document: string, pointer: string, outer: Resource): Resource {
    const dialect = this.#dialectOf(value, document, pointer, outer.dialect);
    const { idKeyword, refStandsAlone } = dialect;
    const id = idKeyword === undefined || (refStandsAlone && "$ref" in value) ? undefined : value[idKeyword];
    const [base = "", fragment = ""] = typeof id === "string" ? splitFragment(absolute(id, outer.uri)) : [];
    const isOwn = typeof id === "string" && !id.startsWith("#");
    if (!isOwn && dialect === outer.dialect) {
      if (fragment !== "") outer.anchors.set(decodeEscapes(fragment) ?? fragment, `${document}#${pointer}`);
      return outer;
    }
    const resource = newResource(isOwn ? base : outer.uri, document, pointer, dialect);
    if (isOwn && fragment !== "") resource.anchors.set(decodeEscapes(fragment) ?? fragment, `${document}#${pointer}`);
    if (!this.resources.has(resource.uri) || pointer === "" || isOwn) this.resources.set(resource.uri, resource);
    return resource;
  }

  #dialectOf(value: Entries, document: string, pointer: string, outer: Dialect): Dialect {
    const { $schema } = value;
    if (typeof $schema !== "string") return outer;
    const known = dialectOf($schema);
    if (known !== undefined) return known;
    const name = this.#names.get(absolute($schema, BASE)) ?? this.#nameById($schema);
    const meta = name === undefined ? undefined : this.#documents[name];
    if (isEntries(meta) && isEntries(meta.$vocabulary)) {
      const dialect = dialectOfVocabularies(meta.$vocabulary);
      if (dialect !== undefined) return dialect;
    }
    this.#report(
      document,
      `${pointer}/$schema`,
      `${$schema} is a dialect that is not known: the drafts 2020-12, 2019-09, 07, 06 and 04 are`,
    );
    return outer;
  }

  #nameById(uri: string): string | undefined {
    return Object.entries(this.#documents).find(([, root]) => isEntries(root) && root.$id === uri)?.[0];
  }

  /** Once: whoever is too large is so in many places. */
  #reportSize(document: string, pointer: string, excess: string): void {
    if (this.isTooLarge) return;
    this.isTooLarge = true;
    this.#report(document, pointer, `the schemas are ${excess}`);
  }

  #report(document: string, pointer: string, reason: string): void {
    this.#problems.push({ kind: "schema", document, pointer, reason });
  }
}

export function isEntries(value: unknown): value is Entries {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

const newResource = (uri: string, document: string, pointer: string, dialect: Dialect): Resource => ({
  uri,
  document,
  pointer,
  dialect,
  anchors: new Map(),
  dynamicAnchors: new Map(),
});

function readAnchors(value: Entries, key: string, resource: Resource): void {
  if (resource.dialect.refStandsAlone) return;
  const { $anchor, $dynamicAnchor } = value;
  if (typeof $anchor === "string") resource.anchors.set($anchor, key);
  if (typeof $dynamicAnchor !== "string") return;
  resource.anchors.set($dynamicAnchor, key);
  resource.dynamicAnchors.set($dynamicAnchor, key);
}

/** The schemas in the value of a keyword, with their names or indexes. */
function schemasIn(value: unknown, holds: Holds): (readonly [step: string | undefined, schema: unknown])[] {
  if (holds === "one" || (holds === "one-or-list" && !Array.isArray(value))) return [[undefined, value]];
  const isMap = holds === "map" || holds === "dependencies";
  if (holds === "none" || !(isMap ? isEntries(value) : Array.isArray(value))) return [];
  return Object.entries(value as object).filter(([, one]) => !(isMap && Array.isArray(one)));
}

/** @returns the reference itself where it is none */
function absolute(reference: string, base: string): string {
  return URL.canParse(reference, base) ? new URL(reference, base).href : reference;
}

function splitFragment(uri: string): [string, string] {
  const at = uri.indexOf("#");
  return at === -1 ? [uri, ""] : [uri.slice(0, at), uri.slice(at + 1)];
}
