/** What API descriptions of a document say that an upstream answers, for one that is not there. */
import type { Description } from "../../shared/config/openapi/description.ts";
import type { SpecPlace } from "../../shared/config/openapi/spec-place.ts";
import type { Document } from "../../shared/config/schema.ts";
import { openDescription } from "../artifacts/build-contract.ts";
import { documentFolder } from "../artifacts/document-folder.ts";
import { sampleOf } from "./sample.ts";

export interface StubOperation {
  /** Its `operationId`, else method and path. */
  readonly id: string;
  readonly method: string;
  readonly path: RegExp;
  /** Parameters in the path: those with fewer go first. */
  readonly parameters: number;
  readonly description: Description;
  readonly responses: SpecPlace;
}

export interface StubAnswer {
  readonly operation: string;
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

const METHODS = ["get", "head", "put", "post", "delete", "patch", "options"];

/** @param name path of the document's file */
export function stubOperations(document: Document, name: string): StubOperation[] {
  const readFile = documentFolder(name);
  return Object.values(document.gateway?.contracts ?? {}).flatMap((settings) => {
    const description = openDescription(settings, readFile);
    return description === undefined ? [] : operationsOf(description);
  });
}

function operationsOf(description: Description): StubOperation[] {
  const base = basePath(description.root.get("servers").items[0]?.get("url").text);
  return description.root.get("paths").entries.flatMap(([template, place]) => {
    const item = description.follow(place);
    return METHODS.flatMap((method): StubOperation[] => {
      const operation = item?.get(method);
      if (operation === undefined || !operation.isMapping) return [];
      return [
        {
          id: operation.get("operationId").text ?? `${method.toUpperCase()} ${template}`,
          method: method.toUpperCase(),
          path: pathPattern(base, template),
          parameters: template.split("{").length - 1,
          description,
          responses: operation.get("responses"),
        },
      ];
    });
  });
}

function basePath(server: string | undefined): string {
  const found = /^(?:[a-z]+:\/\/[^/]+)?(\/.*)?$/i.exec(server ?? "")?.[1] ?? "";
  return found.replace(/\/+$/, "");
}

/** With what its server stands for before it, or without: a route may take that away. */
function pathPattern(base: string, template: string): RegExp {
  const literal = (text: string): string => text.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&");
  const parts = template.split(/(\{[^{}]*\})/).map((part) => (part.startsWith("{") ? "[^/]+" : literal(part)));
  return new RegExp(`^(?:${literal(base)})?${parts.join("")}$`);
}

/**
 * @param path without query, as the upstream would get it
 * @param accept the request's field; absent: anything
 * @returns undefined: nothing is described there
 */
export function stubAnswer(
  operations: readonly StubOperation[],
  method: string,
  path: string,
  accept: string | undefined,
): StubAnswer | undefined {
  const fits = (wanted: string): StubOperation[] =>
    operations.filter((one) => one.method === wanted && one.path.test(path));
  const found = [...fits(method), ...(method === "HEAD" ? fits("GET") : [])];
  const [best] = found.sort((a, b) => a.parameters - b.parameters);
  if (best === undefined) return undefined;
  const { description, responses, id } = best;
  const [code, place] = responses.entries.sort(([a], [b]) => rank(a) - rank(b) || a.localeCompare(b))[0] ?? [];
  const response = place && description.follow(place);
  const status = /^\d{3}$/.test(code ?? "") ? Number(code) : code === "default" ? 200 : Number(`${code?.[0] ?? 2}00`);
  const own = { operation: id, status, headers: response === undefined ? {} : headersOf(response, description) };
  const media = chosen(response?.get("content").memberEntries ?? [], accept);
  if (media === undefined || status === 204 || status === 304) return { ...own, body: "" };
  const [type, content] = media;
  const value = exampleOf(content, description);
  const isText = typeof value === "string" && !/[/+]json\b/i.test(type);
  const body = value === undefined ? "" : isText ? value : JSON.stringify(value);
  return { ...own, headers: { ...own.headers, "content-type": type }, body };
}

const rank = (code: string): number => (code.startsWith("2") ? 0 : code === "default" ? 1 : 2);

function headersOf(response: SpecPlace, description: Description): Record<string, string> {
  const fields = response.get("headers").memberEntries.flatMap(([name, place]): [string, string][] => {
    const header = description.follow(place);
    const value = header && exampleOf(header, description);
    const isField = /^[\w-]+$/.test(name) && name.toLowerCase() !== "content-type";
    const text = ["string", "number", "boolean"].includes(typeof value) ? String(value) : "";
    return isField && /^[ -~]+$/.test(text) ? [[name.toLowerCase(), text]] : [];
  });
  return Object.fromEntries(fields);
}

/** The type that the client prefers, else the first that is described. */
function chosen(
  all: readonly [type: string, content: SpecPlace][],
  accept: string | undefined,
): [type: string, content: SpecPlace] | undefined {
  const ranges = (accept ?? "*/*").split(",").map((range) => range.split(";")[0]?.trim().toLowerCase() ?? "");
  for (const range of ranges) {
    const [kind, name] = range.split("/");
    const fit = all.find(([type]) => {
      const [ownKind, ownName] = (type.split(";")[0] ?? "").trim().toLowerCase().split("/");
      return (kind === "*" || kind === ownKind) && (name === "*" || name === ownName);
    });
    if (fit !== undefined) return fit;
  }
  return all[0];
}

/** Of a media type or header: its example, the first of its examples, or one that its schema makes. */
function exampleOf(place: SpecPlace, description: Description): unknown {
  const example = place.get("example");
  if (example.exists) return example.value;
  for (const [, entry] of place.get("examples").memberEntries) {
    const value = description.follow(entry)?.get("value");
    if (value?.exists) return value.value;
  }
  const schema = place.get("schema");
  return schema.exists ? sampleOf(schema, description) : undefined;
}
