import { describe, expect, test } from "vitest";
import { readExactJson } from "../../../shared/http/exact-json.ts";
import { limits } from "../../../shared/limits.ts";
import type { Filling } from "../../../shared/policy/edit-value.ts";
import { editJson, pathsIn } from "../../../shared/policy/json-edits.ts";
import { parseJsonPath } from "../../../shared/policy/json-path.ts";
import type { JsonPath } from "../../../shared/policy/json-place.ts";
import type { JsonEdits } from "../../../shared/policy/reshape.ts";

function edited(text: string, edits: JsonEdits, scope: Record<string, unknown> = {}): string {
  const json = readExactJson(text);
  if (json.fault !== undefined) return `${json.fault}: ${json.reason}`;
  const filling: Filling = {
    scope: { ...scope, body: json.value },
    evaluate: (text) => ({ seven: 7n, long: 9007199254740993n })[text],
    secret: () => undefined,
    tooLong: () => undefined,
  };
  const paths = new Map(pathsIn(edits).map((path) => [path, parsed(path)]));
  return JSON.stringify(editJson(json, edits, filling, paths));
}

function parsed(text: string): JsonPath {
  const path = parseJsonPath(text);
  if (typeof path === "string") throw new Error(path);
  return path;
}

describe("edits", () => {
  test.each<[name: string, text: string, edits: JsonEdits, expected: string]>([
    ["pick by pointer", '{"a":1,"b":{"c":2,"d":3}}', { pick: ["/b/c", "/x"] }, '{"b":{"c":2}}'],
    ["pick by path", '{"a":[{"i":1,"s":0},{"i":2}],"b":1}', { pick: ["$.a[*].i"] }, '{"a":[{"i":1},{"i":2}]}'],
    ["pick of a list closes up", "[1,2,3,4]", { pick: ["/3", "/1"] }, "[2,4]"],
    ["pick of a part that is kept whole", '{"a":{"b":1,"c":2}}', { pick: ["/a", "/a/b"] }, '{"a":{"b":1,"c":2}}'],
    ["pick of nothing", '{"a":1}', { pick: ["/x"] }, "{}"],
    ["pick of the root", '{"a":1}', { pick: ["$"] }, '{"a":1}'],
    ["remove", '{"a":1,"b":[1,2,3]}', { remove: ["/a", "/b/0", "/b/2", "/none/x"] }, '{"b":[2]}'],
    ["remove by path", '{"a":[{"s":1},{"s":2,"k":0}],"s":3}', { remove: ["$..s"] }, '{"a":[{},{"k":0}]}'],
    ["remove by filter", '[{"p":1},{"p":9},{"p":8}]', { remove: ["$[?@.p > 5]"] }, '[{"p":1}]'],
    ["remove what two places find", "[1,2,3]", { remove: ["/0", "$[0,0]", "$[?@ == 1]"] }, "[2,3]"],
    ["set inside what is set", '{"s":{"s":1}}', { set: { "$..s": { t: 1 } } }, '{"s":{"t":1}}'],
    ["rename keeps the place", '{"a":1,"b":2,"c":3}', { rename: { "/b": "z" } }, '{"a":1,"z":2,"c":3}'],
    ["rename onto another", '{"a":1,"b":2}', { rename: { "/a": "b" } }, '{"b":1}'],
    [
      "rename several of a mapping",
      '{"c":1,"a":2,"x":3,"b":4}',
      { rename: { "$['a','b','c']": "z" } },
      '{"z":1,"x":3}',
    ],
    ["rename all of a mapping", '{"c":1,"a":2,"b":3}', { rename: { "$.*": "b" } }, '{"b":1}'],
    [
      "rename within what is renamed",
      '{"a":{"a":{"a":1},"b":2}}',
      { rename: { "$..a": "x" } },
      '{"x":{"x":{"x":1},"b":2}}',
    ],
    ["remove within what is removed", '{"a":[[1,{"a":2}],3,4]}', { remove: ["$..a", "/a/1"] }, "{}"],
    ["remove every other one", "[0,1,2,3,4,5,6]", { remove: ["$[1:6:2]"] }, "[0,2,4,6]"],
    ["rename each", '[{"a":1},{"a":2}]', { rename: { "$[*].a": "b" } }, '[{"b":1},{"b":2}]'],
    ["set", '{"a":1}', { set: { "/a": 2, "/b/c/d": [null, true] } }, '{"a":2,"b":{"c":{"d":[null,true]}}}'],
    ["set in lists", '{"a":[1,2]}', { set: { "/a/0": 9, "/a/-": 3, "/a/7": 0, "/a/x/y": 0 } }, '{"a":[9,2,3]}'],
    ["set below a scalar changes nothing", '{"a":1}', { set: { "/a/b": 2 } }, '{"a":1}'],
    ["set by path", '[{"a":1},{"a":2}]', { set: { "$[*].a": "x" } }, '[{"a":"x"},{"a":"x"}]'],
    ["wrap", "[1]", { wrap: "data" }, '{"data":[1]}'],
    [
      "in their order",
      '{"a":1,"b":2,"c":3}',
      { pick: ["/a", "/b"], remove: ["/b"], rename: { "/a": "x" }, set: { "/y": 1 }, wrap: "d" },
      '{"d":{"x":1,"y":1}}',
    ],
    ["names of pointers", '{"a/b":1,"c~d":2,"":3}', { remove: ["/a~1b", "/c~0d", "/"] }, "{}"],
  ])("%s", (_, text, edits, expected) => {
    expect(edited(text, edits)).toBe(expected);
  });

  test("values keep their type, come from what was there before, and are no templates themselves", () => {
    const scope = { identity: { sub: "{body.a}", groups: ["x", "y"] } };
    const edits = {
      remove: ["/a"],
      set: {
        "/sub": "{identity.sub}",
        "/all": "{identity.groups}",
        "/a2": "{body.a}",
        "/t": "a={body.a.n} {body.none}",
        "/c": { cel: "seven" },
        "/n": "{body.none}",
      },
    };
    expect(
      JSON.parse(edited('{"a":{"n":12345678901234567890}}'.replace("12345678901234567890", "5"), edits, scope)),
    ).toEqual({
      a2: { n: 5 },
      all: ["x", "y"],
      c: 7,
      n: null,
      sub: "{body.a}",
      t: "a=5 ",
    });
  });

  test("a whole template", () => {
    const template = { items: "{body}", first: "{body.0.id}", meta: { v: 1 } };
    expect(edited('[{"id":12345678901234567890}]', { template })).toBe(
      '{"items":[{"id":12345678901234567890}],"first":12345678901234567890,"meta":{"v":1}}',
    );
  });
});

