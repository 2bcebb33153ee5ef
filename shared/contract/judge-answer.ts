/** Whether an answer is one that its operation describes. */

import { type MediaType, parseMediaType } from "../http/media-type.ts";
import { contentFor } from "./content-for.ts";
import type { ContractContent, ContractOperation, ContractResponse } from "./contract.ts";
import { type AskSchema, type Finding, findingsOf } from "./finding.ts";
import { isRead } from "./read-body.ts";
import { readHeaderParameter } from "./read-parameter.ts";

export interface AnswerHead {
  readonly status: number;
  /** Whether there is content at all. */
  readonly hasContent: boolean;
  /** @param name in lower case */
  header(name: string): string | undefined;
}

export interface JudgedAnswer {
  readonly findings: readonly Finding[];
  /** The content that is to be looked at, if any: `judgeBody` does that. */
  readonly content?: { readonly kind: "read"; readonly type: MediaType; readonly of: ContractContent };
}

/** What ranges and conditions of a request are answered with: descriptions of an interface leave it to HTTP. */
const OF_HTTP = new Set([206, 304, 416]);

export function judgeAnswer({ responses }: ContractOperation, head: AnswerHead, ask: AskSchema): JudgedAnswer {
  const { status } = head;
  if (OF_HTTP.has(status) && responses[status] === undefined) return { findings: [] };
  const response = responseFor(responses, status);
  if (response === undefined) {
    const detail = `${status} is not described`;
    return { findings: [{ in: "status", name: String(status), pointer: "", keyword: "responses", detail }] };
  }
  const findings = judgeFields(response, head, ask);
  if (!head.hasContent || response.content.length === 0) return { findings };
  const type = parseMediaType(head.header("content-type"));
  const of = type && contentFor(response.content, type.type);
  if (type !== undefined && of !== undefined) return { findings, content: { kind: "read", type, of } };
  const described = response.content.map(({ mediaType }) => mediaType).join(" or ");
  const told = { in: "header", name: "content-type", pointer: "", keyword: "content" } as const;
  return { findings: [...findings, { ...told, detail: `must be ${described}` }] };
}

/** Whether content may be looked into where ranges have a meaning (RFC 9110 section 14.2): of parts of it nothing could be said. */
export function looksIntoWhole({ responses }: ContractOperation): boolean {
  const content = responseFor(responses, 200)?.content ?? [];
  return content.some(
    ({ mediaType, schema }) => schema !== undefined && (mediaType.includes("*") || isRead(mediaType)),
  );
}

/** A status comes before its range, and that before `default` (OpenAPI 3.1.1 section 4.8.16). */
function responseFor(responses: ContractOperation["responses"], status: number): ContractResponse | undefined {
  return responses[String(status)] ?? responses[`${Math.floor(status / 100)}XX`] ?? responses.default;
}

function judgeFields({ headers }: ContractResponse, { header }: AnswerHead, ask: AskSchema): Finding[] {
  const findings: Finding[] = [];
  for (const field of headers) {
    const name = field.name.toLowerCase();
    if (name === "content-type") continue;
    const at = { in: "header", name } as const;
    const read = readHeaderParameter(field, header(name));
    if (read === undefined) {
      if (field.required) findings.push({ ...at, pointer: "", keyword: "required", detail: "is required" });
    } else if (read.fault !== undefined) findings.push({ ...at, pointer: "", keyword: "style", detail: read.fault });
    else if (field.schema !== undefined) findings.push(...findingsOf(ask(field.schema, read.value), at));
  }
  return findings;
}
