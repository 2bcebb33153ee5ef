/** Parameters of a query as HTML forms write them (`application/x-www-form-urlencoded`). */

import { decodeField } from "./escapes.ts";

/**
 * Decoded, in their order.
 * @param query with its `?`; may be empty
 * @returns undefined for a query that is not one way only: an escape that is none, bytes that are no UTF-8
 */
export const parametersOf = (query: string): [name: string, value: string][] | undefined => fieldsOf(query.slice(1));

/** The same of the content of a form. */
export function fieldsOf(form: string): [name: string, value: string][] | undefined {
  const fields: [name: string, value: string][] = [];
  for (const pair of form.split("&")) {
    if (pair === "") continue;
    const at = pair.indexOf("=");
    const name = decodeField(at < 0 ? pair : pair.slice(0, at));
    const value = at < 0 ? "" : decodeField(pair.slice(at + 1));
    if (name === undefined || value === undefined) return undefined;
    fields.push([name, value]);
  }
  return fields;
}

/** Those that occur once: of several, who is behind us may read another one. Of a query that is not one way only, none. */
export function onlyParameters(query: string): Record<string, string> {
  const parameters = parametersOf(query) ?? [];
  const counts = new Map<string, number>();
  for (const [name] of parameters) counts.set(name, (counts.get(name) ?? 0) + 1);
  return Object.fromEntries(parameters.filter(([name]) => counts.get(name) === 1));
}

/**
 * Every value of one parameter, of any query: an escape that is none stays as it is, bytes that are no UTF-8 are U+FFFD.
 * @param query with or without its `?`
 */
export function queryValues(query: string, name: string): string[] {
  const members = (query.startsWith("?") ? query.slice(1) : query).split("&");
  return members.flatMap((member) => {
    if (member === "") return [];
    const at = member.indexOf("=");
    if (decode(at < 0 ? member : member.slice(0, at)) !== name) return [];
    return [at < 0 ? "" : decode(member.slice(at + 1))];
  });
}

/** Of any query, in their order, decoded as `queryValues` does. @param query with or without its `?` */
export function looseParametersOf(query: string): [name: string, value: string][] {
  const members = (query.startsWith("?") ? query.slice(1) : query).split("&");
  return members.flatMap((member): [string, string][] => {
    if (member === "") return [];
    const at = member.indexOf("=");
    return [at < 0 ? [decode(member), ""] : [decode(member.slice(0, at)), decode(member.slice(at + 1))]];
  });
}

function decode(text: string): string {
  if (!/[+%]/.test(text)) return text;
  return text.replaceAll("+", " ").replace(/(?:%[0-9A-Fa-f]{2})+/g, decodeRun);
}

function decodeRun(run: string): string {
  try {
    return decodeURIComponent(run);
  } catch {
    return "\ufffd";
  }
}