describe("exactly", () => {
  test.each([
    "12345678901234567890",
    "-0",
    "1.10",
    "1e400",
    "1E+2",
    "0.1000000000000000055511151231257827",
    "9007199254740993",
  ])("the number %s keeps its text", (number) => {
    expect(edited(`{"a":${number},"b":[${number}],"c":1}`, { set: { "/d": "{body.a}", "/t": "n {body.a}" } })).toBe(
      `{"a":${number},"b":[${number}],"c":1,"d":${number},"t":"n ${number}"}`,
    );
  });

  test("an expression's whole number keeps its digits", () => {
    expect(edited("{}", { set: { "/n": { cel: "long" } } })).toBe('{"n":9007199254740993}');
  });

  test("paths compute with them, and the others stay", () => {
    expect(edited('[{"p":1.0},{"p":10.50},{"p":1e1}]', { pick: ["$[?@.p >= 10].p"] })).toBe('[{"p":10.50},{"p":1e1}]');
  });

  test("names of prototypes are names like any other", () => {
    const text = '{"__proto__":{"admin":true},"constructor":1,"toString":2,"x":{}}';
    expect(edited(text, {})).toBe(text);
    expect(edited(text, { remove: ["/__proto__", "/constructor"] })).toBe('{"toString":2,"x":{}}');
    expect(edited('{"x":{}}', { set: { "/x/__proto__/admin": true, "/constructor/prototype/a": 1 } })).toBe(
      '{"x":{"__proto__":{"admin":true}},"constructor":{"prototype":{"a":1}}}',
    );
    expect(edited('{"x":{}}', { remove: ["/x/__proto__"], rename: { "/x": "__proto__" } })).toBe('{"__proto__":{}}');
    expect(edited('{"x":{}}', { set: { "/y": "{body.constructor.name}" } })).toBe('{"x":{},"y":null}');
    expect(({} as { admin?: boolean }).admin).toBeUndefined();
  });
});

