/**
 * What differs between two documents, in their own words. What does not change the plan is no change: a default that is written
 * out, another order of keys, `5000ms` for `5s`. The plan decides whether something changed, the document says what.
 */
import { formatPath, type Path } from "../../config/problem.ts";
import type { Document } from "../../config/schema.ts";
import { limits } from "../../limits.ts";
import type { ArtifactTable } from "../../wire/artifacts.ts";
import { canonicalJson } from "../canonical-json.ts";
import { compile } from "../compile.ts";
import { type Meaning, meaningOf } from "./meaning.ts";
import { isMapping, type Mapping, membersOf, type Part, type PartKind, partKey, partsOf, withValue } from "./parts.ts";

export interface Change extends Partial<Meaning> {
  readonly kind: PartKind;
  /** Of the route, service or setting; empty where the part has none. */
  readonly name: string;
  /** Within it, such as `rateLimit[0].limit`; empty: all of it. */
  readonly place: string;
  /** In the newer document, or where it was in the older one. */
  readonly path: Path;
  /** Absent: it was, or is, not there. */
  readonly was?: unknown;
  readonly is?: unknown;
}

/** A version of a document, with what it needs beside its plan. */
export interface Version {
  /** One that was checked. Absent: there was none. */
  readonly document?: Document | undefined;
  readonly artifacts?: ArtifactTable | undefined;
}

/** Changes in the order of the newer document, what was removed after the rest. */
export function findChanges(was: Version, is: Version): Change[] {
  const [before, after] = [partsOf(was.document), partsOf(is.document)];
  const trial = new Trial(is);
  const found = [...after].flatMap(([key, part]) => partChanges(before.get(key), part, trial));
  const removed = [...before].filter(([key]) => !after.has(key)).map(([, part]) => whole(part, "was"));
  const routes = (parts: ReadonlyMap<string, Part>): Part[] =>
    [...parts.values()].filter(({ kind }) => kind === "route");
  const order = orderChange(routes(before), routes(after));
  return [...found, ...removed, ...order, ...contentChanges(before, after, was, is)];
}

/** Files that parts are made of, and that are others now, or no longer there, though the part says the same. */
function contentChanges(
  before: ReadonlyMap<string, Part>,
  after: ReadonlyMap<string, Part>,
  was: Version,
  is: Version,
) {
  const [files, newer] = [was.artifacts ?? {}, is.artifacts ?? {}];
  const keys = Object.keys({ ...files, ...newer }).filter((key) => files[key] !== newer[key]);
  return keys.flatMap((key): Change[] => {
    const digests = { ...(files[key] && { was: files[key] }), ...(newer[key] && { is: newer[key] }) };
    const [old, part] = [before, after].map((parts) => [...parts.values()].find((one) => fileKey(one) === key));
    if (old !== undefined && part !== undefined) {
      const { kind, name, path } = part;
      return [{ kind, name, place: "content", path, ...digests, text: "what its file says" }];
    }
    const isOfNothing = old === undefined && part === undefined && newer[key] !== undefined;
    return isOfNothing ? [{ kind: "document", name: "", place: `file ${key}`, path: [], ...digests }] : [];
  });
}

/** As artifacts are named: `contracts.github`. */
const fileKey = ({ path }: Part): string => path.slice(1).join(".");

function partChanges(before: Part | undefined, part: Part, trial: Trial): Change[] {
  const { kind, name, path, value } = part;
  if (before === undefined) return isEmpty(value) ? [] : [whole(part, "is")];
  return differences(before.value, value, [], trial.of(part)).map(({ path: within, was, is }) => {
    const change = { kind, name, place: within.length === 0 ? "" : formatPath(within), path: [...path, ...within] };
    const values = { ...(was !== undefined && { was }), ...(is !== undefined && { is }) };
    return { ...change, ...values, ...meaningOf(kind, within, was, is) };
  });
}

const isEmpty = (value: unknown): boolean => isMapping(value) && Object.keys(value).length === 0;

function whole({ kind, name, path, value }: Part, side: "was" | "is"): Change {
  const [was, is] = side === "was" ? [value, undefined] : [undefined, value];
  return { kind, name, place: "", path, [side]: value, ...meaningOf(kind, [], was, is) };
}

/** Of routes of one rank the first takes the request. */
function orderChange(before: readonly Part[], after: readonly Part[]): Change[] {
  const names = (parts: readonly Part[], others: readonly Part[]): string[] => {
    const known = new Set(others.map(partKey));
    return parts.filter((part) => known.has(partKey(part))).map(({ name }) => name);
  };
  const [was, is] = [names(before, after), names(after, before)];
  if (canonicalJson(was) === canonicalJson(is)) return [];
  const text = "of routes that match alike, another comes first";
  return [{ kind: "gateway", name: "", place: "order of routes", path: ["gateway", "routes"], was, is, text }];
}

interface Difference {
  readonly path: Path;
  readonly was: unknown;
  readonly is: unknown;
}

