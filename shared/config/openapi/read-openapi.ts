/**
 * From an OpenAPI description (3.0, 3.1, and what is the same in 3.2) to a contract, but for its schemas, which are compiled by
 * others. All that is wrong is found, not the first alone; what the edge does not need is not looked at.
 */
import { CONTRACT_FORMAT, type Contract, type ContractOperation } from "../../contract/contract.ts";
import { limits } from "../../limits.ts";
import { quote } from "../schema-problems.ts";
import type { Description } from "./description.ts";
import { parseTemplate } from "./path-template.ts";
import { type OperationPlace, readOperation } from "./read-operation.ts";
import { Reading } from "./reading.ts";
import { SchemaRoots } from "./schema-roots.ts";
import { readBasePath } from "./servers.ts";
import type { SpecPlace } from "./spec-place.ts";

/** Dialects of schemas by the versions of OpenAPI that have them. */
export type SchemaDialect = "openapi-3.0" | "openapi-3.1";

export interface ReadDescription {
  readonly contract: Omit<Contract, "schemas" | "patterns">;
  /** Schemas that the contract names, and where each stands. */
  readonly roots: ReadonlyMap<string, SpecPlace>;
  readonly dialect: SchemaDialect;
}

const FORM = "SLV3143";
const METHODS = ["get", "put", "post", "delete", "options", "head", "patch", "trace"];
const ITEM_FIELDS = ["$ref", "summary", "description", "servers", "parameters"];

/** @returns undefined for what is no description that can be read; why, and all other problems, are in those of the description */
export function readOpenapi(description: Description): ReadDescription | undefined {
  const { root } = description;
  const dialect = readVersion(description);
  if (dialect === undefined) return undefined;
  const reading = new Reading(description, new SchemaRoots(description, dialect === "openapi-3.0"));
  refuseExtension(root, reading);
  const operations = readPaths(root.get("paths"), reading);
  const info = root.get("info");
  return {
    contract: {
      format: CONTRACT_FORMAT,
      title: info.get("title").text ?? "",
      version: info.get("version").text ?? "",
      basePath: readBasePath(root.get("servers"), reading),
      operations,
    },
    roots: reading.schemas.places,
    dialect,
  };
}

function readVersion(description: Description): SchemaDialect | undefined {
  const { root } = description;
  const expected = "a description by OpenAPI 3.0, 3.1 or 3.2";
  const refuse = (place: SpecPlace, message: string): undefined => {
    description.error("SLV3141", place, message, { expected });
    return undefined;
  };
  if (root.get("swagger").exists)
    return refuse(root.get("swagger"), "descriptions by Swagger 2.0 are not read: convert it to OpenAPI 3");
  const version = root.get("openapi");
  if (!version.exists) return refuse(root, "this is no API description: `openapi` is missing");
  const text = version.text ?? String(version.value);
  if (/^3\.0(?:\.\d+)?(?:-|$)/.test(text)) return "openapi-3.0";
  if (/^3\.[12](?:\.\d+)?(?:-|$)/.test(text)) return "openapi-3.1";
  return refuse(version, `descriptions by OpenAPI ${text.slice(0, 20)} are not read`);
}

function readPaths(paths: SpecPlace, reading: Reading): ContractOperation[] {
  if (paths.exists && !paths.isMapping) reading.error(FORM, paths, "`paths` is a mapping of paths");
  const places = paths.entries.flatMap(([path, item]) => operationsOf(path, item, reading));
  const { operationsMax } = limits.openapi;
  if (places.length > operationsMax) reading.error("SLV1003", paths, `there are more than ${operationsMax} operations`);
  const taken = places.slice(0, operationsMax);
  refuseTwins(taken, reading);
  const operations = taken.map((place) => readOperation(place, reading));
  return operations.sort((a, b) => (a.path === b.path ? order(a.method, b.method) : order(a.path, b.path)));
}

