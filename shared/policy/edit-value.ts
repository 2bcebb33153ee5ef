/** What the values of edits are filled from. */
import { limits } from "../limits.ts";
import { withSecrets } from "./header-edits.ts";
import type { EditValue } from "./reshape.ts";
import type { Template } from "./settings.ts";
import { lookUp, type TemplateScope } from "./template.ts";
import { asFieldValue, encodedText, isFieldValue, plainText } from "./value-text.ts";

export interface Filling {
  readonly scope: TemplateScope;
  /** Value of an expression of the plan; undefined when it has none. */
  evaluate(expression: string): unknown;
  secret(name: string): string | undefined;
  /** Is told of a value that is longer than any may be; unless it throws, the value counts as missing. */
  tooLong(chars: number): void;
}

/** Roots whose values have the form of a field already: alone in a template, they are copied as they are. */
const AS_IS: ReadonlySet<string> = new Set(["header", "request", "client", "trace", "response"]);

/**
 * A value for a header field. It can neither end its field nor, but for what the document itself writes, become two members of it.
 * @returns undefined when something that the value names is not there
 * @throws MissingSecret
 */
export function fieldValue(value: EditValue, filling: Filling): string | undefined {
  if (typeof value === "string") return asFieldValue(withSecrets(value, filling.secret));
  if (!isTemplate(value)) {
    const text = plainText(filling.evaluate(value.cel));
    return text === undefined ? undefined : bounded(asFieldValue(text), filling);
  }
  const [only, ...others] = value;
  if (others.length === 0 && typeof only === "object" && AS_IS.has(only[0] ?? "")) {
    const text = plainText(lookUp(filling.scope, only));
    if (text !== undefined && isFieldValue(text)) return bounded(text, filling);
  }
  const text = joined(value, filling, encodedText);
  return text === undefined ? undefined : bounded(asFieldValue(text), filling);
}

/** The same as it is, for whoever encodes it whole. */
export function textValue(value: EditValue, filling: Filling): string | undefined {
  if (typeof value === "string") return withSecrets(value, filling.secret);
  const text = isTemplate(value) ? joined(value, filling, plainText) : plainText(filling.evaluate(value.cel));
  return text === undefined ? undefined : bounded(text, filling);
}

function isTemplate(value: Exclude<EditValue, string>): value is Template {
  return Array.isArray(value);
}

function joined(
  template: Template,
  { scope, secret }: Filling,
  toText: (value: unknown) => string | undefined,
): string | undefined {
  let text = "";
  for (const piece of template) {
    const value = typeof piece === "string" ? withSecrets(piece, secret) : toText(lookUp(scope, piece));
    if (value === undefined) return undefined;
    text += value;
  }
  return text;
}

function bounded(text: string, filling: Filling): string | undefined {
  if (text.length <= limits.reshape.valueCharsMax) return text;
  filling.tooLong(text.length);
  return undefined;
}
