/** What a client gets of the parts of an aggregate. */
import type { AggregateRun, PartFailure } from "./aggregate.ts";
import type { AnswerSettings, StatusPolicy } from "./aggregate-settings.ts";
import { fillJson } from "./json-template.ts";

/** A part that is not there, or not whole, as a client is told. */
export interface PartProblem {
  readonly part: string;
  readonly status: number;
  readonly title: string;
}

export interface ComposedAnswer {
  readonly status: number;
  readonly body: unknown;
  readonly fields: readonly (readonly [name: string, value: string])[];
  /** Parts that failed, are not whole, or for which a fallback stands, with what happened. */
  readonly missing: readonly (readonly [part: string, failure: PartFailure])[];
}

/**
 * The answer of an aggregate that is complete. Without a template it has every part in the order of the document, null for those
 * that are not there.
 * @throws Unfilled when its template cannot be filled
 */
export function composeAnswer(run: AggregateRun, answer: AnswerSettings = {}): ComposedAnswer {
  const missing = missingParts(run);
  const body = answer.output === undefined ? partsOf(run) : fillJson(answer.output, run.scope, "null");
  const told = answer.problems === true && missing.length > 0 ? withProblems(body, missing) : body;
  return { status: statusOf(run, answer.status), body: told ?? null, fields: fieldsOf(run, answer), missing };
}

function partsOf({ parts, done }: AggregateRun): Readonly<Record<string, unknown>> {
  return Object.fromEntries(
    parts.map(({ name }) => {
      const result = done.get(name);
      return [name, result?.kind === "value" ? result.value : null];
    }),
  );
}

function missingParts({ parts, done }: AggregateRun): [string, PartFailure][] {
  return parts.flatMap(({ name }) => {
    const result = done.get(name);
    const failure = result?.kind === "value" ? result.lacks : result;
    return failure?.kind === "failed" ? [[name, failure] as [string, PartFailure]] : [];
  });
}

function withProblems(body: unknown, missing: ComposedAnswer["missing"]): unknown {
  if (typeof body !== "object" || body === null || Array.isArray(body)) return body;
  const problems = missing.map(([part, { answered, status }]): PartProblem => {
    const told = answered ?? status;
    return { part, status: told, title: titleOf(told) };
  });
  return Object.fromEntries([...Object.entries(body), ["problems", problems]]);
}

function statusOf({ done }: AggregateRun, policy: StatusPolicy | undefined): number {
  const result = policy?.from === undefined ? undefined : done.get(policy.from);
  const status = result?.kind === "value" ? (result.status ?? 200) : 200;
  // There is content, and what has none says so by its status.
  return status === 204 || status === 205 ? 200 : status;
}

function fieldsOf({ done }: AggregateRun, { headers = [] }: AnswerSettings): ComposedAnswer["fields"] {
  return headers.flatMap(([part]) => {
    const result = done.get(part);
    return result?.kind === "value" ? (result.fields ?? []) : [];
  });
}

/**
 * Status of an answer that lacks a required part.
 * @param name of the part
 */
export function failureStatus(name: string, failure: PartFailure, policy: StatusPolicy | undefined): number {
  const { answered, status } = failure;
  const { map = {}, from } = policy ?? {};
  const met = answered ?? status;
  const mapped = map[String(met)] ?? map[`${Math.floor(met / 100)}xx`];
  if (mapped !== undefined) return mapped;
  return from === name && answered !== undefined && mayBeTold(answered) ? answered : status;
}

/** 401 and 407 ask for credentials that the client does not have for a part; below 400 nothing says that it failed. */
const mayBeTold = (status: number): boolean => status >= 400 && status !== 401 && status !== 407;

/** RFC 9110 sections 15.5 and 15.6, and RFC 6585. */
const TITLES: Readonly<Record<number, string>> = {
  400: "Bad request",
  401: "Unauthorized",
  403: "Forbidden",
  404: "Not found",
  405: "Method not allowed",
  406: "Not acceptable",
  408: "Request timeout",
  409: "Conflict",
  410: "Gone",
  412: "Precondition failed",
  413: "Content too large",
  415: "Unsupported media type",
  422: "Unprocessable content",
  423: "Locked",
  424: "Failed dependency",
  429: "Too many requests",
  500: "Internal server error",
  501: "Not implemented",
  502: "Bad gateway",
  503: "Service unavailable",
  504: "Gateway timeout",
};

export function titleOf(status: number): string {
  return TITLES[status] ?? (status < 500 ? "Client error" : "Server error");
}
