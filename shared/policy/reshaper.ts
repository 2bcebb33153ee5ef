/** The edits of a plan's routes, and its own answers, ready to be made. Hosts load this file with the first plan that has any. */
import type { AnswerExpression, ConditionRequest, KeyExpression } from "../auth/condition.ts";
import { SelvageError } from "../errors.ts";
import { type ExactJson, type JsonFault, readExactJson } from "../http/exact-json.ts";
import { normalisePath } from "../route/normalise-path.ts";
import { type DirectAnswer, type FilledAnswer, fillAnswer } from "./direct-answer.ts";
import { editFields, type ReadableFields } from "./edit-fields.ts";
import { editQuery } from "./edit-query.ts";
import type { Filling } from "./edit-value.ts";
import { type ErrorPage, type FilledPage, fillPage } from "./error-pages.ts";
import { editJson } from "./json-edits.ts";
import type { JsonPath } from "./json-place.ts";
import { fillJson } from "./own-body.ts";
import {
  type AnswerCondition,
  type AnswerReshape,
  hasStatus,
  type JsonEdits,
  type JsonTemplate,
  type RequestReshape,
  type Reshape,
} from "./reshape.ts";
import { isByRequest, toldText } from "./reshape-expressions.ts";
import { type AnswerFacts, type RequestFacts, reshapeScope } from "./reshape-scope.ts";
import type { SafeRegex } from "./safe-regex.ts";
import type { Translator } from "./translate/translator.ts";

/** What of a request is another one for the upstream. */
export interface Reshaped {
  readonly method?: string;
  /** @param query as it would go on, with its `?` */
  readonly query?: (query: string) => string;
  /** What edits tell the upstream that the key of a stored answer does not hold; empty: nothing. */
  readonly told: string;
}

type Secret = (name: string) => string | undefined;

/** What edits are evaluated by, by its text. */
export interface Engines {
  readonly ofRequest: ReadonlyMap<string, KeyExpression>;
  readonly ofAnswer: ReadonlyMap<string, AnswerExpression>;
  readonly regexes: ReadonlyMap<string, SafeRegex>;
  readonly paths: ReadonlyMap<string, JsonPath>;
}

export type EditedBody = NewBody | JsonFault;

interface NewBody {
  readonly text: string;
  /** Of content that was translated. */
  readonly fields?: readonly (readonly [name: string, value: string])[];
  /** That the answer has from here on. Absent: its own. */
  readonly status?: number;
  readonly fault?: never;
}

export class Reshaper {
  readonly #engines: Engines;

  constructor(engines: Engines) {
    this.#engines = engines;
  }

  /**
   * Edits the fields of a request, and says what else is another one.
   * @throws MissingSecret; SelvageError header_too_large where a value is too long
   */
  request(edits: RequestReshape, fields: ReadableFields, facts: RequestFacts, secret: Secret): Reshaped {
    const { fields: fieldEdits, query, method } = edits;
    const filling = this.#requestFilling({ ...facts, fields: new Map(facts.fields) }, secret);
    const told = toldText(edits, filling);
    const edited = query === undefined ? undefined : (sent: string) => editQuery(sent, query, filling);
    // Whatever it throws comes before anything is changed.
    edited?.(facts.query);
    if (fieldEdits !== undefined) editFields(fields, fieldEdits, filling);
    if (method === "GET" || method === "HEAD") for (const name of OF_CONTENT) fields.delete(name);
    return { told, ...(edited !== undefined && { query: edited }), ...(method !== undefined && { method }) };
  }

