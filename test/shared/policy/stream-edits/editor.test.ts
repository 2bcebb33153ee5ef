import { describe, expect, test } from "vitest";
import { limits } from "../../../../shared/limits.ts";
import type { JsonEdits } from "../../../../shared/policy/reshape.ts";
import { StreamEditor } from "../../../../shared/policy/stream-edits/editor.ts";
import { streamProgram } from "../../../../shared/policy/stream-edits/program.ts";
import { streamed } from "./streamed.ts";

const { depthMax, streamedHoldBytesMax, streamedNamesBytesMax, streamedOutputBytes } = limits.reshape;

test.each<[name: string, text: string, edits: JsonEdits, expected: string]>([
  ["an escaped name is the name", '{"\\u0073ecret":1,"a":2}', { remove: ["/secret"] }, '{"a":2}'],
  ["a pair of surrogates is one character", '{"\\ud83d\\ude00":1,"😀x":2}', { remove: ["/😀"] }, '{"😀x":2}'],
  ["blanks go, in strings they stay", ' { "a b" : [ 1 , 2 ] }\n', { remove: ["/x"] }, '{"a b":[1,2]}'],
  [
    "numbers keep their text",
    '{"a":-0.10e+5,"b":12345678901234567890}',
    { remove: ["/x"] },
    '{"a":-0.10e+5,"b":12345678901234567890}',
  ],
  ["names that are numbers stay where they are", '{"b":1,"1":2,"0":3}', { remove: ["/b"] }, '{"1":2,"0":3}'],
  [
    "prototypes are names",
    '{"__proto__":{"a":1},"constructor":2}',
    { remove: ["/__proto__/a"] },
    '{"__proto__":{},"constructor":2}',
  ],
  ["the new name came first, as the first", '{"n":1,"x":2,"o":3}', { rename: { "/o": "n" } }, '{"x":2,"n":3}'],
  ["the new name came first, alone", '{"n":{"n":1},"o":3}', { rename: { "/o": "n" } }, '{"n":3}'],
  ["the new name came first, and the old one never", '{"n":1,"x":2}', { rename: { "/o": "n" } }, '{"n":1,"x":2}'],
  ["two that came first", '{"n":1,"m":2,"o":3,"p":4}', { rename: { "/o": "n", "/p": "m" } }, '{"n":3,"m":4}'],
  ["nothing of a list is picked", "[1]", { pick: ["/a"] }, "[]"],
  ["nothing of a text is picked", '"a"', { pick: ["/a"], set: { "/b": 1 } }, '{"b":1}'],
  [
    "what is made goes into one mapping",
    "{}",
    { set: { "/a/b": 1, "/a/c": 2, "/a/d/-": 3 } },
    '{"a":{"b":1,"c":2,"d":{"-":3}}}',
  ],
])("%s", (_, text, edits, expected) => {
  expect(streamed(text, edits)).toBe(expected);
  expect(streamed(text, edits, Array(200).fill(1))).toBe(expected);
});

const bytes = (...parts: (string | readonly number[])[]): Uint8Array =>
  Buffer.concat(parts.map((part) => Buffer.from(part as string)));

describe("refused, wherever its borders are", () => {
  test.each<[name: string, body: string | Uint8Array, fault: string]>([
    ["nothing", "", "form"],
    ["blanks", " \n", "form"],
    ["cut off in a list", "[1,", "form"],
    ["cut off in a name", '{"a', "form"],
    ["cut off in an escape", '"\\u00', "form"],
    ["cut off in a character", bytes('"', [0xf0, 0x9f]), "form"],
    ["cut off in a number", "[1.", "form"],
    ["cut off in a word", "tru", "form"],
    ["something after it", "{} 1", "form"],
    ["two commas", "[1,,2]", "form"],
    ["a comma at the end", '{"a":1,}', "form"],
    ["another bracket", "[1}", "form"],
    ["no name", "{1:2}", "form"],
    ["a name of no quotes", "{a:1}", "form"],
    ["single quotes", "{'a':1}", "form"],
    ["a number that begins with 0", "[01]", "form"],
    ["a number that begins with a plus", "[+1]", "form"],
    ["no number", "[NaN]", "form"],
    ["a comment", "[1/**/]", "form"],
    ["a line end in a text", '"a\nb"', "form"],
    ["an unknown escape", '"\\x41"', "form"],
    ["another blank", "[1,\u00a02]", "form"],
    ["an overlong character", bytes('"', [0xc0, 0xaf], '"'), "form"],
    ["half a pair in UTF-8", bytes('"', [0xed, 0xa0, 0x80], '"'), "form"],
    ["beyond Unicode", bytes('"', [0xf4, 0x90, 0x80, 0x80], '"'), "form"],
    ["a mark in the middle", "[\ufeff1]", "form"],
    ["UTF-16", bytes([0xff, 0xfe, 0x7b, 0x00]), "form"],
    ["a name twice", '{"a":1,"b":{"a":2},"\\u0061":3}', "form"],
    ["a name twice, of many", `{${Array.from({ length: 40 }, (_, at) => `"n${at % 39}":0`).join(",")}}`, "form"],
    ["too deep", `${"[".repeat(depthMax + 1)}${"]".repeat(depthMax + 1)}`, "bounds"],
  ])("%s", (_, body, fault) => {
    for (const sizes of [[], Array(400).fill(1)])
      expect(streamed(body, { remove: ["$..secret"] }, sizes)).toMatchObject({ fault });
  });
});

test("a mark at the beginning goes", () => {
  for (const sizes of [[], [1, 1, 1]]) expect(streamed("\ufeff[1]", { remove: ["/9"] }, sizes)).toBe("[1]");
});

const faultOf = (found: ReturnType<typeof streamed>): string | undefined =>
  typeof found === "string" ? undefined : found.fault;

describe("bounds", () => {
  test("names, what is held back, and what is set", () => {
    const names = `{"${"n".repeat(streamedNamesBytesMax + 1)}":1}`;
    expect(faultOf(streamed(names, { remove: ["/a"] }))).toBe("bounds");
    const held = `{"n":1,"x":"${"x".repeat(2 * streamedHoldBytesMax)}","o":1}`;
    expect(faultOf(streamed(held, { rename: { "/o": "n" } }, Array(99).fill(65_536)))).toBe("bounds");
    const many = `[${"0,".repeat(5_000)}0]`;
    expect(faultOf(streamed(many, { set: { "$[*]": "v".repeat(4_000) } }))).toBe("bounds");
  });

  test("no more is made than is taken", () => {
    const program = streamProgram({ set: { "$[*]": 0 } });
    if (program === undefined) throw new Error("the edits need the whole body");
    const value = new Uint8Array(100).fill(0x31);
    const editor = new StreamEditor(program, [value]);
    const body = new TextEncoder().encode(`[${"0,".repeat(20_000)}0]`);
    let largest = 0;
    for (let at = 0; at < body.length; ) {
      at = editor.write(body, at);
      largest = Math.max(largest, editor.take().length);
    }
    expect(largest).toBeGreaterThanOrEqual(streamedOutputBytes);
    expect(largest).toBeLessThan(streamedOutputBytes + 2 * value.length);
  });
});