const order = (a: string, b: string): number => (a < b ? -1 : 1);

function operationsOf(path: string, stated: SpecPlace, reading: Reading): OperationPlace[] {
  const template = parseTemplate(path);
  if (template.fault !== undefined) {
    reading.error("SLV3145", stated, `${quote(path)} is no path of an operation: ${template.fault}`, { at: "key" });
    return [];
  }
  const item = reading.description.follow(stated);
  if (item === undefined) return [];
  if (!item.isMapping) {
    reading.error(FORM, item, "a path item is a mapping of methods");
    return [];
  }
  refuseExtension(item, reading);
  passServers(item, "a path", reading);
  if (item !== stated) refuseSiblings(stated, reading);
  const { names } = template;
  return methodsOf(item, reading).map(([method, operation]) => ({ item, operation, method, path, names }));
}

function methodsOf(item: SpecPlace, reading: Reading): [method: string, operation: SpecPlace][] {
  const known = [...METHODS, "query"];
  const found = item.entries.flatMap(([key, place]): [string, SpecPlace][] => {
    if (known.includes(key)) return [[key.toUpperCase(), place]];
    if (key === "additionalOperations") return place.memberEntries;
    if (!ITEM_FIELDS.includes(key))
      reading.error(FORM, place, `${quote(key)} is no method, and no other word of a path item`, { at: "key" });
    return [];
  });
  return found.flatMap(([method, stated]): [string, SpecPlace][] => {
    // The standard has no references here, but many descriptions of several files do.
    const operation = reading.description.follow(stated);
    return operation !== undefined && isOperation(operation, reading) ? [[method, operation]] : [];
  });
}

function isOperation(operation: SpecPlace, reading: Reading): boolean {
  if (!operation.isMapping) reading.error(FORM, operation, "an operation is a mapping");
  else passServers(operation, "an operation", reading);
  return operation.isMapping;
}

function passServers(place: SpecPlace, what: string, reading: Reading): void {
  const servers = place.get("servers");
  if (!servers.exists) return;
  reading.warn(FORM, servers, `\`servers\` of ${what} are not looked at: those of the document are`, { at: "key" });
}

/** What it means to say something beside a reference, OpenAPI leaves open. */
function refuseSiblings(stated: SpecPlace, reading: Reading): void {
  for (const [key, place] of stated.entries)
    if (!["$ref", "summary", "description"].includes(key))
      reading.error(FORM, place, `\`${key}\` stands beside \`$ref\`, where OpenAPI gives it no meaning`, { at: "key" });
}

/** `x-selvage` where nobody would look for it. */
function refuseExtension(place: SpecPlace, reading: Reading): void {
  const extension = place.get("x-selvage");
  if (extension.exists) reading.error(FORM, extension, "`x-selvage` is said of single operations", { at: "key" });
}

/** Two that a request cannot be told apart by, and two with one name. */
function refuseTwins(places: readonly OperationPlace[], reading: Reading): void {
  const byRequest = new Map<string, OperationPlace>();
  const byId = new Map<string, OperationPlace>();
  for (const one of places) {
    const { method, path, operation } = one;
    const template = parseTemplate(path);
    const request = `${method} ${template.fault === undefined ? template.shape : path}`;
    const id = operation.get("operationId").text ?? `${method} ${path}`;
    const twin = byRequest.get(request);
    if (twin !== undefined)
      reading.error(
        "SLV3144",
        operation,
        `${method} ${path} matches the same requests as ${method} ${twin.path} at ${reading.description.where(twin.operation)}`,
        { at: "key" },
      );
    const namesake = byId.get(id);
    if (namesake !== undefined)
      reading.error(
        "SLV3144",
        operation.get("operationId"),
        `the operationId ${quote(id)} is used twice, first at ${reading.description.where(namesake.operation.get("operationId"))}`,
      );
    byRequest.set(request, one);
    byId.set(id, one);
  }
}