  /** Those edits of an answer whose condition holds. */
  chosen({ answers = [] }: Reshape, facts: RequestFacts, answer: AnswerFacts): readonly AnswerReshape[] {
    return answers.filter(({ when }) => when === undefined || this.#holds(when, facts, answer));
  }

  /** Whether an answer gets something that its request says, so that what becomes of it may be the client's doing. */
  isByRequest(edits: AnswerReshape): boolean {
    return isByRequest(edits);
  }

  /** What the gateway answers itself. @throws MissingSecret */
  answer(answer: DirectAnswer, facts: RequestFacts, secret: Secret): FilledAnswer {
    const filling = { ...this.#requestFilling(facts, secret), tooLong: () => undefined };
    return fillAnswer(answer, filling);
  }

  /**
   * The page that stands for an answer.
   * @param error what templates are told of it
   * @returns undefined: the answer stays as it is
   */
  page(page: ErrorPage, error: Readonly<Record<string, unknown>>, facts: RequestFacts): FilledPage | undefined {
    const filling = { ...this.#requestFilling(facts, () => undefined), tooLong: () => undefined };
    const accept = [...facts.fields].find(([name]) => name === "accept")?.[1];
    return fillPage(page, accept, { ...filling, scope: { ...reshapeScope(facts), error } });
  }

  /**
   * The path that a target is asked for.
   * @param path normalised
   * @throws SelvageError ambiguous_path where what is left could be read in two ways
   */
  rewrite({ regex, to }: { readonly regex: string; readonly to: string }, path: string): string {
    const replaced = this.#engines.regexes.get(regex)?.replaceAll(path, to) ?? path;
    const { path: normal, refused } = normalisePath(replaced);
    if (normal === undefined) throw new SelvageError("ambiguous_path", `rewritten, the path ${refused}`);
    return normal;
  }

  /**
   * What a body becomes, as text.
   * @param answer absent: the body is the request's
   */
  body(text: string, edits: JsonEdits, facts: RequestFacts, secret: Secret, answer?: AnswerFacts): EditedBody {
    const json = readExactJson(text);
    if (json.fault !== undefined) return json;
    const edited = this.#edit(json, edits, facts, secret, answer);
    return "fault" in edited ? edited : { text: JSON.stringify(edited.value) };
  }

  /**
   * What a body becomes that is translated, and edited where it is JSON.
   * @param answer absent: the body is the request's
   */
  translated(
    { bytes, contentType }: { readonly bytes: Uint8Array; readonly contentType: string | undefined },
    translator: Translator,
    edits: JsonEdits,
    facts: RequestFacts,
    secret: Secret,
    answer?: AnswerFacts,
  ): EditedBody {
    const read = translator.read(bytes, contentType);
    if (read.fault !== undefined) return read;
    if ("problem" in read) {
      const fields = [["content-type", "application/problem+json"]] as const;
      return { text: JSON.stringify(read.problem), status: read.status, fields };
    }
    const edited = this.#edit(read.json, edits, facts, secret, answer);
    if ("fault" in edited) return edited;
    const written = translator.write(edited.value, answer?.status);
    return written.fault === undefined
      ? { ...written, fields: translator.fields }
      : { ...written, isOfEdit: true as const };
  }

  #edit(
    json: ExactJson,
    edits: JsonEdits,
    facts: RequestFacts,
    secret: Secret,
    answer: AnswerFacts | undefined,
  ): { readonly value: unknown } | JsonFault {
    const filling = this.#bodyFilling(facts, secret, answer);
    const scope = { ...filling.scope, body: json.value };
    try {
      return { value: editJson(json, edits, { ...filling, scope }, this.#engines.paths) };
    } catch (cause) {
      if (cause instanceof RangeError) return { fault: "bounds", reason: cause.message, isOfEdit: true };
      throw cause;
    }
  }

  /**
   * What edits put into a body that they know nothing of.
   * @param answer absent: the body is the request's
   */
  value(template: JsonTemplate, facts: RequestFacts, secret: Secret, answer?: AnswerFacts): unknown {
    return fillJson(template, this.#bodyFilling(facts, secret, answer));
  }

  #bodyFilling(facts: RequestFacts, secret: Secret, answer: AnswerFacts | undefined): Filling {
    const filling =
      answer === undefined ? this.#requestFilling(facts, secret) : this.answerFilling(facts, answer, secret);
    return { ...filling, tooLong: () => undefined };
  }

  /** What edits of an answer are filled from. A value that is too long counts as missing. */
  answerFilling(facts: RequestFacts, answer: AnswerFacts, secret: Secret): Filling {
    return {
      scope: reshapeScope(facts, answer),
      evaluate: (text) => this.#evaluateAnswer(text, facts, answer),
      secret,
      tooLong: () => undefined,
    };
  }

  #requestFilling(facts: RequestFacts, secret: Secret): Filling {
    return {
      scope: reshapeScope(facts),
      evaluate: (text) => this.#engines.ofRequest.get(text)?.evaluate(facts.identity, conditionRequest(facts)),
      secret,
      tooLong: (chars) => {
        throw new SelvageError("header_too_large", `an edit gives a value of ${chars} characters`);
      },
    };
  }

  #holds(when: AnswerCondition, facts: RequestFacts, answer: AnswerFacts): boolean {
    if ("cel" in when) return this.#evaluateAnswer(when.cel, facts, answer) === true;
    return hasStatus(when, answer.status);
  }

  #evaluateAnswer(text: string, facts: RequestFacts, { status, fields }: AnswerFacts): unknown {
    const response = { status, headers: Object.fromEntries(fields) };
    return this.#engines.ofAnswer.get(text)?.evaluate(facts.identity, conditionRequest(facts), response);
  }
}

/** Fields of content that does not go on. */
const OF_CONTENT = ["content-type", "content-length", "content-encoding", "content-digest"];

function conditionRequest({ method, host, path, fields }: RequestFacts): ConditionRequest {
  return { method, host, path, headers: Object.fromEntries(fields) };
}
