import { describe, expect, test } from "vitest";
import type { ContractParameter, ValueShape } from "../../../shared/contract/contract.ts";
import { formFields } from "../../../shared/contract/form-fields.ts";
import {
  readCookieParameter,
  readHeaderParameter,
  readPathParameter,
  readQueryParameter,
} from "../../../shared/contract/read-parameter.ts";
import type { ReadValue } from "../../../shared/contract/text-value.ts";
import { limits } from "../../../shared/limits.ts";

const text: ValueShape = { types: ["string"] };
const list: ValueShape = { types: ["array"], items: text };
const numbers: ValueShape = { types: ["array"], items: { types: ["integer"] } };
const colour: ValueShape = {
  types: ["object"],
  properties: { R: { types: ["integer"] }, G: { types: ["integer"] }, B: { types: ["integer"] } },
};
const RGB = { R: 100, G: 200, B: 150 };
const COLOURS = ["blue", "black", "brown"];

const parameter = (place: ContractParameter["in"], more: Partial<ContractParameter> = {}): ContractParameter => ({
  ...{ name: "color", in: place, required: true, shape: text },
  ...more,
});
const resultOf = (read: ReadValue | undefined): unknown =>
  read === undefined ? undefined : read.fault === undefined ? read.value : `fault: ${read.fault}`;
const query = (raw: string, more: Partial<ContractParameter>): unknown => {
  const fields = formFields(raw);
  if (fields === undefined) throw new Error("no fields");
  return resultOf(readQueryParameter(parameter("query", more), fields));
};

describe("the examples of OpenAPI 3.1.1, section 4.8.12.5", () => {
  test.each<[Partial<ContractParameter>, string, unknown]>([
    [{ style: "matrix", explode: false }, ";color", ""],
    [{ style: "matrix", explode: false }, ";color=blue", "blue"],
    [{ style: "matrix", explode: false, shape: list }, ";color=blue,black,brown", COLOURS],
    [{ style: "matrix", explode: true, shape: list }, ";color=blue;color=black;color=brown", COLOURS],
    [{ style: "matrix", explode: false, shape: colour }, ";color=R,100,G,200,B,150", RGB],
    [{ style: "matrix", explode: true, shape: colour }, ";R=100;G=200;B=150", RGB],
    [{ style: "label", explode: false }, ".", ""],
    [{ style: "label", explode: false }, ".blue", "blue"],
    [{ style: "label", explode: false, shape: list }, ".blue,black,brown", COLOURS],
    [{ style: "label", explode: true, shape: list }, ".blue.black.brown", COLOURS],
    [{ style: "label", explode: false, shape: colour }, ".R,100,G,200,B,150", RGB],
    [{ style: "label", explode: true, shape: colour }, ".R=100.G=200.B=150", RGB],
    [{ style: "simple", explode: false }, "blue", "blue"],
    [{ style: "simple", explode: false, shape: list }, "blue,black,brown", COLOURS],
    [{ style: "simple", explode: false, shape: colour }, "R,100,G,200,B,150", RGB],
    [{ style: "simple", explode: true, shape: colour }, "R=100,G=200,B=150", RGB],
  ])("path %j %s", (more, raw, value) => {
    expect(resultOf(readPathParameter(parameter("path", more), raw))).toEqual(value);
  });

  test.each<[Partial<ContractParameter>, string, unknown]>([
    [{ style: "form", explode: true }, "color=", ""],
    [{ style: "form", explode: true }, "color=blue", "blue"],
    [{ style: "form", explode: false, shape: list }, "color=blue,black,brown", COLOURS],
    [{ style: "form", explode: true, shape: list }, "color=blue&color=black&color=brown", COLOURS],
    [{ style: "form", explode: false, shape: colour }, "color=R,100,G,200,B,150", RGB],
    [{ style: "form", explode: true, shape: colour }, "R=100&G=200&B=150", RGB],
    [{ style: "spaceDelimited", explode: false, shape: list }, "color=blue%20black%20brown", COLOURS],
    [{ style: "spaceDelimited", explode: false, shape: colour }, "color=R%20100%20G%20200%20B%20150", RGB],
    [{ style: "pipeDelimited", explode: false, shape: list }, "color=blue%7Cblack%7Cbrown", COLOURS],
    [{ style: "pipeDelimited", explode: false, shape: colour }, "color=R|100|G|200|B|150", RGB],
    [{ style: "deepObject", explode: true, shape: colour }, "color%5BR%5D=100&color[G]=200&color[B]=150", RGB],
  ])("query %j %s", (more, raw, value) => expect(query(raw, more)).toEqual(value));
});

