/** Operations of OpenAPI documents by what Arazzo calls them. */
import { parsePointer } from "../../shared/http/json-pointer.ts";
import { type Loose, listOf, memberOf, objectOf, textOf } from "./loose.ts";

export interface Source {
  readonly name: string;
  readonly openapi: Loose;
  /** The mesh service that its operations are called at. Absent: the URL of its first server. */
  readonly service?: string;
}

export interface Operation {
  readonly source: Source;
  readonly method: string;
  /** With `{name}` for parameters. */
  readonly path: string;
}

const METHODS = ["get", "head", "post", "put", "patch", "delete"];

/** @returns the operation that a step names, or why there is none */
export function findOperation(step: Loose, sources: readonly Source[]): Operation | string {
  const [operationId, operationPath] = [textOf(step.operationId), textOf(step.operationPath)];
  if (operationId !== undefined) return byId(operationId, sources);
  if (operationPath !== undefined) return byPath(operationPath, sources);
  if (step.workflowId !== undefined) return "a step that is another workflow cannot be a part";
  return step.channelPath === undefined ? "the step names no operation" : "a part calls by HTTP, not through a channel";
}

function byId(operationId: string, sources: readonly Source[]): Operation | string {
  const [, name, id = operationId] = /^\$sourceDescriptions\.([\w-]+)\.(.+)$/.exec(operationId) ?? [];
  const found = sources
    .filter((source) => name === undefined || source.name === name)
    .flatMap((source) => operationsOf(source).filter((one) => one.id === id));
  const [first, second] = found;
  if (first === undefined) return `no source that was given has an operation ${id}`;
  return second === undefined ? first.operation : `several sources have an operation ${id}`;
}

function operationsOf(source: Source): { id: string | undefined; operation: Operation }[] {
  return Object.entries(objectOf(source.openapi.paths)).flatMap(([path, item]) =>
    METHODS.flatMap((method) => {
      const operation = memberOf(item, method);
      return operation === undefined
        ? []
        : [{ id: textOf(memberOf(operation, "operationId")), operation: { source, method, path } }];
    }),
  );
}

/** `{$sourceDescriptions.shop.url}#/paths/~1orders~1{id}/get` */
function byPath(operationPath: string, sources: readonly Source[]): Operation | string {
  const [, name, pointer = ""] = /^\{?\$sourceDescriptions\.([\w-]+)\.url\}?#(.+)$/.exec(operationPath) ?? [];
  const source = sources.find((one) => one.name === name);
  const [paths, path = "", method = "", ...more] = parsePointer(pointer) ?? [];
  if (source === undefined) return `${operationPath} names no source that was given`;
  const isThere = memberOf(memberOf(source.openapi.paths, path), method) !== undefined;
  if (paths !== "paths" || more.length > 0 || !METHODS.includes(method) || !isThere)
    return `${operationPath} leads to no operation`;
  return { source, method, path };
}

/** Where a call goes, before its path: `orders:` or an origin with the path of the server. */
export function baseOf({ name, openapi, service }: Source): string | undefined {
  if (service !== undefined) return `${service}:${serverPath(openapi)}`;
  const url = textOf(memberOf(listOf(openapi.servers)[0], "url"));
  if (url === undefined || !/^https?:\/\//.test(url) || !URL.canParse(url) || url.includes("{")) return undefined;
  const { origin, pathname } = new URL(url);
  return name === "" ? undefined : origin + pathname.replace(/\/$/, "");
}

function serverPath(openapi: Loose): string {
  const url = textOf(memberOf(listOf(openapi.servers)[0], "url")) ?? "";
  const path = URL.canParse(url, "http://server") ? new URL(url, "http://server").pathname : "/";
  return path.replace(/\/$/, "");
}
