/** Which of a resource's answers a request selects: the fields that `Vary` names (RFC 9111 section 4.1). */
import { CREDENTIAL_FIELDS } from "../http/credential-fields.ts";
import { limits } from "../limits.ts";
import type { FieldReader } from "./cache-request.ts";
import { splitList, TOKEN } from "./directives.ts";
import type { StoredHead } from "./stored-head.ts";

/** Lists of choices whose order says nothing but by `q` (RFC 9110 section 12.5); names of `Accept` parameters alone have no case. */
const PREFERENCES: ReadonlySet<string> = new Set(["accept", "accept-charset", "accept-encoding", "accept-language"]);

export type Selection =
  | { readonly by: StoredHead["selectedBy"]; readonly refused?: never }
  | { readonly refused: "vary" | "vary-credentials"; readonly by?: never };

/**
 * What a request says in the fields that `vary` names.
 * @param unsent fields that the upstream did not get, so that it cannot have chosen by them
 * @returns or why the answer is not stored: it varies by what no field tells (`*`), by too much, or by a credential
 */
export function selectionOf(
  vary: string | null | undefined,
  fields: FieldReader,
  unsent: readonly string[] = [],
): Selection {
  if (vary === null || vary === undefined || vary === "") return { by: {} };
  const names = new Set(splitList(vary.toLowerCase()));
  if (names.size > limits.cache.varyFieldsMax) return { refused: "vary" };
  const by: [string, string | null][] = [];
  for (const name of names) {
    // What is no name of a field is told by none, as `*` is; no field can be read by it.
    if (name === "*" || !TOKEN.test(name)) return { refused: "vary" };
    if (unsent.includes(name)) continue;
    const value = normalisedField(name, fields);
    if (value === null) by.push([name, null]);
    else if (CREDENTIAL_FIELDS.has(name)) return { refused: "vary-credentials" };
    else if (value.length > limits.cache.selectingCharsMax) return { refused: "vary" };
    else by.push([name, value]);
  }
  return { by: Object.fromEntries(by) };
}

/** Whether a request says the same as the one that an answer was stored for. */
export function isSelected({ selectedBy }: Pick<StoredHead, "selectedBy">, fields: FieldReader): boolean {
  for (const name in selectedBy) if (normalisedField(name, fields) !== selectedBy[name]) return false;
  return true;
}

/** What a request says in all the fields by which these answers vary; undefined: they do not. */
export function variantOf(found: readonly Pick<StoredHead, "selectedBy">[], fields: FieldReader): string | undefined {
  const names = new Set(found.flatMap(({ selectedBy }) => Object.keys(selectedBy)));
  if (names.size === 0) return undefined;
  return JSON.stringify([...names].sort().map((name) => [name, normalisedField(name, fields)]));
}

/** A field in the form in which equal meanings are equal texts; null: it is absent. */
export function normalisedField(name: string, fields: FieldReader): string | null {
  const value = fields.get(name);
  if (value === null || value === undefined) return null;
  return PREFERENCES.has(name) ? normalisedPreference(name, value) : withoutListSpace(value);
}

/** White space around commas means nothing in lists, and other fields are hardly told apart by it. */
function withoutListSpace(value: string): string {
  return /[ \t]/.test(value) ? value.trim().replace(/"(?:[^"\\]|\\.)*"|[ \t]*,[ \t]*/g, comma) : value;
}

const comma = (part: string): string => (part.startsWith('"') ? part : ",");

/** Members of one weight in the order of their letters, the greatest weight first; `q=1` is the same as none. */
function normalisedPreference(name: string, value: string): string {
  const choices = splitList(value).map((member) => choiceOf(name, member));
  choices.sort((one, other) => other.weight - one.weight || (one.text < other.text ? -1 : 1));
  return choices.map(({ text, weight }) => (weight === 1 ? text : `${text};q=${weight}`)).join(",");
}

function choiceOf(name: string, member: string): { text: string; weight: number } {
  const [choice = "", ...parameters] = member.split(";").map((part) => part.trim());
  let text = choice.toLowerCase();
  let weight = 1;
  for (const parameter of parameters) {
    const q = /^q=(0(?:\.\d{0,3})?|1(?:\.0{0,3})?)$/i.exec(parameter);
    if (q !== null) weight = Number(q[1]);
    else text += `;${name === "accept" ? parameter : parameter.toLowerCase()}`;
  }
  return { text, weight };
}
