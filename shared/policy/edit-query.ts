/** Edits of a query. Parameters that nothing is said of keep the bytes that the client sent, and their order. */
import { decodeField } from "../http/escapes.ts";
import { type Filling, textValue } from "./edit-value.ts";
import type { QueryEdits } from "./reshape.ts";

interface Pair {
  /** Undefined: its escapes are none, so it is nobody's name. */
  readonly name: string | undefined;
  readonly text: string;
}

/**
 * Applies edits in the order allow, remove, rename, set, add. Names are compared as servers read them: decoded, `+` as a space.
 * @param query with its `?`; may be empty
 * @returns the same form
 */
export function editQuery(query: string, edits: QueryEdits, filling: Filling): string {
  const { allow, remove = [], rename = {}, set = {}, add = {} } = edits;
  let pairs = pairsOf(query);
  if (allow !== undefined) pairs = pairs.filter(({ name }) => name !== undefined && allow.includes(name));
  if (remove.length > 0) pairs = pairs.filter(({ name }) => name === undefined || !remove.includes(name));
  pairs = pairs.map((pair) => renamed(pair, rename));
  for (const [name, value] of Object.entries(set)) pairs = replaced(pairs, name, textValue(value, filling));
  for (const [name, value] of Object.entries(add)) {
    const text = textValue(value, filling);
    if (text !== undefined) pairs.push(pairOf(name, text));
  }
  return pairs.length === 0 ? "" : `?${pairs.map(({ text }) => text).join("&")}`;
}

function pairsOf(query: string): Pair[] {
  return query
    .slice(1)
    .split("&")
    .filter((text) => text !== "")
    .map((text) => ({ name: decodeField(text.split("=", 1)[0] ?? ""), text }));
}

function renamed(pair: Pair, rename: Readonly<Record<string, string>>): Pair {
  if (pair.name === undefined || !Object.hasOwn(rename, pair.name)) return pair;
  const name = rename[pair.name] ?? "";
  const at = pair.text.indexOf("=");
  return { name, text: encoded(name) + (at < 0 ? "" : pair.text.slice(at)) };
}

/** The first of a name has the value, the others go; without a value all of them do. */
function replaced(pairs: readonly Pair[], name: string, value: string | undefined): Pair[] {
  const at = pairs.findIndex((pair) => pair.name === name);
  const others = pairs.filter((pair) => pair.name !== name);
  if (value !== undefined) others.splice(at < 0 ? others.length : at, 0, pairOf(name, value));
  return others;
}

const pairOf = (name: string, value: string): Pair => ({ name, text: `${encoded(name)}=${encoded(value)}` });

const encoded = (text: string): string =>
  encodeURIComponent(text.toWellFormed()).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);
