/** Compilation of `transform`: constant edits of fields stay what they were, all others are a part of the plan of their own. */
import type {
  HeaderEditsConfig,
  JsonEditsConfig,
  QueryEditsConfig,
  TransformConfig,
} from "../config/schema-reshape.ts";
import type {
  AnswerCondition,
  AnswerReshape,
  AnswersBy,
  EditValue,
  FieldEdits,
  JsonEdits,
  QueryEdits,
  RequestReshape,
  Reshape,
} from "../policy/reshape.ts";
import { jsonLeaves, valuesIn } from "../policy/reshape-expressions.ts";
import type { HeaderEdits } from "../policy/settings.ts";
import { streamProgram } from "../policy/stream-edits/program.ts";
import { parseValueTemplate } from "../policy/value-template.ts";
import { acceptedFor, compileTranslation } from "./compile-translation.ts";
import { lowerCaseKeys, mapValues, sorted } from "./sorted.ts";

const NO_EDITS: HeaderEdits = { remove: [], set: {}, add: {} };

export interface CompiledTransform {
  readonly transform: { readonly request: HeaderEdits; readonly response: HeaderEdits };
  /** Absent: nothing but constant edits of fields. */
  readonly reshape?: Reshape;
}

export function compileTransform(config: TransformConfig | undefined): CompiledTransform {
  const { headers: stated, ...ofRequest } = config?.request ?? {};
  const answers = Array.isArray(config?.response) ? config.response : [config?.response ?? {}];
  const headers = withAccept(stated, acceptedFor(answers.map(({ body }) => body)));
  const request = constantEdits(headers);
  const [only, ...others] = answers;
  const response = others.length === 0 && only?.when === undefined ? constantEdits(only?.headers) : undefined;
  const requestReshape = compileRequest(ofRequest, request === undefined ? headers : undefined);
  const answersReshape = answers
    .map((answer) => compileAnswer(response === undefined ? answer : { ...answer, headers: undefined }))
    .filter((answer) => answer !== undefined);
  const answersBy = answersReshape.length > 0 ? compileAnswersBy(answersReshape) : undefined;
  const reshape: Reshape = {
    ...(requestReshape !== undefined && { request: requestReshape }),
    ...(answersReshape.length > 0 && { answers: answersReshape }),
    ...(answersBy !== undefined && { answersBy }),
  };
  return {
    transform: { request: request ?? NO_EDITS, response: response ?? NO_EDITS },
    ...(Object.keys(reshape).length > 0 && { reshape }),
  };
}

/** What upstreams are asked for stands at the route's own word, where that has one. */
function withAccept(edits: HeaderEditsConfig | undefined, accept: string | undefined): HeaderEditsConfig | undefined {
  if (accept === undefined) return edits;
  const { remove = [], rename = {}, set = {}, add = {}, append = {} } = edits ?? {};
  const mappings = [rename, set, add, append].flatMap((mapping) => Object.keys(mapping));
  const named = [...remove, ...Object.values(rename), ...mappings].map((name) => name.toLowerCase());
  return named.includes("accept") ? edits : { ...edits, set: { ...set, accept } };
}

/** @returns undefined when an edit depends on the request, or is of a kind that these are not */
function constantEdits(edits: HeaderEditsConfig | undefined): HeaderEdits | undefined {
  const { remove = [], rename, set = {}, add = {}, append } = edits ?? {};
  const constants = [set, add].map((values) => mapValues(values, compileValue));
  if (rename !== undefined || append !== undefined || constants.some(hasOther)) return undefined;
  const [constantSet, constantAdd] = constants as Record<string, string>[];
  return {
    remove: sorted(remove.map((name) => name.toLowerCase())),
    set: lowerCaseKeys(constantSet),
    add: lowerCaseKeys(constantAdd),
  };
}

const hasOther = (values: Readonly<Record<string, EditValue>>): boolean =>
  Object.values(values).some((value) => typeof value !== "string");

type ValueConfig = NonNullable<HeaderEditsConfig["set"]>[string];

/** A text without holes is a constant. */
export function compileValue(value: ValueConfig): EditValue {
  if (typeof value !== "string") return { cel: value.cel };
  const pieces = parseValueTemplate(value);
  return pieces.every((piece) => typeof piece === "string") ? value : pieces;
}

function compileRequest(
  { query, method, body, json }: Omit<NonNullable<TransformConfig["request"]>, "headers">,
  headers: HeaderEditsConfig | undefined,
): RequestReshape | undefined {
  const fields = compileFields(headers);
  const parameters = compileQuery(query);
  const reshape: RequestReshape = {
    ...(fields !== undefined && { fields }),
    ...(parameters !== undefined && { query: parameters }),
    ...(method !== undefined && { method }),
    ...compileTranslation(body, "refuse"),
    ...compileJson(json),
  };
  return Object.keys(reshape).length > 0 ? reshape : undefined;
}

