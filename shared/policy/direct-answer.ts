/** Answers that the gateway gives itself, by the document. */
import { type Filling, fieldValue } from "./edit-value.ts";
import { escapingOf, fillJson, fillText } from "./own-body.ts";
import type { AnswersBy, EditValue, JsonTemplate } from "./reshape.ts";

/** Of `body` and `json` one at most is there. */
export interface DirectAnswer {
  readonly status: number;
  /** Lower-case name to value. */
  readonly fields: Readonly<Record<string, EditValue>>;
  /** Text with holes; the content type says how they are escaped. */
  readonly body?: string;
  readonly json?: JsonTemplate;
  /** By what of a request it is made. Absent: by nothing. */
  readonly by?: AnswersBy;
}

export interface FilledAnswer {
  readonly status: number;
  readonly fields: readonly (readonly [name: string, value: string])[];
  readonly text: string | null;
}

/** @throws MissingSecret */
export function fillAnswer({ status, fields, body, json }: DirectAnswer, filling: Filling): FilledAnswer {
  const filled: [string, string][] = [];
  for (const [name, value] of Object.entries(fields)) {
    const text = fieldValue(value, filling);
    if (text !== undefined) filled.push([name, text]);
  }
  const stated = filled.find(([name]) => name === "content-type")?.[1];
  const text = json === undefined ? body : JSON.stringify(fillJson(json, filling));
  if (text === undefined) return { status, fields: filled, text: null };
  const type = stated ?? (json === undefined ? "text/plain; charset=utf-8" : "application/json");
  if (stated === undefined) filled.push(["content-type", type]);
  return { status, fields: filled, text: json === undefined ? fillText(text, filling, escapingOf(type)) : text };
}
