/** Fields from path, query and content, and back: what a client means is what a service reads. */
import type { JsonValue } from "@bufbuild/protobuf";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { AnswerWriter } from "../../../shared/transcode/answer-message.ts";
import type { Binding } from "../../../shared/transcode/bindings.ts";
import { findMethod } from "../../../shared/transcode/method-index.ts";
import { requestMessage } from "../../../shared/transcode/request-message.ts";
import type { PrintSettings, TranscodeSettings } from "../../../shared/transcode/settings.ts";
import { decoded, encoded, kinds, kindsIndex } from "../../support/transcode.ts";

const lenient: TranscodeSettings = { descriptor: "x" };

function bound(method: string, target: string, content?: string): { binding: Binding; bytes: Uint8Array } | string {
  const [path = "", query = ""] = target.split("?");
  const found = findMethod(kindsIndex, method, path);
  if (found.binding === undefined) return found.missing;
  const request = {
    captured: found.captured,
    query: query === "" ? "" : `?${query}`,
    contentType: "application/json",
    content: new TextEncoder().encode(content ?? ""),
  };
  const message = requestMessage(found.binding, request, lenient, kinds);
  return message.fault === undefined ? { binding: found.binding, bytes: message.bytes } : message.reason;
}

function read(method: string, target: string, content?: string): JsonValue {
  const made = bound(method, target, content);
  return typeof made === "string" ? made : decoded("Everything", made.bytes);
}

const written = (name: string, value: JsonValue, print?: PrintSettings, rule = "/echo", method = "GET"): string => {
  const made = findMethod(kindsIndex, method, rule);
  if (made.binding === undefined) throw new Error(rule);
  return new AnswerWriter(made.binding, print, kinds).text(encoded(name, value));
};

describe("a query", () => {
  test.each<[string, JsonValue]>([
    ["text=a%20b+c", { text: "a b c" }],
    ["inner.inner.inner.text=deep", { inner: { inner: { inner: { text: "deep" } } } }],
    ["inner.numbers=1&inner.numbers=2&inner.text=x", { inner: { numbers: [1, 2], text: "x" } }],
    ["int64_value=9223372036854775807", { int64Value: "9223372036854775807" }],
    ["int64Value=-1&uint64_value=18446744073709551615", { int64Value: "-1", uint64Value: "18446744073709551615" }],
    ["flag=true", { flag: true }],
    ["colour=GREEN", { colour: "GREEN" }],
    ["colour=2", { colour: "GREEN" }],
    ["colours=RED&colours=2", { colours: ["RED", "GREEN"] }],
    ["longs=9007199254740993", { longs: ["9007199254740993"] }],
    ["raw=-_8", { raw: "+/8=" }],
    ["double_value=NaN", { doubleValue: "NaN" }],
    ["double_value=-Infinity", { doubleValue: "-Infinity" }],
    ["timestamp=2026-01-02T03:04:05Z", { timestamp: "2026-01-02T03:04:05Z" }],
    ["duration=1.5s", { duration: "1.500s" }],
    ["mask=text,inner.text", { mask: "text,inner.text" }],
    ["wrapped_int64=7&wrapped_bool=false&wrapped_text=", { wrappedInt64: "7", wrappedBool: false, wrappedText: "" }],
    ["maybe=", { maybe: "" }],
    ["renamed=a", { renamed: "a" }],
    ["own_name=a", { renamed: "a" }],
    ["chosen_number=4", { chosenNumber: "4" }],
    ["", {}],
    ["&&text=a&", { text: "a" }],
    ["text=a=b", { text: "a=b" }],
  ])("%s", (query, expected) => {
    expect(read("GET", `/echo?${query}`)).toEqual(expected);
  });

  test.each([
    ["chosen_text=a&chosen_number=1", "choice"],
    ["int32_value=9999999999", "int32"],
    ["struct=a", "no text"],
    ["any=a", "no text"],
    ["inners.text=a", "names no field"],
    ["labels.a=b", "names no field"],
  ])("%s is refused", (query, why) => {
    expect(read("GET", `/echo?${query}`)).toContain(why);
  });
});

describe("content", () => {
  test("numbers keep what they are, however large", () => {
    const text = '{"int64Value":9007199254740993,"longs":[-9223372036854775808],"uint64Value":18446744073709551615}';
    expect(read("POST", "/echo", text)).toEqual({
      ...{ int64Value: "9007199254740993", longs: ["-9223372036854775808"], uint64Value: "18446744073709551615" },
    });
    expect(read("POST", "/echo", '{"int64Value":1e3,"doubleValue":1.10,"int32Value":-0}')).toEqual({
      ...{ int64Value: "1000", doubleValue: 1.1 },
    });
    expect(read("POST", "/echo", '{"wrappedInt64":9007199254740993}')).toEqual({ wrappedInt64: "9007199254740993" });
    expect(read("POST", "/echo", '{"struct":{"a":12345678901234567890},"value":[12345678901234567890]}')).toEqual({
      ...{ struct: { a: 12345678901234567000 }, value: [12345678901234567000] },
    });
    const any = '{"any":{"@type":"x/test.kinds.Everything","int64Value":9007199254740993,"text":"a"}}';
    expect(read("POST", "/echo", any)).toEqual({
      any: { "@type": "type.googleapis.com/test.kinds.Everything", int64Value: "9007199254740993", text: "a" },
    });
  });

  test("the path comes before it, and the rest of it stays", () => {
    expect(read("PUT", "/echo/number/7", '{"int64Value":"8","text":"a"}')).toEqual({ int64Value: "7", text: "a" });
    expect(read("PUT", "/echo/inner?text=b", '{"text":"a"}')).toEqual({ inner: { text: "a" }, text: "b" });
    expect(read("PUT", "/echo/texts", '["a","b"]')).toEqual({ texts: ["a", "b"] });
    expect(read("POST", "/echo")).toEqual({});
    expect(read("POST", "/echo", '{"inner":null,"texts":null}')).toEqual({});
  });

  test("keys of mappings are only keys", () => {
    expect(read("POST", "/echo", '{"labels":{"__proto__":"a","constructor":"b"}}')).toEqual({
      labels: JSON.parse('{"__proto__":"a","constructor":"b"}'),
    });
    expect(({} as { a?: unknown }).a).toBeUndefined();
  });
});