test("10,000 places of one mapping, or list, take one walk along it", () => {
  const { foundMax } = limits.reshape;
  const names = Array.from({ length: foundMax }, (_, at) => `n${at}`);
  // Each by a walk of its own would be a hundred million steps for each of these.
  for (let round = 0; round < 5; round++) {
    const mapping = JSON.stringify(Object.fromEntries(names.map((name) => [name, 1])));
    expect(edited(mapping, { rename: { "$.*": "all" } })).toBe('{"all":1}');
    expect(edited(JSON.stringify(names), { remove: ["$[*]"] })).toBe("[]");
  }
});

describe("refused", () => {
  const { depthMax, nodesMax } = limits.reshape;
  test("what a body has put in many places at once", () => {
    const text = JSON.stringify({ x: Array(100).fill({ a: 0 }), y: "y".repeat(20_000) });
    expect(() => edited(text, { set: { "$..a": "{body.y}" } })).toThrow(RangeError);
  });

  test.each<[name: string, text: string, fault: string]>([
    ["nothing", "", "form"],
    ["no JSON", "{a:1}", "form"],
    ["two values", "{} {}", "form"],
    ["a comment", "{}//", "form"],
    ["not a number", "[NaN]", "form"],
    ["a leading zero", "[01]", "form"],
    ["a string without end", '{"a', "form"],
    ["a name twice", '{"a":1,"a":2}', "form"],
    ["a name twice, written in two ways", '{"a":1,"\\u0061":2}', "form"],
    ["a name twice, deep inside", '[{"b":{"a":1,"c":[{}],"a":2}}]', "form"],
    ["too deep", "[".repeat(depthMax + 1) + "]".repeat(depthMax + 1), "bounds"],
    ["far too deep", "[".repeat(500_000), "bounds"],
    ["too many values", `[${"0,".repeat(nodesMax)}0]`, "bounds"],
    ["minus alone", "[-]", "form"],
    ["bytes of a lone escape", '["\\uD8', "form"],
  ])("%s", (_, text, fault) => {
    expect(edited(text, {})).toMatch(new RegExp(`^${fault}: `));
  });

  test("at the bounds it is taken", () => {
    expect(edited("[".repeat(depthMax) + "]".repeat(depthMax), {})).toHaveLength(2 * depthMax);
    expect(edited('[{"a":1},{"a":2},["a","a"]]', {})).toBe('[{"a":1},{"a":2},["a","a"]]');
  });

  test.each(["$[", "$..a..b", "$[?match(@.a, 'a')]", "$[?search(@.a, @.b)]", "$[?@..a]", "$[?$.a == @.a]", "x"])(
    "the path %s",
    (path) => {
      expect(parseJsonPath(path)).toBeTypeOf("string");
    },
  );

  test("paths that find too much", () => {
    expect(() => edited(`[${"0,".repeat(limits.reshape.foundMax)}0]`, { set: { "$[*]": 1 } })).toThrow(RangeError);
  });
});
