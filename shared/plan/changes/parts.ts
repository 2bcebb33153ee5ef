/** A document as its parts: each route, service and named setting, and what is left of the gateway, the mesh and the document itself. */
import type { Path } from "../../config/problem.ts";

/** Where each kind of part stands in a document. Lists go by the `name` of their members. */
const PLACES = [
  { kind: "route", path: ["gateway", "routes"] },
  { kind: "service", path: ["mesh", "services"] },
  { kind: "upstream", path: ["gateway", "upstreams"] },
  { kind: "identity provider", path: ["gateway", "identity"] },
  { kind: "decision point", path: ["gateway", "decisions"] },
  { kind: "limit", path: ["gateway", "limits"] },
  { kind: "contract", path: ["gateway", "contracts"] },
  { kind: "descriptor", path: ["gateway", "descriptors"] },
  { kind: "owner", path: ["owners"] },
] as const;

/** `gateway`, `mesh` and `document`: what is left of each; they have no name. */
export type PartKind = (typeof PLACES)[number]["kind"] | "gateway" | "mesh" | "document";

export interface Part {
  readonly kind: PartKind;
  readonly name: string;
  readonly path: Path;
  readonly value: unknown;
}

export type Mapping = Readonly<Record<string, unknown>>;

/** Parts by `kind name`, in the order of the document. */
export function partsOf(document: unknown): Map<string, Part> {
  const parts = new Map<string, Part>();
  const add = (part: Part): void => void parts.set(partKey(part), part);
  for (const { kind, path } of PLACES) {
    const found = path.reduce((value: unknown, key) => membersOf(value)[key], document);
    if (Array.isArray(found))
      for (const [at, value] of found.entries()) {
        const { name } = membersOf(value);
        add({ kind, name: typeof name === "string" ? name : `#${at + 1}`, path: [...path, at], value });
      }
    else
      for (const [name, value] of Object.entries(membersOf(found))) add({ kind, name, path: [...path, name], value });
  }
  const { gateway, mesh, owners: _, ...top } = membersOf(document);
  add({ kind: "gateway", name: "", path: ["gateway"], value: without(gateway, "gateway") });
  add({ kind: "mesh", name: "", path: ["mesh"], value: without(mesh, "mesh") });
  add({ kind: "document", name: "", path: [], value: top });
  return parts;
}

/** `route orders`, `gateway`. */
export function partKey({ kind, name }: Pick<Part, "kind" | "name">): string {
  return name === "" ? kind : `${kind} ${name}`;
}

function without(value: unknown, of: "gateway" | "mesh"): Mapping {
  const apart: readonly string[] = PLACES.flatMap(({ path: [first, second] }) => (first === of ? (second ?? []) : []));
  return Object.fromEntries(Object.entries(membersOf(value)).filter(([key]) => !apart.includes(key)));
}

export function isMapping(value: unknown): value is Mapping {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function membersOf(value: unknown): Mapping {
  return isMapping(value) ? value : {};
}

/** The same with another value at a path; undefined takes the key away. */
export function withValue(container: unknown, path: Path, value: unknown): unknown {
  const [key, ...rest] = path;
  if (key === undefined) return value;
  if (Array.isArray(container)) return container.map((item, at) => (at === key ? withValue(item, rest, value) : item));
  const { [key]: before, ...others } = membersOf(container);
  const after = withValue(before, rest, value);
  return after === undefined ? others : { ...others, [key]: after };
}
