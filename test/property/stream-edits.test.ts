import fc from "fast-check";
import { expect, test } from "vitest";
import { isContainer, readExactJson } from "../../shared/http/exact-json.ts";
import type { Filling } from "../../shared/policy/edit-value.ts";
import { editJson, pathsIn } from "../../shared/policy/json-edits.ts";
import { parseJsonPath } from "../../shared/policy/json-path.ts";
import type { JsonEdits } from "../../shared/policy/reshape.ts";
import { streamed } from "../shared/policy/stream-edits/streamed.ts";

const FILLING: Filling = { scope: {}, evaluate: () => undefined, secret: () => undefined, tooLong: () => undefined };

/** What the editor that holds a body whole makes of it; undefined: it refuses it. */
function held(text: string, edits: JsonEdits): string | undefined {
  const json = readExactJson(text);
  if (json.fault !== undefined) return undefined;
  const paths = new Map(
    pathsIn(edits).map((path) => {
      const parsed = parseJsonPath(path);
      if (typeof parsed === "string") throw new Error(parsed);
      return [path, parsed];
    }),
  );
  return JSON.stringify(editJson(json, edits, { ...FILLING, scope: { body: json.value } }, paths));
}

/**
 * Escapes are written shortest where values are made of a text, and members whose names are whole numbers move to the front.
 * @param isOrdered nothing has such a name
 */
function normal(text: string | undefined, isOrdered: boolean): string | undefined {
  if (text === undefined) return undefined;
  const json = readExactJson(text);
  if (json.fault !== undefined) return `${json.fault}: ${text}`;
  return JSON.stringify(isOrdered ? json.value : inOrder(json.value));
}

function inOrder(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(inOrder);
  if (!isContainer(value)) return value;
  const members = Object.entries(value).map(([key, member]) => [key, inOrder(member)] as const);
  return members.toSorted(([one], [other]) => (one < other ? -1 : 1));
}

/** Whether neither a document nor edits have a member that is named 0 or 1. */
const hasNoNumbers = (text: string, given: JsonEdits): boolean =>
  !/"(?:[01]|\\u003[01])"/.test(text) && !/\/[01]|"[01]"|\[[01]\]/.test(JSON.stringify(given));

const NAMES = ["a", "b", "c", "é", "0", "1", "__proto__", "-", 'q"\\', ""];
const name = fc.constantFrom(...NAMES);
const scalar = fc.oneof(
  fc.constantFrom(
    "null",
    "true",
    "false",
    "1.10",
    "-0",
    "12345678901234567890",
    "1e5",
    '"\\u0061\\ud83d\\ude00\\ud800"',
  ),
  fc.string({ unit: "binary", maxLength: 6 }).map((text) => JSON.stringify(text)),
);
/** Texts of JSON with blanks and escapes where they may be. */
const { document } = fc.letrec<{ document: string; mapping: string; list: string }>((tie) => ({
  document: fc.oneof({ maxDepth: 5, depthSize: "large" }, scalar, tie("mapping"), tie("mapping"), tie("list")),
  mapping: fc
    .tuple(fc.array(fc.tuple(name, tie("document"), fc.boolean()), { maxLength: 6 }), blank())
    .map(([members, gap]) => `{${gap}${members.map((member) => memberText(member, gap)).join(`,${gap}`)}}`),
  list: fc
    .tuple(fc.array(tie("document"), { maxLength: 5 }), blank())
    .map(([members, gap]) => `[${members.join(`${gap},`)}${gap}]`),
}));

function blank(): fc.Arbitrary<string> {
  return fc.constantFrom("", " ", "\n\t");
}

function memberText([key, value, isEscaped]: [string, string, boolean], gap: string): string {
  const escaped = [...key].map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`).join("");
  return `${isEscaped ? `"${escaped}"` : JSON.stringify(key)}${gap}:${gap}${value}`;
}

const pointer = fc
  .array(name, { minLength: 1, maxLength: 3 })
  .map((names) => names.map((one) => `/${one.replaceAll("~", "~0").replaceAll("/", "~1")}`).join(""));
const step = fc.constantFrom(".a", ".b", "..a", "..c", "[*]", ".*", "[0]", "[1]", "['é']", '["0"]', "..[*]");
const path = fc
  .array(step, { maxLength: 3 })
  .map((steps) => `$${steps.join("")}`)
  .filter((text) => text.split("..").length <= 2);
const place = fc.oneof({ weight: 3, arbitrary: pointer }, { weight: 2, arbitrary: path });
const places = fc.array(place, { minLength: 1, maxLength: 3 });
const value = fc.constantFrom<unknown>(7, "x", null, { a: 1 }, []);
const some = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> =>
  fc.oneof({ weight: 2, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary });
const edits: fc.Arbitrary<JsonEdits> = fc
  .record({
    pick: some(places),
    remove: some(places),
    rename: some(fc.dictionary(place, name, { minKeys: 1, maxKeys: 2, noNullPrototype: true })),
    set: some(fc.dictionary(place, value, { minKeys: 1, maxKeys: 3, noNullPrototype: true })),
    wrap: some(name),
  })
  .map((all) => Object.fromEntries(Object.entries(all).filter(([, edit]) => edit !== undefined)));

const RUNS = Number(process.env.STREAM_EDITS_RUNS ?? 4_000);

test("what is edited while it passes is what is edited whole, in whatever pieces it comes", () => {
  let made = 0;
  fc.assert(
    fc.property(edits, document, fc.array(fc.integer({ min: 1, max: 9 }), { maxLength: 40 }), (given, text, sizes) => {
      const found = streamed(text, given, sizes);
      if (found === "held") return;
      made++;
      const isOrdered = hasNoNumbers(text, given);
      const whole = normal(held(text, given), isOrdered);
      expect(typeof found === "string" ? normal(found, isOrdered) : undefined).toBe(whole);
    }),
    { numRuns: RUNS },
  );
  expect(made).toBeGreaterThan(RUNS / 4);
});

test("what is no JSON is refused where it would be refused whole", () => {
  const broken = fc
    .tuple(document, fc.nat(), fc.constantFrom("", ",", "]", "}", '"', "\\", "\n", "0", "-", ".", "e", "{"))
    .map(([text, at, piece]) =>
      (text.slice(0, at % (text.length + 1)) + piece + text.slice((at % (text.length + 1)) + 1)).toWellFormed(),
    );
  fc.assert(
    fc.property(broken, fc.array(fc.integer({ min: 1, max: 9 }), { maxLength: 20 }), (text, sizes) => {
      const given = { remove: ["$..a"], rename: { "/b": "c" } };
      const found = streamed(text, given, sizes);
      const isOrdered = hasNoNumbers(text, given);
      const whole = normal(held(text, given), isOrdered);
      expect(typeof found === "string" ? normal(found, isOrdered) : undefined).toBe(whole);
    }),
    { numRuns: RUNS },
  );
});