describe("values", () => {
  test.each<[ValueShape["types"], string, unknown]>([
    [["integer"], "12", 12],
    [["integer"], "-0", -0],
    [["integer"], "1e3", "1e3"],
    [["integer"], "%2B1", "+1"],
    [["integer"], "%201", " 1"],
    [["integer"], "0x10", "0x10"],
    [["integer"], "1_0", "1_0"],
    [["integer"], "01", "01"],
    [["integer"], "1.0", "1.0"],
    [["integer"], "", ""],
    [["integer"], "٣", "٣"],
    [["integer"], "9".repeat(400), "9".repeat(400)],
    [["number"], "1.5", 1.5],
    [["number"], "1e3", "1e3"],
    [["number"], ".5", ".5"],
    [["number"], "NaN", "NaN"],
    [["number"], "Infinity", "Infinity"],
    [["boolean"], "true", true],
    [["boolean"], "True", "True"],
    [["boolean"], "1", "1"],
    [["integer", "null"], "null", null],
    [["integer", "null"], "", null],
    [["string", "null"], "null", "null"],
    [["string"], "12", "12"],
    [["string"], "true", "true"],
    [["string", "integer"], "12", 12],
    [["string"], "%2525", "%25"],
    [["string"], "a+b%2Bc", "a b+c"],
  ])("%j %s", (types, raw, value) => expect(query(`color=${raw}`, { shape: { types } })).toEqual(value));

  test("escaped separators are no separators", () => {
    expect(query("color=a%2Cb,c", { explode: false, shape: list })).toEqual(["a,b", "c"]);
    expect(resultOf(readPathParameter(parameter("path", { shape: list }), "a%2Cb,c%2Fd"))).toEqual(["a,b", "c/d"]);
  });

  test("items and properties are read as the schema takes them", () => {
    expect(query("color=1&color=2&color=x", { explode: true, shape: numbers })).toEqual([1, 2, "x"]);
    expect(query("color=1,2", { explode: false, shape: numbers })).toEqual([1, 2]);
  });

  test("what is written as fields of its own has no other one by its name", () => {
    const spread = { style: "form", explode: true, shape: colour } as const;
    const fault = "fault: must have its properties as fields of their own";
    expect(query("color=1&R=100", spread)).toBe(fault);
    expect(query("color=1", spread)).toBe(fault);
    const own: ValueShape = { types: ["object"], properties: { color: { types: ["integer"] } } };
    expect(query("color=1", { ...spread, shape: own })).toEqual({ color: 1 });
    expect(query("color=1", { ...spread, shape: { types: ["object"] } })).toBeUndefined();
  });

  test("one piece alone may be the value itself", () => {
    const either: ValueShape = { types: ["array", "integer"], items: { types: ["integer"] } };
    expect(query("color=1", { explode: false, shape: either })).toBe(1);
    expect(query("color=1,2", { explode: false, shape: either })).toEqual([1, 2]);
  });

  test("reserved characters stand for themselves where they may", () => {
    expect(query("color=a+b/c?d", { allowReserved: true })).toBe("a+b/c?d");
  });

  test("names of the language are names like others", () => {
    const shape: ValueShape = { types: ["object"], properties: {} };
    const read = query("color[__proto__]=1&color[constructor]=2", { style: "deepObject", shape }) as object;
    expect(Object.keys(read)).toEqual(["__proto__", "constructor"]);
    expect(Object.getPrototypeOf(read)).toBe(Object.prototype);
  });
});

