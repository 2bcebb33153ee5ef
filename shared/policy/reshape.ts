/** Edits of requests and answers that depend on the request, as the plan carries them. */
import type { Template } from "./settings.ts";
import type { Translation } from "./translate/translation.ts";

/** A constant, which may hold `${secret:NAME}`; a text with holes; or an expression in CEL. */
export type EditValue = string | Template | { readonly cel: string };

/** Names in lower case. Applied in this order. */
export interface FieldEdits {
  readonly remove?: readonly string[];
  /** Old name to new name. */
  readonly rename?: Readonly<Record<string, string>>;
  readonly set?: Readonly<Record<string, EditValue>>;
  /** A line of its own beside what is there. */
  readonly add?: Readonly<Record<string, EditValue>>;
  /** A member of the list that is there, unless it is one already. */
  readonly append?: Readonly<Record<string, EditValue>>;
}

/** Names as they are once decoded. Applied in this order. */
export interface QueryEdits {
  /** All others go. */
  readonly allow?: readonly string[];
  readonly remove?: readonly string[];
  readonly rename?: Readonly<Record<string, string>>;
  readonly set?: Readonly<Record<string, EditValue>>;
  readonly add?: Readonly<Record<string, EditValue>>;
}

/** A value of JSON as the document has it. Texts in it may have holes; a mapping with `cel` alone is an expression. */
export type JsonTemplate = unknown;

/** Places are pointers or, from a `$` on, paths. Applied in this order; `template` stands alone. */
export interface JsonEdits {
  /** All else goes. */
  readonly pick?: readonly string[];
  readonly remove?: readonly string[];
  /** To the new name in the same mapping. */
  readonly rename?: Readonly<Record<string, string>>;
  readonly set?: Readonly<Record<string, JsonTemplate>>;
  /** Name of the one member of a mapping that the body becomes. */
  readonly wrap?: string;
  /** What the body becomes; `{body.NAME}` is what it was. */
  readonly template?: JsonTemplate;
  /** They can be made while a body passes. Absent: it is held whole for them. */
  readonly streams?: true;
  /** Bodies that are no JSON are refused. Absent: they pass as they are. */
  readonly others?: "refuse";
}

export interface RequestReshape {
  readonly fields?: FieldEdits;
  readonly query?: QueryEdits;
  /** Upper case. */
  readonly method?: string;
  /** Before the edits of `json` where it becomes JSON, after them where it is JSON. */
  readonly body?: Translation;
  readonly json?: JsonEdits;
}

export interface AnswerReshape {
  /** Absent: every answer. */
  readonly when?: AnswerCondition;
  readonly fields?: FieldEdits;
  /** `404` or `4xx` to the status that stands for it. Only what an upstream answered is mapped. */
  readonly statuses?: Readonly<Record<string, number>>;
  readonly body?: Translation;
  readonly json?: JsonEdits;
}

/** Statuses such as `404` and `5xx`, ascending, or an expression in CEL over `identity`, `request` and `response`. */
export type AnswerCondition = readonly string[] | { readonly cel: string };

export interface Reshape {
  readonly request?: RequestReshape;
  /** Each whose condition holds is applied, in this order. The conditions are asked of the answer as it came. */
  readonly answers?: readonly AnswerReshape[];
  /** By what of a request its answers are made, beside the target. Absent: by nothing. */
  readonly answersBy?: AnswersBy;
}

export interface AnswersBy {
  /** Who asks: no cache behind the gateway may give the answer to anybody else. */
  readonly caller?: true;
  /** Request fields, lower case, ascending. */
  readonly fields?: readonly string[];
}

/** Whether a list such as `["404", "5xx"]` has a status. */
export function hasStatus(list: readonly string[], status: number): boolean {
  const [exact, family] = [String(status), `${Math.floor(status / 100)}xx`];
  return list.includes(exact) || list.includes(family);
}

/** The status that stands for another one; the exact one goes before its class. */
export function mappedStatus(statuses: Readonly<Record<string, number>>, status: number): number {
  return statuses[String(status)] ?? statuses[`${Math.floor(status / 100)}xx`] ?? status;
}

/** Whether bodies of answers are read here: they must come whole, and encoded in no way that is not read. */
export function readsAnswers({ answers = [] }: Reshape): boolean {
  return answers.some(({ json, body }) => json !== undefined || body !== undefined);
}
