import { describe, expect, test } from "vitest";
import { contentFor } from "../../../shared/contract/content-for.ts";
import type {
  ContractContent,
  ContractParameter,
  FieldEncoding,
  ValueShape,
} from "../../../shared/contract/contract.ts";
import { readBody } from "../../../shared/contract/read-body.ts";
import { parseMediaType } from "../../../shared/http/media-type.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const shape: ValueShape = {
  types: ["object"],
  properties: {
    age: { types: ["integer"] },
    tags: { types: ["array"], items: { types: ["integer"] } },
    card: { types: ["object"], properties: { number: { types: ["string"] }, month: { types: ["integer"] } } },
  },
};

function read(type: string, content: string | Uint8Array, encoding?: ContractContent["encoding"]): unknown {
  const parsed = parseMediaType(type);
  if (parsed === undefined) throw new Error(type);
  const found = readBody(typeof content === "string" ? bytes(content) : content, parsed, {
    mediaType: parsed.type,
    shape,
    ...(encoding !== undefined && { encoding }),
  });
  return found.kind === "value" ? found.value : found.kind;
}

describe("forms", () => {
  const FORM = "application/x-www-form-urlencoded";
  test.each<[string, unknown]>([
    ["age=5&name=a+b%2B", { age: 5, name: "a b+" }],
    ["tags=1&tags=2", { tags: [1, 2] }],
    ["tags=1", { tags: [1] }],
    ["tags[]=1&tags[]=2", { tags: [1, 2] }],
    ["card[number]=4242&card[month]=7", { card: { number: "4242", month: 7 } }],
    ["other=1&other=2", { other: ["1", "2"] }],
    ["", {}],
    ["=1&a", { "": "1", a: "" }],
    ["age=%zz", "form"],
    ["card[a]=1&card[a]=2", "form"],
    // What a server would read otherwise than we do.
    ["age=5&age[x]=1", "form"],
    ["age[x]=1&age=5", "form"],
    ["age[x]y]=1", "form"],
    ["age[[x]]=1", "form"],
    ["age[x=1", "form"],
    ["\ufeffage=5", { "\ufeffage": "5" }],
  ])("%s", (text, value) => expect(read(FORM, text)).toEqual(value));

  const as = (name: "tags" | "card" | "age", more: Partial<ContractParameter>): FieldEncoding[] => [
    { name, as: { name, in: "query", required: false, shape: shape.properties?.[name] ?? shape, ...more } },
  ];
  test.each<[string, FieldEncoding[], unknown]>([
    ["tags=1,2&age=5", as("tags", { style: "form", explode: false }), { tags: [1, 2], age: 5 }],
    ["tags=1%202&age=5", as("tags", { style: "spaceDelimited", explode: false }), { tags: [1, 2], age: 5 }],
    ["tags=1|2", as("tags", { style: "pipeDelimited", explode: false }), { tags: [1, 2] }],
    ["tags=1&tags=2", as("tags", { style: "form", explode: true }), { tags: [1, 2] }],
    ["card=number,4242,month,7", as("card", { style: "form", explode: false }), { card: { number: "4242", month: 7 } }],
    [
      "number=4242&month=7&age=1",
      as("card", { style: "form", explode: true }),
      { card: { number: "4242", month: 7 }, age: 1 },
    ],
    [
      "card[number]=1&card[month]=7",
      as("card", { style: "deepObject", explode: true }),
      { card: { number: "1", month: 7 } },
    ],
    ['card={"month":7}', as("card", { mediaType: "application/json" }), { card: { month: 7 } }],
    ["card=%7B%22month%22%3A7%7D&age=2", as("card", { mediaType: "application/json" }), { card: { month: 7 }, age: 2 }],
    ["age=5", as("card", { mediaType: "application/json" }), { age: 5 }],
    // Refused, for servers would read them otherwise, or not at all.
    ["card={", as("card", { mediaType: "application/json" }), "form"],
    ['card={"a":1,"a":2}', as("card", { mediaType: "application/json" }), "form"],
    ["card={}&card={}", as("card", { mediaType: "application/json" }), "form"],
    ["card={}&card[a]=1", as("card", { mediaType: "application/json" }), "form"],
    ["tags=1,2&tags[]=3", as("tags", { style: "form", explode: false }), "form"],
    ["tags=1,2&tags=3", as("tags", { style: "form", explode: false }), "form"],
    ["card=1&card[number]=1", as("card", { style: "deepObject", explode: true }), "form"],
    ["card=1&number=1", as("card", { style: "form", explode: true }), "form"],
    ["card=1", as("card", { style: "form", explode: true }), "form"],
    ["number=1&number[x]=2", as("card", { style: "form", explode: true }), "form"],
    ["tags=%zz", as("tags", { style: "form", explode: false }), "form"],
  ])("%s with an encoding of its own %#", (text, encoding, value) => expect(read(FORM, text, encoding)).toEqual(value));

  test("a property whose own name has brackets is read by it", () => {
    const own: ValueShape = {
      types: ["object"],
      properties: { "ids[]": { types: ["array"], items: { types: ["integer"] } } },
    };
    const type = { type: FORM, charset: undefined, boundary: undefined };
    const found = readBody(bytes("ids[]=1&ids[]=2"), type, { mediaType: FORM, shape: own });
    expect(found).toEqual({ kind: "value", value: { "ids[]": [1, 2] } });
  });

  test("names of the language are names", () => {
    expect(Object.keys(read(FORM, "__proto__=1&constructor=2") as object)).toEqual(["__proto__", "constructor"]);
  });
});

