/** Which fields of an answer are stored, and which a 304 replaces (RFC 9111 sections 3.1 and 3.2). */

import { HOP_BY_HOP, POLICY_PREFIX } from "../http/header-names.ts";
import { formatHttpDate, parseHttpDate } from "../http/http-date.ts";
import { connectionNames } from "../http/inspect-head.ts";
import type { AnswerDirectives } from "./answer-directives.ts";
import type { FieldReader, FieldSet } from "./cache-request.ts";
import type { StoredHead } from "./stored-head.ts";

type Fields = [name: string, value: string][];

/**
 * Beside fields of one connection, and those between the edge and the mesh: what is about one recipient, and what an answer from the
 * cache has anew.
 */
const UNSTORED: ReadonlySet<string> = new Set(["set-cookie", "age", "proxy-authentication-info"]);
/** They are about the body that is stored, which a 304 does not bring. */
const OF_THE_BODY: ReadonlySet<string> = new Set(["content-length", "content-encoding", "content-range"]);

/** @returns lower-case names, with a `Date` where there was none (RFC 9110 section 6.6.1) */
export function storedFields(fields: FieldSet, { unstored }: AnswerDirectives, receivedAtMs: number): Fields {
  const named = new Set([...unstored, ...connectionNames(fields.get("connection") ?? "")]);
  const stored: Fields = [];
  for (const [name, value] of fields) {
    const lower = name.toLowerCase();
    const isOfOthers = HOP_BY_HOP.has(lower) || lower.startsWith(POLICY_PREFIX) || named.has(lower);
    if (!isOfOthers && !UNSTORED.has(lower)) stored.push([lower, value]);
  }
  if (parseHttpDate(fields.get("date") ?? "", receivedAtMs) !== undefined) return stored;
  const undated = stored.filter(([name]) => name !== "date");
  undated.push(["date", formatHttpDate(receivedAtMs)]);
  return undated;
}

/** What is stored once a 304 has confirmed it: the new fields, and of the old ones those that it does not have. */
export function freshenedFields(stored: StoredHead["fields"], confirmed: Fields): Fields {
  const added = confirmed.filter(([name]) => !OF_THE_BODY.has(name));
  const replaced = new Set(added.map(([name]) => name));
  return [...stored.filter(([name]) => !replaced.has(name)), ...added].map(([name, value]) => [name, value]);
}

/** Reads a list of fields as one line each. */
export class FieldsByName implements FieldReader {
  readonly #values = new Map<string, string>();
  readonly #fields: StoredHead["fields"];

  constructor(fields: StoredHead["fields"]) {
    this.#fields = fields;
    for (const [name, value] of fields) {
      const before = this.#values.get(name);
      this.#values.set(name, before === undefined ? value : `${before}, ${value}`);
    }
  }

  get(name: string): string | undefined {
    return this.#values.get(name);
  }

  [Symbol.iterator](): Iterator<readonly [name: string, value: string]> {
    return this.#fields[Symbol.iterator]();
  }
}
