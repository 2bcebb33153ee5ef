/** Whether a request is one that its operation describes. */
import { serviceCookies } from "../http/cookies.ts";
import { type MediaType, parseMediaType } from "../http/media-type.ts";
import { contentFor } from "./content-for.ts";
import type { ContractBody, ContractContent, ContractOperation, ContractParameter } from "./contract.ts";
import { type AskSchema, type Finding, findingsOf } from "./finding.ts";
import { type FormFields, formFields } from "./form-fields.ts";
import { readBody } from "./read-body.ts";
import {
  isFieldOf,
  readCookieParameter,
  readHeaderParameter,
  readPathParameter,
  readQueryParameter,
} from "./read-parameter.ts";
import type { RouteValidation } from "./route-validation.ts";
import type { ReadValue } from "./text-value.ts";

/** A request but for its body. */
export interface RequestHead {
  /** Values of the path's parameters, not decoded. */
  readonly path: ReadonlyMap<string, string>;
  /** With its `?`; may be empty. */
  readonly query: string;
  /** @param name in lower case */
  header(name: string): string | undefined;
}

/** Described elsewhere in OpenAPI, if at all (OpenAPI 3.1.1 section 4.8.12.1). */
const OTHERWISE = new Set(["accept", "content-type", "authorization"]);

/** @param settings whether parameters of the query that are not described pass, and how many findings are told of them */
export function judgeHead(
  { parameters }: ContractOperation,
  head: RequestHead,
  { unknownQuery, findingsMax }: Pick<RouteValidation, "unknownQuery" | "findingsMax">,
  ask: AskSchema,
): Finding[] {
  const findings: Finding[] = [];
  const fields = formFields(head.query.slice(1));
  if (fields === undefined)
    return [
      { in: "query", pointer: "", keyword: "form", detail: "must have names that can be read in one way, and few" },
    ];
  for (const parameter of parameters) {
    const { in: place, name, required, schema } = parameter;
    if (place === "header" && OTHERWISE.has(name.toLowerCase())) continue;
    const read = readParameter(parameter, head, fields);
    if (read === undefined) {
      if (required) findings.push({ in: place, name, pointer: "", keyword: "required", detail: "is required" });
    } else if (read.fault !== undefined)
      findings.push({ in: place, name, pointer: "", keyword: "style", detail: read.fault });
    else if (schema !== undefined) findings.push(...findingsOf(ask(schema, read.value), { in: place, name }));
  }
  findings.push(...besideBrackets(parameters, fields));
  if (unknownQuery === "refuse") findings.push(...unknownFields(parameters, fields).slice(0, findingsMax));
  return findings;
}

/** Many servers read `limit[x]=1` as a value of `limit`: as nothing of it, it would be judged by nobody. */
function besideBrackets(parameters: ContractOperation["parameters"], fields: FormFields): Finding[] {
  const bracketed = [...fields.keys()].filter((field) => field.includes("["));
  if (bracketed.length === 0) return [];
  const known = parameters.filter((parameter) => parameter.in === "query");
  const own = new Set(known.map(({ name }) => name));
  return known
    .filter(
      ({ name, style }) =>
        style !== "deepObject" && bracketed.some((field) => field.startsWith(`${name}[`) && !own.has(field)),
    )
    .map(({ name }) => ({ in: "query", name, pointer: "", keyword: "style", detail: "must not go on in brackets" }));
}

function readParameter(parameter: ContractParameter, head: RequestHead, fields: FormFields): ReadValue | undefined {
  const { in: place, name } = parameter;
  if (place === "query") return readQueryParameter(parameter, fields);
  if (place === "header") return readHeaderParameter(parameter, head.header(name.toLowerCase()));
  if (place === "cookie") return readCookieParameter(parameter, serviceCookies(head.header("cookie"), name));
  const text = head.path.get(name);
  return text === undefined ? undefined : readPathParameter(parameter, text);
}

function unknownFields(parameters: readonly ContractParameter[], fields: FormFields): Finding[] {
  const known = parameters.filter((parameter) => parameter.in === "query");
  const findings: Finding[] = [];
  for (const name of fields.keys()) {
    if (known.some((parameter) => isFieldOf(parameter, name))) continue;
    const told = { in: "query", name, isUnknown: true, pointer: "" } as const;
    findings.push({ ...told, keyword: "unknown", detail: "is not a parameter of this operation" });
  }
  return findings;
}

/** What is to be done with a body, by what the head says of it. */
export type BodyVerdict =
  /** There is nothing to look at. */
  | { readonly kind: "pass" }
  | { readonly kind: "read"; readonly type: MediaType; readonly of: ContractContent }
  | { readonly kind: "refused"; readonly finding: Finding }
  /** `accept`: media types that are taken. */
  | { readonly kind: "unsupported"; readonly finding: Finding; readonly accept: readonly string[] };

export const unreadable = (reason: string): Finding => aboutBody("content", `cannot be read: ${reason}`);

const aboutBody = (keyword: string, detail: string): Finding => ({ in: "body", pointer: "", keyword, detail });

/**
 * @param body as the operation describes it
 * @param contentType of the request
 * @param isEmpty whether the request has no content
 */
export function judgeContentType(
  body: ContractBody | undefined,
  contentType: string | undefined,
  isEmpty: boolean,
): BodyVerdict {
  if (isEmpty) {
    if (body?.required !== true) return { kind: "pass" };
    return { kind: "refused", finding: aboutBody("required", "is required") };
  }
  if (body === undefined) return { kind: "refused", finding: aboutBody("requestBody", "must not be there") };
  const type = parseMediaType(contentType);
  const of = type && contentFor(body.content, type.type);
  if (type !== undefined && of !== undefined) return { kind: "read", type, of };
  const accept = body.content.map(({ mediaType }) => mediaType);
  return { kind: "unsupported", finding: aboutBody("content", `must be ${accept.join(" or ")}`), accept };
}

export type JudgedBody =
  | { readonly kind: "judged"; readonly findings: readonly Finding[] }
  /** `bounds`: more than is read; `charset`: in an encoding that is not read. */
  | { readonly kind: "bounds" | "charset"; readonly reason: string };

/** @param content decoded */
export function judgeBody(
  content: Uint8Array,
  { type, of }: Extract<BodyVerdict, { readonly kind: "read" }>,
  ask: AskSchema,
): JudgedBody {
  const read = readBody(content, type, of);
  if (read.kind === "opaque") return judged([]);
  if (read.kind === "value")
    return judged(of.schema === undefined ? [] : findingsOf(ask(of.schema, read.value), { in: "body" }));
  const { kind, reason } = read;
  return kind === "form" ? judged([unreadable(reason)]) : { kind, reason };
}

const judged = (findings: readonly Finding[]): JudgedBody => ({ kind: "judged", findings });
