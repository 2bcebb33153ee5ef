/** What validation found in a request or an answer that its contract does not allow. */
import { escapeKey, unescapeKey } from "../http/json-pointer.ts";
import type { Violation } from "./violation.ts";

export interface Finding {
  /** Where it is: a kind of parameters, the body, or what the message as a whole is. */
  readonly in: "path" | "query" | "header" | "cookie" | "body" | "method" | "status";
  /** Of a parameter or field. */
  readonly name?: string;
  /** The name is the sender's own, and none of the contract. */
  readonly isUnknown?: true;
  /** JSON pointer (RFC 6901) into the value; "" is the whole. */
  readonly pointer: string;
  /** Of the schema (`required`, `type`, ...), or what else of the contract it breaks. */
  readonly keyword: string;
  /** For people; never the value itself. */
  readonly detail: string;
}

/** Asks a schema of the contract, by its name, about a value. */
export type AskSchema = (schema: string, value: unknown) => readonly Violation[];

/** Findings as members of a problem document (RFC 9457 section 3.2). */
export const errorsOf = (findings: readonly Finding[]): readonly Record<string, string>[] =>
  findings.map(({ in: place, name, pointer, keyword, detail }) => ({
    in: place,
    ...(name !== undefined && { name: shortened(name, NAME_CHARS_MAX) }),
    pointer: shortened(pointer, POINTER_CHARS_MAX),
    detail,
    keyword,
  }));

const NAME_CHARS_MAX = 64;
const POINTER_CHARS_MAX = 512;

/** Names are the sender's own: nobody is sent more of them than tells a place. */
const shortened = (text: string, charsMax: number): string =>
  text.length > charsMax ? `${text.slice(0, charsMax).toWellFormed()}…` : text;

/**
 * Where findings are counted together. Indexes are `*`, and so are names that the contract does not have: senders cannot make up
 * places.
 * @param isKnown whether a name occurs in the contract
 */
export function placeOf(finding: Finding, isKnown: (name: string) => boolean): string {
  const { in: place, name, isUnknown, pointer } = finding;
  const own = name === undefined ? "" : `/${isUnknown === true ? "*" : escapeKey(name)}`;
  return `${place}${own}${pointer
    .split("/")
    .slice(1)
    .map((segment) => `/${isName(segment, isKnown) ? segment : "*"}`)
    .join("")}`;
}

const isName = (segment: string, isKnown: (name: string) => boolean): boolean =>
  !/^\d+$/.test(segment) && isKnown(unescapeKey(segment));

/** @param of what the findings have in common */
export function findingsOf(violations: readonly Violation[], of: Pick<Finding, "in" | "name">): Finding[] {
  return violations.map(({ pointer, keyword, message }) => ({ ...of, pointer, keyword, detail: message }));
}