describe("multipart", () => {
  const part = (head: string, content: string): string => `--x\r\n${head}\r\n\r\n${content}\r\n`;
  const named = (name: string, more = ""): string => `Content-Disposition: form-data; name="${name}"${more}`;
  const MULTIPART = "multipart/form-data; boundary=x";
  test.each<[types: readonly string[], type: string | undefined, content: string, value: unknown]>([
    [["application/json"], "application/json", '{"month":7}', { card: { month: 7 } }],
    // Browsers state no type of a text.
    [["application/json"], undefined, '{"month":7}', { card: { month: 7 } }],
    [["application/json"], undefined, "{", "form"],
    [["application/json"], "text/plain", '{"month":7}', "form"],
    [["application/json", "text/plain"], undefined, "7", { card: "7" }],
    [["image/png", "image/*"], "image/jpeg", "x", { card: "x" }],
    [["image/*"], "text/html", "<script>", "form"],
    [["image/*"], undefined, "x", "form"],
    [["*/*"], "text/html", "x", { card: "x" }],
  ])("of the types %j, one of %s: %s", (types, type, content, value) => {
    const head = type === undefined ? named("card") : `${named("card")}\r\ncontent-type: ${type}`;
    expect(read(MULTIPART, `${part(head, content)}--x--`, [{ name: "card", types }])).toEqual(value);
  });
  test("a type is asked of its own field alone, and of each part of it", () => {
    const png = (name: string, type: string): string => part(`${named(name)}\r\ncontent-type: ${type}`, "1");
    const encoding = [{ name: "file", types: ["image/png"] }];
    expect(read(MULTIPART, `${png("other", "text/html")}${png("file", "image/png")}--x--`, encoding)).toEqual({
      other: "1",
      file: "1",
    });
    expect(read(MULTIPART, `${png("file", "image/png")}${png("file", "text/html")}--x--`, encoding)).toBe("form");
    // Servers that read brackets would find it there.
    expect(read(MULTIPART, `${png("file[]", "text/html")}--x--`, encoding)).toBe("form");
    expect(read(MULTIPART, `${png("file[]", "image/png")}--x--`, encoding)).toEqual({ file: { "": "1" } });
  });
  test.each<[string, unknown]>([
    [`${part(named("age"), "5")}${part(named("name"), "héllo")}--x--\r\n`, { age: 5, name: "héllo" }],
    [`preamble\r\n${part(named("age"), "5")}--x--epilogue`, { age: 5 }],
    [`--x--`, {}],
    [`${part(named("tags"), "1") + part(named("tags"), "2")}--x--`, { tags: [1, 2] }],
    [`${part(named("tags"), "1")}--x--`, { tags: [1] }],
    [`${part(`${named("card")}\r\ncontent-type: application/json`, '{"month":7}')}--x--`, { card: { month: 7 } }],
    [`${part(`${named("card")}\r\ncontent-type: application/json`, '{"a":1,"a":2}')}--x--`, "form"],
    [`${part(named("file", '; filename="a.bin"'), "12345")}--x--`, { file: "12345" }],
    [`${part(named("a%22b"), "1")}--x--`, { 'a"b': "1" }],
    [`${part(named('a\\"b'), "1")}--x--`, { 'a"b': "1" }],
    [`${part('content-disposition: form-data; filename="a"', "1")}--x--`, "form"],
    [`${part('content-disposition: attachment; name="a"', "1")}--x--`, "form"],
    [part(named("a"), "--x"), "form"],
    [`${part(`x: ${"y".repeat(5_000)}\r\n${named("a")}`, "1")}--x--`, "bounds"],
    ["--x\r\n\r\n\r\n--x--", "form"],
    ["nothing", "form"],
    [`${part("content-disposition: form-data; name=age", "5")}--x--`, { age: 5 }],
    [`${part(named("card[month]"), "7") + part(named("tags[]"), "1")}--x--`, { card: { month: 7 }, tags: [1] }],
    [`${part(named("file", '; filename="C:\\dir\\a"'), "1")}--x--`, { file: "1" }],
    // What a server would read otherwise than we do.
    [`${part(named("age"), "5") + part(named("age[x]"), "1")}--x--`, "form"],
    [`${part(`${named("card[x]")}\r\ncontent-type: application/json`, "{}")}--x--`, "form"],
    [`${part(named("name"), `a\n--x\n${named("role")}\n\nadmin`)}--x--`, "form"],
    [`${part(named("name"), `a\r--x\r${named("role")}\r\radmin`)}--x--`, "form"],
    [`\n${part(named("role"), "admin")}${part(named("age"), "5")}--x--`, "form"],
    [`${part(named("age"), "5")}--x--\r\n${part(named("role"), "admin")}--x--`, "form"],
    [`${part(`${named("name")}\r\n${named("role")}`, "1")}--x--`, "form"],
    [`${part(`x: y\n${named("role")}\r\n${named("name")}`, "1")}--x--`, "form"],
    [`${part(`${named("name")}\r\n ; filename=a`, "1")}--x--`, "form"],
    [`${part(`Content-Disposition : form-data; name=role\r\n${named("name")}`, "1")}--x--`, "form"],
    [`${part(named("name", '; name="role"'), "1")}--x--`, "form"],
    [`${part('content-disposition: form-data; filename="; name="; name="role"', "1")}--x--`, { role: "1" }],
    [`${part(named("a\\ge"), "1")}--x--`, "form"],
    [`${part(named("name", "; name*=utf-8''role"), "1")}--x--`, "form"],
    [`${part(`${named("name")}\r\ncontent-transfer-encoding: quoted-printable`, "=61")}--x--`, "form"],
    [`${part(`${named("name")}\r\ncontent-type: text/plain; charset=utf-7`, "+AGE-")}--x--`, "form"],
    [`${part(named("name"), "\ufeffa")}--x--`, { name: "\ufeffa" }],
    [`--x\r\n\r\n${named("name")}\r\n\r\n1\r\n--x--`, "form"],
  ])("%#", (text, value) => expect(read(MULTIPART, text)).toEqual(value));

  test("files count by their bytes, whatever they are", () => {
    const content = new Uint8Array([
      ...bytes(`--x\r\n${named("file", "; filename=a")}\r\n\r\n`),
      0x80,
      0xff,
      ...bytes("\r\n--x--"),
    ]);
    expect((read(MULTIPART, content) as { file: string }).file).toHaveLength(2);
  });
});

describe("types", () => {
  test.each([
    ["application/json", "value"],
    ["application/problem+json", "value"],
    ["text/plain", "opaque"],
    ["application/json; charset=utf-16", "charset"],
  ])("%s is %s", (type, kind) => {
    const parsed = parseMediaType(type);
    expect(parsed && readBody(bytes("{}"), parsed, { mediaType: "*/*" }).kind).toBe(kind);
  });

  test("the most specific entry takes it", () => {
    const contents = ["application/json", "image/*", "*/*"].map((mediaType) => ({ mediaType }));
    const found = ["application/json", "image/png", "imagex/png"].map((type) => contentFor(contents, type)?.mediaType);
    expect(found).toEqual(["application/json", "image/*", "*/*"]);
  });

  test("a parameter may be quoted, and stands once", () => {
    expect(parseMediaType('multipart/form-data; boundary="a b\\"c"; charset=UTF-8')).toEqual({
      ...{ type: "multipart/form-data", boundary: 'a b"c', charset: "utf-8" },
    });
    expect(parseMediaType("a/b; charset=a; CHARSET=b")).toBeUndefined();
    expect(parseMediaType("a/b; charset")).toBeUndefined();
    expect(parseMediaType(null)?.type).toBe("application/octet-stream");
  });
});
