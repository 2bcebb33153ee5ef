/** The expressions in CEL of the edits of a route. */
import { type Filling, textValue } from "./edit-value.ts";
import { leavesOf } from "./own-body.ts";
import type {
  AnswerReshape,
  EditValue,
  FieldEdits,
  JsonEdits,
  QueryEdits,
  RequestReshape,
  Reshape,
} from "./reshape.ts";
import { parseValueTemplate } from "./value-template.ts";

/** Every value of some edits. */
export function valuesIn(edits: FieldEdits | QueryEdits | undefined): EditValue[] {
  const { set = {}, add = {}, append = {} } = (edits ?? {}) as FieldEdits;
  return [set, add, append].flatMap((values) => Object.values(values));
}

export interface ReshapeExpressions {
  readonly ofRequest: readonly string[];
  /** These see the answer, too. */
  readonly ofAnswer: readonly string[];
}

export function reshapeExpressions({ request, answers = [] }: Reshape): ReshapeExpressions {
  return {
    ofRequest: [
      ...celIn([...valuesIn(request?.fields), ...valuesIn(request?.query)]),
      ...jsonExpressions(request?.json),
    ],
    ofAnswer: answers.flatMap(({ when, fields, json }) => [
      ...celIn([...valuesIn(fields), ...(isCel(when) ? [when] : [])]),
      ...jsonExpressions(json),
    ]),
  };
}

/** Every text and expression of what edits of a body put there. */
export function jsonLeaves(edits: JsonEdits | undefined): ReturnType<typeof leavesOf> {
  return leavesOf([...Object.values(edits?.set ?? {}), edits?.template]);
}

/** Whether an answer gets something that its request says, so that what becomes of it may be the client's doing. */
export function isByRequest({ when, fields, json }: AnswerReshape): boolean {
  const texts = jsonLeaves(json).map((leaf) => ("text" in leaf ? parseValueTemplate(leaf.text) : leaf));
  return [...(isCel(when) ? [when] : []), ...valuesIn(fields), ...texts].some((value) => {
    if (typeof value === "string") return false;
    return isCel(value) || value.some((piece) => typeof piece !== "string" && !OF_ANSWER.includes(piece[0] ?? ""));
  });
}

const OF_ANSWER = ["body", "response"];

const jsonExpressions = (edits: JsonEdits | undefined): string[] =>
  jsonLeaves(edits).flatMap((leaf) => ("cel" in leaf ? leaf.cel : []));

/**
 * What edits tell the upstream that the key of a stored answer does not hold: all that templates and expressions give. Names of the
 * request itself, which each has another one of, say nothing that an answer could be made by.
 */
export function toldText({ fields, query }: Pick<RequestReshape, "fields" | "query">, filling: Filling): string {
  const told = [...valuesIn(fields), ...valuesIn(query)].flatMap((value): EditValue[] => {
    if (typeof value === "string") return [];
    return isCel(value) ? [value] : value.filter(isTelling).map((piece) => [piece]);
  });
  return told.length === 0 ? "" : JSON.stringify(told.map((value) => textValue(value, filling) ?? null));
}

/** Holes that are other ones in each request, or belong to the key of every answer. */
const IN_KEY = ["request.id", "trace.id", "request.method", "request.host", "request.path", "request.scheme"];

function isTelling(piece: string | readonly string[]): boolean {
  return typeof piece !== "string" && piece[0] !== "path" && !IN_KEY.includes(piece.join("."));
}

const celIn = (values: readonly EditValue[]): string[] => values.flatMap((value) => (isCel(value) ? value.cel : []));

function isCel(value: unknown): value is { readonly cel: string } {
  return typeof value === "object" && value !== null && "cel" in value;
}