describe("answers", () => {
  test("a field that is all of the answer is there also when nobody has set it", () => {
    expect(written("Everything", { texts: ["a"] }, undefined, "/echo/texts", "PUT")).toBe('["a"]');
    expect(written("Everything", {}, undefined, "/echo/texts", "PUT")).toBe("[]");
    expect(written("Everything", {}, undefined, "/echo/inner", "PUT")).toBe("null");
    expect(written("Everything", { text: "a" }, undefined, "/one/fixed")).toBe('"a"');
    expect(written("Everything", {}, undefined, "/one/fixed")).toBe('""');
  });

  test("are written as asked for", () => {
    const value = { int64Value: "1", colour: "RED", byNumber: { "7": { number: 1 } }, renamed: "a" };
    expect(JSON.parse(written("Everything", value))).toEqual(value);
    expect(JSON.parse(written("Everything", value, { protoNames: true, enumNumbers: true }))).toEqual({
      ...{ int64_value: "1", colour: 1, by_number: { "7": { number: 1 } }, own_name: "a" },
    });
    expect(JSON.parse(written("Everything", {}, { defaults: true }))).toMatchObject({
      flag: false,
      texts: [],
      labels: {},
    });
  });
});

const word = fc.string({ unit: "binary", maxLength: 12 }).filter((text) => text.isWellFormed());
const inner = fc.record(
  {
    text: word.filter((text) => text !== ""),
    number: fc.integer({ min: 1, max: 2 ** 31 - 1 }),
    numbers: fc.array(fc.integer({ min: -5, max: 5 }), { minLength: 1, maxLength: 4 }),
  },
  { requiredKeys: [] },
);
const everything = fc.record(
  {
    text: word.filter((text) => text !== ""),
    flag: fc.constant(true),
    int64Value: fc
      .bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })
      .filter((one) => one !== 0n)
      .map(String),
    uint64Value: fc.bigInt({ min: 1n, max: 2n ** 64n - 1n }).map(String),
    doubleValue: fc.double({ noNaN: true, noDefaultInfinity: true }).filter((one) => one !== 0),
    colour: fc.constantFrom("RED", "GREEN"),
    texts: fc.array(word, { minLength: 1, maxLength: 4 }),
    longs: fc.array(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map(String), { minLength: 1, maxLength: 4 }),
    labels: fc.dictionary(word, word, { minKeys: 1, maxKeys: 4, noNullPrototype: true }),
    maybe: word,
    raw: fc.uint8Array({ minLength: 1, maxLength: 9 }).map((bytes) => Buffer.from(bytes).toString("base64")),
    inner: inner.filter((one) => Object.keys(one).length > 0),
  },
  { requiredKeys: [] },
);

type Leaf = readonly [name: string, value: string];

/** The parameters that say a value: what a client writes that has no content. */
const leaves = (value: unknown, name: string): Leaf[] => {
  if (Array.isArray(value)) return value.flatMap((one) => leaves(one, name));
  if (typeof value !== "object" || value === null) return [[name, String(value)]];
  return Object.entries(value).flatMap(([key, one]) => leaves(one, name === "" ? key : `${name}.${key}`));
};

describe("whatever is said", () => {
  test("in JSON arrives, and comes back in JSON", () => {
    fc.assert(
      fc.property(everything, (value) => {
        const made = bound("POST", "/echo", JSON.stringify(value));
        if (typeof made === "string") throw new Error(made);
        const back = JSON.parse(new AnswerWriter(made.binding, undefined, kinds).text(made.bytes)) as unknown;
        expect(back).toEqual(JSON.parse(JSON.stringify(value)));
      }),
      { numRuns: 300 },
    );
  });

  test("in a query arrives as it would in JSON", () => {
    fc.assert(
      fc.property(everything, ({ labels: _, ...value }) => {
        const query = leaves(value, "").map(([name, text]) => `${name}=${encodeURIComponent(text)}`);
        expect(read("GET", `/echo?${query.join("&")}`)).toEqual(read("POST", "/echo", JSON.stringify(value)));
      }),
      { numRuns: 300 },
    );
  });

  test("in a path arrives", () => {
    const segment = word.filter((text) => text !== "" && !text.includes(":"));
    fc.assert(
      fc.property(
        segment,
        fc.array(
          segment.filter((text) => !text.includes("/")),
          { minLength: 1, maxLength: 5 },
        ),
        (one, many) => {
          expect(read("GET", `/one/${encodeURIComponent(one)}`)).toEqual({ text: one });
          expect(read("GET", `/files/${many.map(encodeURIComponent).join("/")}`)).toEqual({ text: many.join("/") });
        },
      ),
      { numRuns: 300 },
    );
  });

  test("that is no request is refused, and nothing is thrown", () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 40 }), fc.string({ unit: "binary", maxLength: 40 }), (query, content) => {
        for (const made of [bound("GET", `/echo?${query.replaceAll("?", "")}`), bound("POST", "/echo", content)])
          expect(["string", "object"]).toContain(typeof made);
      }),
      { numRuns: 300 },
    );
  });
});
