/** What a request asks a GraphQL service, read so that the service can read nothing else (GraphQL over HTTP, draft of 2025). */
import { readJson } from "../auth/strict-json.ts";
import { parametersOf } from "../http/query-parameters.ts";
import { limits } from "../limits.ts";

export interface GraphqlRequest {
  /** The document; undefined: it is named by its hash alone. */
  readonly query: string | undefined;
  readonly operationName: string | undefined;
  readonly variables: Readonly<Record<string, unknown>>;
  /** SHA-256 in hex under which the service knows the document (automatic persisted queries). */
  readonly persistedHash: string | undefined;
}

export interface GraphqlContent {
  readonly method: string;
  /** With its `?`. */
  readonly query: string;
  readonly contentType: string | undefined;
  readonly contentEncoding: string | undefined;
  /** Undefined: it is no UTF-8. */
  readonly text: string | undefined;
}

export type ReadRequests =
  | { readonly requests: readonly GraphqlRequest[]; readonly invalid?: never }
  | { readonly invalid: "method" | "media-type" | "content"; readonly reason: string; readonly requests?: never };

const invalid = (kind: "method" | "media-type" | "content", reason: string): ReadRequests => ({
  invalid: kind,
  reason,
});
const unclear = (reason: string): ReadRequests => invalid("content", reason);

/** Members of a request that say what is asked. Where one stands twice, services differ on which counts. */
const SAYING = new Set(["query", "operationName", "variables", "extensions"]);

export function readGraphqlRequests(content: GraphqlContent): ReadRequests {
  const { method, query } = content;
  const parameters = parametersOf(query);
  if (parameters === undefined) return unclear("the query of the URL is not well formed");
  const said = parameters.filter(([name]) => SAYING.has(name));
  // `variables[first]=9` is a member of `variables` to those who read queries as qs does.
  if (parameters.some(([name]) => SAYING.has(name.split(/[[.]/, 1)[0] ?? "") && !SAYING.has(name)))
    return unclear("a parameter is given in members");
  if (new Set(said.map(([name]) => name)).size < said.length) return unclear("a parameter stands twice");
  if (method === "GET" || method === "HEAD") return ofParameters(Object.fromEntries(said), content.text ?? "");
  if (method !== "POST") return invalid("method", `${method} is no method of GraphQL over HTTP`);
  if (said.length > 0) return unclear("a POST asks in its content, not in its URL");
  return ofContent(content);
}

function ofParameters(said: Readonly<Record<string, string>>, content: string): ReadRequests {
  if (content !== "") return unclear("a GET has no content");
  const [variables, extensions] = [readOptional(said.variables), readOptional(said.extensions)];
  if (variables === undefined || extensions === undefined) return unclear("a parameter is not JSON");
  return single({
    query: said.query,
    operationName: said.operationName,
    variables: variables.value,
    extensions: extensions.value,
  });
}

function readOptional(text: string | undefined): { readonly value: unknown } | undefined {
  if (text === undefined || text === "") return { value: undefined };
  const read = readJson(text, limits.graphql.jsonDepthMax);
  return "refused" in read ? undefined : read;
}

function ofContent({ contentType = "", contentEncoding = "identity", text }: GraphqlContent): ReadRequests {
  const [type = "", ...parameters] = contentType
    .toLowerCase()
    .split(";")
    .map((part) => part.trim());
  // Whatever else it may be read as, such as a second one: some services take UTF-7, in which other JSON stands.
  const charset = parameters.find((one) => one.includes("charset") && !/^charset=(?:utf-8|"utf-8")$/.test(one));
  const isJson = type === "application/json" || /^application\/[\w.-]+\+json$/.test(type);
  if (!isJson && type !== "application/graphql")
    return invalid("media-type", `${type || "no type"} is not application/json`);
  if (charset !== undefined) return invalid("media-type", `${charset} is not charset=utf-8`);
  if (contentEncoding.trim().toLowerCase() !== "identity")
    return invalid("media-type", `content is encoded as ${contentEncoding}`);
  if (text === undefined) return unclear("the content is not UTF-8");
  if (!isJson) return single({ query: text });
  const read = readJson(text, limits.graphql.jsonDepthMax);
  if ("refused" in read) return unclear(`the content ${read.refused}`);
  return Array.isArray(read.value) ? ofBatch(read.value) : single(read.value);
}

function ofBatch(members: readonly unknown[]): ReadRequests {
  if (members.length === 0) return unclear("an empty list asks nothing");
  const read = members.map(single);
  return (
    read.find(({ invalid: kind }) => kind !== undefined) ?? { requests: read.flatMap(({ requests = [] }) => requests) }
  );
}

function single(asked: unknown): ReadRequests {
  if (!isObject(asked)) return unclear("a request is a JSON object");
  const { query, operationName, variables, extensions } = asked;
  if (!isTextOrNone(query) || !isTextOrNone(operationName)) return unclear("`query` and `operationName` are texts");
  if (!isObjectOrNone(variables) || !isObjectOrNone(extensions))
    return unclear("`variables` and `extensions` are objects");
  const persisted = extensions?.persistedQuery;
  const hash = isObject(persisted) ? persisted.sha256Hash : undefined;
  if (typeof query !== "string" && typeof hash !== "string") return unclear("it asks nothing: there is no `query`");
  return {
    requests: [
      {
        query: query ?? undefined,
        operationName: operationName ?? undefined,
        variables: variables ?? {},
        persistedHash: typeof hash === "string" ? hash.toLowerCase() : undefined,
      },
    ],
  };
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);
const isTextOrNone = (value: unknown): value is string | null | undefined => value == null || typeof value === "string";
const isObjectOrNone = (value: unknown): value is Record<string, unknown> | null | undefined =>
  value == null || isObject(value);
