/** One operation of a description (OpenAPI 3.1.1 section 4.8.10). */
import type { ContractBody, ContractContent, ContractOperation, ContractResponse } from "../../contract/contract.ts";
import type { ValidationMode } from "../../contract/route-validation.ts";
import { limits } from "../../limits.ts";
import { quote } from "../schema-problems.ts";
import { bySpecificity, isForm, readMediaType } from "./media-types.ts";
import { readEncoding } from "./read-encoding.ts";
import { readFields, readParameters } from "./read-parameters.ts";
import type { Reading } from "./reading.ts";
import type { SpecPlace } from "./spec-place.ts";
import { shapeOf } from "./value-shape.ts";

const FORM = "SLV3143";
const STATUS = /^(?:[1-5](?:\d\d|XX)|default)$/;

export interface OperationPlace {
  /** Of the path's operations. */
  readonly item: SpecPlace;
  readonly operation: SpecPlace;
  /** In capitals. */
  readonly method: string;
  readonly path: string;
  /** Parameters in the template. */
  readonly names: readonly string[];
}

export function readOperation(at: OperationPlace, reading: Reading): ContractOperation {
  const { item, operation, method, path, names } = at;
  const id = operation.get("operationId");
  const isNamed = id.text !== undefined && id.text !== "" && id.text.length <= limits.openapi.nameCharsMax;
  if (id.exists && !isNamed) reading.error(FORM, id, "`operationId` is a text");
  const body = readBody(operation.get("requestBody"), reading);
  const modes = readModes(operation.get("x-selvage"), reading);
  return {
    id: isNamed ? (id.text ?? "") : `${method} ${path}`,
    method,
    path,
    ...(modes !== undefined && { modes }),
    parameters: readParameters(item.get("parameters"), operation.get("parameters"), names, operation, reading),
    ...(body !== undefined && { body }),
    responses: readResponses(operation.get("responses"), reading),
  };
}

/** What the operation takes back of what routes ask for: `x-selvage: { requests: shadow, responses: off }`. */
function readModes(stated: SpecPlace, reading: Reading): ContractOperation["modes"] {
  if (!stated.exists) return undefined;
  if (!stated.isMapping) reading.error(FORM, stated, "`x-selvage` is a mapping with `requests`, `responses` or both");
  const modes: Partial<Record<"requests" | "responses", ValidationMode>> = {};
  for (const [key, place] of stated.memberEntries)
    if (key !== "requests" && key !== "responses")
      reading.error(FORM, place, `${quote(key)} means nothing in \`x-selvage\``, {
        at: "key",
        expected: "requests or responses",
      });
    else if (isMode(place.text)) modes[key] = place.text;
    else reading.error(FORM, place, `\`${key}\` is none of its words`, { expected: "shadow or off" });
  return Object.keys(modes).length === 0 ? undefined : modes;
}

/** An operation takes nothing more than a route asks for: `enforce` would say nothing. */
const isMode = (text: string | undefined): text is ValidationMode => text === "shadow" || text === "off";

function readBody(stated: SpecPlace, reading: Reading): ContractBody | undefined {
  if (!stated.exists) return undefined;
  const place = reading.description.follow(stated);
  if (place === undefined) return undefined;
  if (!place.get("content").isMapping) {
    reading.error(FORM, place, "a request body needs `content`: a mapping of media types");
    return undefined;
  }
  const content = readContents(place.get("content"), reading);
  if (content.length === 0) reading.error(FORM, place.get("content"), "`content` has no media type");
  return { required: place.get("required").value === true, content };
}

function readContents(stated: SpecPlace, reading: Reading): ContractContent[] {
  const found = new Map<string, ContractContent>();
  for (const [key, place] of reading.members(stated, "content")) {
    const mediaType = readMediaType(key);
    if (mediaType === undefined)
      reading.error(FORM, place, `${quote(key)} is no media type`, { at: "key", expected: "such as application/json" });
    else if (found.has(mediaType)) {
      reading.warn(FORM, place, `${quote(mediaType)} is described twice, with other parameters: it is not judged`, {
        at: "key",
      });
      found.set(mediaType, { mediaType });
    } else found.set(mediaType, readContent(mediaType, place, reading));
  }
  return [...found.values()].sort(bySpecificity);
}

function readContent(mediaType: string, stated: SpecPlace, reading: Reading): ContractContent {
  const media = reading.description.follow(stated);
  const schema = media?.get("schema");
  if (media === undefined || schema?.exists !== true || !reading.isSchema(schema)) return { mediaType };
  const shape = isForm(mediaType) ? shapeOf(schema, reading.description) : undefined;
  const encoding = readEncoding(media, mediaType, shape, reading);
  return {
    mediaType,
    schema: reading.schemas.nameOf(schema),
    ...(shape !== undefined && { shape }),
    ...(encoding.length > 0 && { encoding }),
  };
}

function readResponses(stated: SpecPlace, reading: Reading): Record<string, ContractResponse> {
  const responses: Record<string, ContractResponse> = {};
  for (const [status, item] of reading.members(stated, "responses")) {
    if (status.startsWith("x-")) continue;
    if (!STATUS.test(status)) {
      reading.error(FORM, item, `${quote(status)} is no status`, {
        at: "key",
        expected: "such as 200, 4XX or default",
      });
      continue;
    }
    const place = reading.description.follow(item);
    if (place === undefined) continue;
    if (!place.isMapping) reading.error(FORM, item, "a response is a mapping");
    const content = readContents(place.get("content"), reading);
    responses[status] = { content, headers: readFields(place.get("headers"), reading) };
  }
  return responses;
}
