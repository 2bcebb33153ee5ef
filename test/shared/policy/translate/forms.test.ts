import { describe, expect, test } from "vitest";
import { limits } from "../../../../shared/limits.ts";
import { type Settings, translate, translator } from "./support/translate.ts";

describe("forms as JSON", () => {
  const read = (text: string, settings?: Settings): string => translate(translator("form", "json", settings), text);
  const nested = { nested: true } as const;
  test.each<[form: string, json: string, settings?: Settings]>([
    ["", "{}"],
    ["a=1&b=x+y%20z&c", '{"a":"1","b":"x y z","c":""}'],
    ["&&a=1=2&", '{"a":"1=2"}'],
    ["a[b]=1", '{"a[b]":"1"}'],
    ["%C3%A4=%F0%9F%98%80", '{"ä":"😀"}'],
    ["a=1&a=2", '{"a":["1","2"]}', { arrays: ["/a"] }],
    ["a=1", '{"a":["1"]}', { arrays: ["/a"] }],
    ["b=1", '{"b":"1","a":[]}', { arrays: ["/a"] }],
    [
      "a=12345678901234567890&b=true&c=",
      '{"a":12345678901234567890,"b":true,"c":null}',
      { types: { "/a": "number", "/b": "boolean", "/c": "number" } },
    ],
    ["a[b][c]=1&a[d]=2", '{"a":{"b":{"c":"1"},"d":"2"}}', nested],
    ["a[]=1&a[]=2", '{"a":["1","2"]}', { ...nested, arrays: ["/a"] }],
    ["a[0][x]=1&a[1][x]=2", '{"a":[{"x":1},{"x":2}]}', { ...nested, arrays: ["/a"], types: { "/a/x": "number" } }],
    ["a[1]=1&a[0]=0", '{"a":["0","1"]}', { ...nested, arrays: ["/a"] }],
    ["constructor=1&toString=2", '{"constructor":"1","toString":"2"}'],
  ])("%s", (text, json, settings) => {
    expect(read(text, settings)).toBe(json);
  });

  test.each<[form: string, reason: RegExp, settings?: Settings]>([
    ["a=1&a=2", /^form: the field "a" occurs twice/],
    ["a=%", /^form: it has a percent-encoding that is none/],
    ["a=%zz", /^form: it has a percent-encoding/],
    ["a=%C3", /^form: it has a percent-encoding/],
    ["a=%ED%A0%80", /^form: it has a percent-encoding/],
    ["__proto__=1", /is not taken/],
    ["__proto__[x]=1", /is not taken/, nested],
    ["a[__proto__][x]=1", /is not taken/, nested],
    ["constructor[prototype][x]=1", /is not taken/, nested],
    ["a[]=1&a[]=2", /^form: the field "a" occurs twice/, nested],
    ["a=1&a[b]=2", /is a value and has names below it/, nested],
    ["a[b]=2&a=1", /is a value and has names below it/, nested],
    ["a[=1", /is not nested as names are/, nested],
    ["a]=1", /is not nested as names are/, nested],
    ["a[b]c=1", /is not nested as names are/, nested],
    ["[a]=1", /is not nested as names are/, nested],
    ["=1", /is not nested as names are/, nested],
    ["a[][b]=1", /is not taken/, nested],
    ["a[0]=1&a[5]=2", /are not numbered from 0/, { ...nested, arrays: ["/a"] }],
    ["a[999999999]=1", /are not numbered from 0/, { ...nested, arrays: ["/a"] }],
    [`a${"[b]".repeat(50)}=1`, /^bounds: a name has more than/, nested],
    [`a${"[b]".repeat(100_000)}=1`, /^bounds: a name has more than/, nested],
    ["a=x", /is no number/, { types: { "/a": "number" } }],
    [Array.from({ length: limits.forms.fieldsMax + 1 }, (_, at) => `a${at}=1`).join("&"), /^bounds: it has more than/],
  ])("%s is refused", (text, reason, settings) => {
    expect(read(text, settings)).toMatch(reason);
  });

  test("bytes that are no UTF-8", () => {
    expect(translate(translator("form", "json"), Uint8Array.from([0x61, 0x3d, 0xff]))).toBe("form: it is not UTF-8");
  });
});

