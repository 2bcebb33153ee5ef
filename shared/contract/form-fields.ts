/**
 * Fields of a query or a form (`application/x-www-form-urlencoded`), by name, their values not yet decoded: separators within
 * them are told from escaped ones first.
 */
import { decodeField } from "../http/escapes.ts";
import { limits } from "../limits.ts";

export type FormFields = ReadonlyMap<string, readonly string[]>;

/** @returns undefined when a name is no text, or there are too many */
export function formFields(text: string): FormFields | undefined {
  const fields = new Map<string, string[]>();
  if (text === "") return fields;
  const members = text.split("&", limits.forms.fieldsMax + 1);
  if (members.length > limits.forms.fieldsMax) return undefined;
  for (const member of members) {
    if (member === "") continue;
    const at = member.indexOf("=");
    const name = decodeField(at < 0 ? member : member.slice(0, at));
    if (name === undefined) return undefined;
    const value = at < 0 ? "" : member.slice(at + 1);
    const known = fields.get(name);
    if (known === undefined) fields.set(name, [value]);
    else known.push(value);
  }
  return fields;
}