type AnswerConfig = Exclude<NonNullable<TransformConfig["response"]>, readonly unknown[]>;

/** @returns undefined for one that does nothing */
function compileAnswer({ when, headers, statuses, body, json }: AnswerConfig): AnswerReshape | undefined {
  const fields = compileFields(headers);
  const edits: AnswerReshape = {
    ...(fields !== undefined && { fields }),
    ...(statuses !== undefined && { statuses: mapValues(statuses, (status) => status) }),
    ...compileTranslation(body, "pass"),
    ...compileJson(json),
  };
  if (Object.keys(edits).length === 0) return undefined;
  return when === undefined ? edits : { when: compileWhen(when), ...edits };
}

function compileJson(edits: JsonEditsConfig | undefined): { json?: JsonEdits } {
  const { pick, remove, rename, set, wrap, template, others } = edits ?? {};
  const json: JsonEdits = {
    ...(pick !== undefined && { pick: sorted(pick) }),
    ...(remove !== undefined && { remove: sorted(remove) }),
    ...(rename !== undefined && { rename: mapValues(rename, (name) => name) }),
    ...(set !== undefined && { set: mapValues(set, (value) => value) }),
    ...(wrap !== undefined && { wrap }),
    ...(template !== undefined && { template }),
  };
  if (Object.keys(json).length === 0) return {};
  return {
    json: {
      ...json,
      ...(streamProgram(json) !== undefined && { streams: true as const }),
      ...(others === "refuse" && { others }),
    },
  };
}

function compileWhen(when: NonNullable<AnswerConfig["when"]>): AnswerCondition {
  return Array.isArray(when) ? sorted(when.map(String)) : { cel: (when as { cel: string }).cel };
}

function compileFields(edits: HeaderEditsConfig | undefined): FieldEdits | undefined {
  const { remove, rename, set, add, append } = edits ?? {};
  const fields: FieldEdits = {
    ...(remove !== undefined && { remove: sorted(remove.map((name) => name.toLowerCase())) }),
    ...(rename !== undefined && { rename: mapValues(lowerCaseKeys(rename), (name) => name.toLowerCase()) }),
    ...valuesOf({ set, add, append }, (name) => name.toLowerCase()),
  };
  return Object.keys(fields).length > 0 ? fields : undefined;
}

function compileQuery(edits: QueryEditsConfig | undefined): QueryEdits | undefined {
  const { allow, remove, rename, set, add } = edits ?? {};
  const query: QueryEdits = {
    ...(allow !== undefined && { allow: sorted(allow) }),
    ...(remove !== undefined && { remove: sorted(remove) }),
    ...(rename !== undefined && { rename: mapValues(rename, (name) => name) }),
    ...valuesOf({ set, add }, (name) => name),
  };
  return Object.keys(query).length > 0 ? query : undefined;
}

function valuesOf<Kind extends string>(
  kinds: Readonly<Record<Kind, Readonly<Record<string, ValueConfig>> | undefined>>,
  nameOf: (name: string) => string,
): Partial<Record<Kind, Record<string, EditValue>>> {
  const compiled: Partial<Record<Kind, Record<string, EditValue>>> = {};
  for (const kind of Object.keys(kinds) as Kind[]) {
    const values = kinds[kind];
    if (values === undefined || Object.keys(values).length === 0) continue;
    const named = Object.entries(values).map(([name, value]) => [nameOf(name), value] as const);
    compiled[kind] = mapValues(Object.fromEntries(named), compileValue);
  }
  return compiled;
}

/** Roots by which callers are told apart. */
const CALLER: readonly string[] = ["identity", "client"];

/** By what of a request answers are made that have such edits. */
export function compileAnswersBy(answers: readonly AnswerReshape[]): AnswersBy | undefined {
  const paths = answers.flatMap(holesOfAnswer);
  const caller = paths.some(([root = ""]) => CALLER.includes(root)) || answers.some(usesExpression);
  const fields = sorted(paths.flatMap(([root, name]) => (root === "header" && name !== undefined ? [name] : [])));
  if (!caller && fields.length === 0) return undefined;
  return { ...(caller && { caller }), ...(fields.length > 0 && { fields }) };
}

function holesOfAnswer({ fields, json }: AnswerReshape): (readonly string[])[] {
  const texts = jsonLeaves(json).flatMap((leaf) => ("text" in leaf ? [parseValueTemplate(leaf.text)] : []));
  return [...valuesIn(fields), ...texts].flatMap((value) =>
    Array.isArray(value) ? value.filter((piece) => typeof piece !== "string") : [],
  );
}

/** An expression may look at who asks, and nobody can say whether it does. */
function usesExpression({ when, fields, json }: AnswerReshape): boolean {
  const isExpression = (value: unknown): boolean => typeof value === "object" && value !== null && "cel" in value;
  return [when, ...valuesIn(fields), ...jsonLeaves(json)].some(isExpression);
}