describe("brackets", () => {
  const nested: ValueShape = {
    types: ["object"],
    properties: { age: { types: ["object"], properties: { gte: { types: ["integer"] } } }, tags: numbers },
  };
  test.each<[ValueShape, string, unknown]>([
    [nested, "color[age][gte]=18", { age: { gte: 18 } }],
    [nested, "color[tags][]=1&color[tags][]=2", { tags: [1, 2] }],
    [nested, "color[tags][1]=2&color[tags][0]=1", { tags: [1, 2] }],
    [numbers, "color[]=1&color[]=2", [1, 2]],
    [nested, "color[age]=1&color[age][gte]=2", "fault: is both a value and an object"],
    [nested, "color[age]=1&color[age]=2", "fault: occurs more than once"],
    [nested, `color${"[a]".repeat(limits.forms.nestedNamesMax)}=1`, "fault: is nested too deeply"],
    [nested, "color[age=1", undefined],
    [nested, "colors[age]=1", undefined],
  ])("%#: %s", (shape, raw, value) => expect(query(raw, { style: "deepObject", shape })).toEqual(value));
});

describe("what cannot be read in one way", () => {
  test.each<[Partial<ContractParameter>, string, string]>([
    [{}, "color=a&color=b", "occurs more than once"],
    [{}, "color=%zz", "has an escape that is none"],
    [{}, "color=%ff", "has an escape that is none"],
    [{ shape: list, explode: false }, "color=a&color=b", "occurs more than once"],
    [{ shape: colour, explode: false }, "color=R,100,G", "must have a value for each property"],
    [{ shape: colour, explode: false }, "color=R,1,R,2", "must not have a property twice"],
    [{ shape: colour, explode: true }, "R=1&R=2", "must not have a property twice"],
    [
      { style: "deepObject", explode: true, shape: colour },
      "color[R]=1&color=x",
      "must have its properties in brackets",
    ],
    [{ mediaType: "application/json" }, "color={", "must be JSON: it is not JSON"],
    [{ mediaType: "application/json" }, "color={%22a%22:1,%22a%22:2}", "must be JSON: a name occurs twice"],
  ])("%j %s", (more, raw, fault) => expect(query(raw, more)).toBe(`fault: ${fault}`));

  test.each(["%zz=1", Array.from({ length: 1_001 }, (_, at) => `a${at}`).join("&")])("%#: a whole query", (raw) => {
    expect(formFields(raw)).toBeUndefined();
  });

  test("of a path", () => {
    expect(resultOf(readPathParameter(parameter("path", { style: "label" }), "blue"))).toBe("fault: must begin with .");
    expect(resultOf(readPathParameter(parameter("path", { style: "matrix" }), ";other=1"))).toBe(
      "fault: must begin with ;color",
    );
  });
});

test("a parameter that is content is what the content says", () => {
  expect(query("color=%7B%22a%22:[1]%7D", { mediaType: "application/json" })).toEqual({ a: [1] });
  expect(query("color=a%20b", { mediaType: "text/plain" })).toBe("a b");
});

test("fields of the head are not escaped, and their lists may have spaces", () => {
  const header = (raw: string | undefined, more: Partial<ContractParameter>): unknown =>
    resultOf(readHeaderParameter(parameter("header", more), raw));
  expect(header("a%20b, c", {})).toBe("a%20b, c");
  expect(header("1, 2,3", { shape: numbers })).toEqual([1, 2, 3]);
  expect(header("R=100, G=200,B=150", { explode: true, shape: colour })).toEqual(RGB);
  expect(header(undefined, {})).toBeUndefined();
});

test("cookies are read by name, and stray escapes left alone", () => {
  const cookie = (values: string[], more: Partial<ContractParameter> = {}): unknown =>
    resultOf(readCookieParameter(parameter("cookie", more), values));
  expect(cookie(["a%20b"])).toBe("a b");
  expect(cookie(["100%"])).toBe("100%");
  expect(cookie(["1", "2"])).toBe("fault: occurs more than once");
  expect(cookie([])).toBeUndefined();
});