/** Whether the plan is the same with the older value at a path. */
type IsInert = (path: Path, was: unknown) => boolean;

function differences(was: unknown, is: unknown, path: Path, isInert: IsInert): Difference[] {
  if (sameJson(was, is) || isInert(path, was)) return [];
  const below = differencesBelow(was, is, path, isInert);
  // What counts only together is told together.
  return below.length > 0 ? below : [{ path, was, is }];
}

function differencesBelow(was: unknown, is: unknown, path: Path, isInert: IsInert): Difference[] {
  if (isMapping(was) && isMapping(is)) {
    const keys = [...Object.keys(is), ...Object.keys(was).filter((key) => !Object.hasOwn(is, key))];
    return keys.flatMap((key) => differences(own(was, key), own(is, key), [...path, key], isInert));
  }
  if (!Array.isArray(was) || !Array.isArray(is) || ![...was, ...is].every(isMapping)) return [];
  if (was.length === is.length) return is.flatMap((item, at) => differences(was[at], item, [...path, at], isInert));
  return listDifferences(was, is, path);
}

const own = (mapping: Mapping, key: string): unknown => (Object.hasOwn(mapping, key) ? mapping[key] : undefined);

/** Of lists of another length: what is left between the members that are the same at both ends. */
function listDifferences(was: readonly unknown[], is: readonly unknown[], path: Path): Difference[] {
  const shorter = Math.min(was.length, is.length);
  let start = 0;
  while (start < shorter && sameJson(was[start], is[start])) start++;
  let end = 0;
  while (end < shorter - start && sameJson(was[was.length - 1 - end], is[is.length - 1 - end])) end++;
  const removed = was
    .slice(start, was.length - end)
    .map((item, at) => ({ path: [...path, start + at], was: item, is: undefined }));
  const added = is
    .slice(start, is.length - end)
    .map((item, at) => ({ path: [...path, start + at], was: undefined, is: item }));
  return [...removed, ...added];
}

export function sameJson(a: unknown, b: unknown): boolean {
  if (a === undefined || b === undefined) return a === b;
  return canonicalJson(a) === canonicalJson(b);
}

/** Tries the newer document with older values, one at a time. */
class Trial {
  readonly #document: Document | undefined;
  readonly #artifacts: ArtifactTable;
  /** Values of documents that may still be compiled: beyond that a difference counts as a change. */
  #left: number = limits.document.nodesMax;

  constructor({ document, artifacts = {} }: Version) {
    this.#document = document;
    this.#artifacts = artifacts;
  }

  of(part: Part): IsInert {
    if (this.#document === undefined) return () => false;
    const alone = onlyWith(this.#document, part);
    const cost = 1 + countValues(alone.document);
    let asIs: string | undefined;
    return (path, was) => {
      if (this.#left < cost) return false;
      this.#left -= cost;
      asIs ??= planText(alone.document, this.#artifacts);
      const isRest = path.length === 0 && part.name === "";
      const tried = isRest
        ? withMembers(alone.document, alone.path, membersOf(was), membersOf(part.value))
        : withValue(alone.document, [...alone.path, ...path], was);
      return asIs !== undefined && planText(tried as Document, this.#artifacts) === asIs;
    };
  }
}

/** Of a part that is what is left of something: the rest of that stays. */
function withMembers(document: unknown, path: Path, was: Mapping, is: Mapping): unknown {
  const keys = Object.keys({ ...was, ...is });
  return keys.reduce((made, key) => withValue(made, [...path, key], own(was, key)), document);
}

/** A document that is as small as the part allows: routes and services are compiled with what they name, or are named by, alone. */
function onlyWith(document: Document, { kind, name, path, value }: Part): { document: Document; path: Path } {
  const { gateway, mesh } = document;
  if (kind === "route" && gateway !== undefined) {
    const text = JSON.stringify(value);
    const services = Object.fromEntries(Object.entries(mesh?.services ?? {}).filter(([own]) => text.includes(own)));
    const alone = {
      ...document,
      gateway: { ...gateway, routes: [value] },
      ...(mesh && { mesh: { ...mesh, services } }),
    };
    return { document: alone as Document, path: ["gateway", "routes", 0] };
  }
  if (kind === "service" && mesh !== undefined) {
    const alone = { ...document, mesh: { ...mesh, services: { [name]: value } } };
    // Routes that lead to it are held to what it says.
    const routes = gateway?.routes.filter((route) => JSON.stringify(route).includes(name));
    return { document: { ...alone, ...(gateway && { gateway: { ...gateway, routes } }) } as Document, path };
  }
  return { document, path };
}

/** Undefined: what is tried is not a whole document. */
function planText(document: Document, artifacts: ArtifactTable): string | undefined {
  try {
    return canonicalJson(compile(document, artifacts));
  } catch {
    return undefined;
  }
}

function countValues(value: unknown): number {
  if (Array.isArray(value)) return value.reduce((sum: number, item) => sum + countValues(item), 1);
  return Object.values(membersOf(value)).reduce((sum: number, item) => sum + countValues(item), 1);
}
