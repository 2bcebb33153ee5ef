/** A version with another text of one of its included files: whoever has that file alone needs nothing of the rest. */
import { joinFiles, splitFiles, type TextFile } from "./document-files.ts";
import { type LoadedDocument, loadDocument } from "./load.ts";
import type { Path } from "./problem.ts";
import { type Position, ReadFile } from "./read-file.ts";
import type { Document, RouteConfig } from "./schema.ts";

export interface OwnFileVersion {
  readonly loaded: LoadedDocument;
  /** Text of all files. Absent: a file has a line that would be taken for the beginning of another. */
  readonly source?: string;
  /** Present when no problem is an error; its routes stand where those of the file stood. */
  readonly document?: Document;
  /** Where a path of the document stands in the file; undefined: it is not of the file. */
  find(path: Path): Position | undefined;
}

/**
 * What stands elsewhere is taken as it was applied, with its `${env:}` references resolved.
 * @param live text and document of the version
 * @param file the included file as it should be; it may be a new one
 */
export function withOwnFile(
  live: { readonly source: string; readonly document: Document },
  file: TextFile,
): OwnFileVersion {
  const [main = { name: "", text: "" }, ...included] = splitFiles(live.source);
  const others = included.filter(({ name }) => name !== file.name);
  const before = included.find(({ name }) => name === file.name);
  const routes = live.document.gateway?.routes ?? [];
  const isOld = ownRoutes(before);
  const kept = routes.filter((route) => !isOld(route));
  const later = others.filter(({ name }) => name > file.name).map(ownRoutes);
  const first = routes.findIndex((route) => isOld(route) || later.some((isOf) => isOf(route)));
  const at = first < 0 ? kept.length : first;
  const rest = withoutNamed(
    { ...live.document, gateway: { hosts: [], ...live.document.gateway, routes: kept } },
    before,
  );
  const loaded = loadDocument(
    joinFiles([{ name: "", text: JSON.stringify({ ...rest, include: [file.name] }) }, file]) ?? "",
    file.name,
    () => undefined,
  );
  const source = joinFiles([main, ...[...others, file].sort((a, b) => (a.name < b.name ? -1 : 1))]);
  const own = loaded.document?.gateway?.routes.slice(kept.length) ?? [];
  return {
    loaded,
    ...(source !== undefined && { source }),
    ...(loaded.document !== undefined && { document: inPlace(loaded.document, kept.length, at) }),
    find: (path) => {
      const index = path[0] === "gateway" && path[1] === "routes" ? path[2] : undefined;
      const isRoute = typeof index === "number";
      if (isRoute && (index < at || index >= at + own.length)) return undefined;
      const merged = isRoute ? ["gateway", "routes", index - at + kept.length, ...path.slice(3)] : path;
      const found = loaded.positions.find(merged);
      return found.file === file.name ? found : undefined;
    },
  };
}

/** What a file has, as far as it can be read. */
function contentOf(file: TextFile | undefined): Readonly<Record<string, unknown>> {
  return file === undefined ? {} : ((new ReadFile(file.name, file.text).value ?? {}) as Record<string, unknown>);
}

/** Routes of a file, by name and owner. */
function ownRoutes(file: TextFile | undefined): (route: RouteConfig) => boolean {
  const { owner, routes } = contentOf(file);
  const names = new Set((Array.isArray(routes) ? routes : []).map((route: { name?: unknown } | null) => route?.name));
  return (route) => route.owner === owner && names.has(route.name);
}

/** The document without the services and upstreams of a file. */
function withoutNamed({ mesh, ...document }: Document, file: TextFile | undefined): Document {
  const { owner, services, upstreams } = contentOf(file);
  const others = <T extends { readonly owner?: string | undefined }>(
    all: Record<string, T>,
    own: unknown,
  ): Record<string, T> => {
    const names = new Set(Object.keys(own ?? {}));
    return Object.fromEntries(Object.entries(all).filter(([name, one]) => !names.has(name) || one.owner !== owner));
  };
  const { gateway } = document;
  return {
    ...document,
    ...(gateway && {
      gateway: { ...gateway, ...(gateway.upstreams && { upstreams: others(gateway.upstreams, upstreams) }) },
    }),
    ...(mesh && { mesh: { ...mesh, services: others(mesh.services, services) } }),
  };
}

/** The last routes, from an index on, at another one. */
function inPlace(document: Document, from: number, at: number): Document {
  const { gateway } = document;
  if (gateway === undefined) return document;
  const [kept, own] = [gateway.routes.slice(0, from), gateway.routes.slice(from)];
  return { ...document, gateway: { ...gateway, routes: [...kept.slice(0, at), ...own, ...kept.slice(at)] } };
}
