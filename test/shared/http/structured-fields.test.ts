/** The public cases of RFC 9651 (../shared/vectors/structured-fields), against the reader and writer that all fields go through. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import {
  type BareItem,
  DisplayString,
  type InnerList,
  type Item,
  isInnerList,
  type Parameters,
  parseDictionary,
  parseItem,
  parseList,
  serializeDictionary,
  serializeItem,
  serializeList,
  Token,
} from "structured-headers";
import { describe, expect, test } from "vitest";

interface Case {
  readonly name: string;
  readonly raw?: readonly string[];
  readonly header_type: "item" | "list" | "dictionary";
  readonly expected?: unknown;
  readonly canonical?: readonly string[];
  readonly must_fail?: boolean;
  readonly can_fail?: boolean;
}

const folder = resolve(import.meta.dirname, "../../../../shared/vectors/structured-fields");
const casesIn = (path: string): readonly Case[] => JSON.parse(readFileSync(resolve(folder, path), "utf8"));
const filesIn = (path: string): readonly string[] =>
  existsSync(resolve(folder, path)) ? readdirSync(resolve(folder, path)).filter((name) => name.endsWith(".json")) : [];
const files = filesIn(".");
const serialisations = filesIn("serialisation-tests");

const BASE32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

function base32(value: ArrayBuffer): string {
  const bytes = new Uint8Array(value);
  let bits = "";
  for (const byte of bytes) bits += byte.toString(2).padStart(8, "0");
  let text = "";
  for (let at = 0; at < bits.length; at += 5) text += BASE32[Number.parseInt(bits.slice(at, at + 5).padEnd(5, "0"), 2)];
  return text.padEnd(Math.ceil(text.length / 8) * 8, "=");
}

function bytesOfBase32(text: string): ArrayBuffer {
  let bits = "";
  for (const char of text.replace(/=+$/, "")) bits += BASE32.indexOf(char).toString(2).padStart(5, "0");
  const bytes = new Uint8Array(Math.floor(bits.length / 8));
  for (let at = 0; at < bytes.length; at++) bytes[at] = Number.parseInt(bits.slice(8 * at, 8 * at + 8), 2);
  return bytes.buffer;
}

/** As the cases write it. */
function bareForm(bare: BareItem): unknown {
  if (bare instanceof Token) return { __type: "token", value: bare.toString() };
  if (bare instanceof DisplayString) return { __type: "displaystring", value: bare.toString() };
  if (bare instanceof Date) return { __type: "date", value: bare.getTime() / 1000 };
  if (typeof bare === "object") return { __type: "binary", value: base32(bare as ArrayBuffer) };
  return Object.is(bare, -0) ? 0 : bare;
}
const parametersForm = (parameters: Parameters): unknown =>
  [...parameters].map(([name, value]) => [name, bareForm(value)]);
const itemForm = ([bare, parameters]: Item): unknown => [bareForm(bare), parametersForm(parameters)];
const memberForm = (member: Item | InnerList): unknown =>
  isInnerList(member) ? [member[0].map(itemForm), parametersForm(member[1])] : itemForm(member);

function read({ header_type: kind, raw = [] }: Case): { form: unknown; text: string } {
  const text = raw.join(", ");
  if (kind === "item") {
    const item = parseItem(text);
    return { form: itemForm(item), text: serializeItem(item) };
  }
  if (kind === "list") {
    const list = parseList(text);
    return { form: list.map(memberForm), text: serializeList(list) };
  }
  const dictionary = parseDictionary(text);
  return {
    form: [...dictionary].map(([name, member]) => [name, memberForm(member)]),
    text: serializeDictionary(dictionary),
  };
}

type Form = [unknown, [string, unknown][]];

function bareOf(form: unknown): BareItem {
  if (typeof form !== "object" || form === null) return form as BareItem;
  const { __type: type, value } = form as { __type: string; value: never };
  if (type === "token") return new Token(value);
  if (type === "displaystring") return new DisplayString(value);
  return type === "date" ? new Date(1000 * value) : bytesOfBase32(value);
}
const parametersOf = (form: Form[1]): Parameters => new Map(form.map(([name, value]) => [name, bareOf(value)]));
const itemOf = ([bare, parameters]: Form): Item => [bareOf(bare), parametersOf(parameters)];
const memberOf = ([value, parameters]: Form): Item | InnerList =>
  Array.isArray(value) ? [(value as Form[]).map(itemOf), parametersOf(parameters)] : itemOf([value, parameters]);

function write({ header_type: kind, expected }: Case): string {
  if (kind === "item") return serializeItem(itemOf(expected as Form));
  if (kind === "list") return serializeList((expected as Form[]).map(memberOf));
  return serializeDictionary(new Map((expected as [string, Form][]).map(([name, form]) => [name, memberOf(form)])));
}

/** What does not pass, by file: none of the fields that are read or written here has a date or decimals of four digits. */
const KNOWN: Readonly<Record<string, readonly string[]>> = {
  // Dates of JavaScript end at 8.64e15 ms.
  "date.json": ["syntactic max date - 999,999,999,999,999", "syntactic min date - -999,999,999,999,999"],
  // More than three decimals are rounded wrongly; what was read has three at most, and nothing else with decimals is written.
  "written number.json": [
    "round positive even decimal - serialize",
    "round negative even decimal - serialize",
    "decimal round up to integer part - serialize",
  ],
};

/** A number of JavaScript does not know whether it was written `1` or `1.0`. */
const withoutZeros = (text: string): string => text.replace(/(?<=\d)\.0+(?!\d)/g, "");

/** Names of cases that another reader or writer would decide otherwise. */
function failing(cases: readonly Case[], passes: (one: Case) => boolean): string[] {
  return cases.filter((one) => !passes(one)).map(({ name }) => name);
}

function attempt<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch {
    return undefined;
  }
}

function isReadRight(one: Case): boolean {
  const found = attempt(() => read(one));
  if (one.must_fail === true) return found === undefined;
  if (found === undefined) return one.can_fail === true;
  const text = (one.canonical ?? one.raw ?? []).join(", ");
  return JSON.stringify(found.form) === JSON.stringify(one.expected) && withoutZeros(found.text) === withoutZeros(text);
}

function isWrittenRight(one: Case): boolean {
  const found = attempt(() => write(one));
  if (one.must_fail === true || found === undefined) return one.must_fail === true && found === undefined;
  return withoutZeros(found) === withoutZeros(one.canonical?.join(", ") ?? "");
}

describe.skipIf(files.length === 0)("structured fields (../shared/vectors, absent in a plain clone)", () => {
  test.each(files)("read: %s", (file) => {
    expect(failing(casesIn(file), isReadRight)).toEqual(KNOWN[file] ?? []);
  });

  test.each(serialisations)("written: %s", (file) => {
    expect(failing(casesIn(`serialisation-tests/${file}`), isWrittenRight)).toEqual(KNOWN[`written ${file}`] ?? []);
  });
});