describe("multipart forms as JSON", () => {
  const type = "multipart/form-data; boundary=b";
  const part = (head: string, value: string): string => `--b\r\n${head}\r\n\r\n${value}\r\n`;
  const field = (name: string, value: string): string => part(`Content-Disposition: form-data; name="${name}"`, value);
  const read = (text: string, settings?: Settings): string =>
    translate(translator("form", "json", settings), text, type);

  test("fields", () => {
    expect(read(`${field("a", "1")}${field("b%22", "x\r\ny")}--b--\r\n`)).toBe('{"a":"1","b\\"":"x\\r\\ny"}');
    expect(read(`${field("a[b]", "1")}--b--`, { nested: true })).toBe('{"a":{"b":"1"}}');
    const typed = part('content-type: text/plain; charset=UTF-8\r\ncontent-disposition: form-data; name="a"', "ä");
    expect(read(`${typed}--b--`)).toBe('{"a":"ä"}');
  });

  test.each<[string, string, RegExp]>([
    ["a file", `${part('Content-Disposition: form-data; name="a"; filename="x.txt"', "1")}--b--`, /is a file/],
    [
      "a file of the other form",
      `${part("Content-Disposition: form-data; name=\"a\"; filename*=UTF-8''x", "1")}--b--`,
      /is a file/,
    ],
    [
      "another type",
      `${part('Content-Disposition: form-data; name="a"\r\nContent-Type: application/json', "1")}--b--`,
      /no text/,
    ],
    [
      "an encoding",
      `${part('Content-Disposition: form-data; name="a"\r\nContent-Transfer-Encoding: base64', "MQ==")}--b--`,
      /encoded/,
    ],
    ["no name", `${part("Content-Disposition: form-data", "1")}--b--`, /has no name/],
    ["no head", "--b\r\nx--b--", /has no end/],
    [
      "a name twice",
      `${part('Content-Disposition: form-data; name="a"\r\nContent-Disposition: form-data; name="b"', "1")}--b--`,
      /in several ways/,
    ],
    ["a field twice", `${field("a", "1")}${field("a", "2")}--b--`, /occurs twice/],
    ["no end", field("a", "1"), /has no end/],
    ["cut short", field("a", "1").slice(0, -4), /has no end/],
    ["another boundary", field("a", "1").replace("--b", "--c"), /has no end/],
    ["__proto__", `${field("__proto__", "1")}--b--`, /is not taken/],
    ["a long head", `${part(`X: ${"x".repeat(5_000)}`, "1")}--b--`, /too long/],
    ["many parts", `${field("a", "1").repeat(limits.forms.fieldsMax + 1)}--b--`, /more than/],
    ["nothing", "", /has no end/],
    ["a part that others find in it", `${field("a", "1\n--b\nx")}--b--`, /where no part ends/],
    [
      "text in another encoding",
      `${part('Content-Disposition: form-data; name="a"\r\nContent-Type: text/plain; charset=utf-7', "+AGE-")}--b--`,
      /encoded/,
    ],
  ])("%s is refused", (_, text, reason) => {
    expect(read(text)).toMatch(reason);
  });

  test("what is taken as a form", () => {
    const takes = (type: string): boolean => translator("form", "json").takes(type);
    expect(takes('multipart/form-data; boundary="b c"')).toBe(true);
    expect(takes("application/x-www-form-urlencoded; charset=UTF-8")).toBe(true);
    for (const type of [
      "multipart/form-data",
      "multipart/form-data; boundary=",
      `multipart/form-data; boundary=${"b".repeat(71)}`,
      "multipart/mixed; boundary=b",
      "application/x-www-form-urlencoded; charset=utf-16",
      "text/plain",
      "",
    ])
      expect(takes(type)).toBe(false);
  });
});

describe("JSON as forms", () => {
  const write = (text: string, settings?: Settings): string => translate(translator("json", "form", settings), text);
  test.each<[json: string, form: string, settings?: Settings]>([
    ["{}", ""],
    ['{"a":"x y&=+%","b":1.10,"c":true,"d":null}', "a=x+y%26%3D%2B%25&b=1.10&c=true"],
    ['{"a":[1,2]}', "a=1&a=2"],
    ['{"a":{"b":[1,2],"c":[{"d":1}]}}', "a%5Bb%5D%5B%5D=1&a%5Bb%5D%5B%5D=2&a%5Bc%5D%5B0%5D%5Bd%5D=1", { nested: true }],
    ['{"ä":"!\'()*~"}', "%C3%A4=%21%27%28%29*%7E"],
  ])("%s", (text, form, settings) => {
    expect(write(text, settings)).toBe(form);
  });
  test.each<[json: string, reason: RegExp, settings?: Settings]>([
    ["[]", /made of a mapping/],
    ["1", /made of a mapping/],
    ['{"a":{"b":1}}', /is a mapping, and names are not/],
    ['{"a":[[1]]}', /is a list of more than values/],
    ['{"a[b]":1}', /cannot be a name/, { nested: true }],
    ['{"a":"\\ud800"}', /no Unicode/],
    [`{"a":[${"1,".repeat(limits.forms.fieldsMax)}1]}`, /^bounds: as a form/],
    [`${'{"a":'.repeat(40)}1${"}".repeat(40)}`, /^bounds: it is nested/, { nested: true }],
  ])("%s is refused", (text, reason, settings) => {
    expect(write(text, settings)).toMatch(reason);
  });
});
