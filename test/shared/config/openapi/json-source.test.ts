import { describe, expect, test } from "vitest";
import { JsonSource } from "../../../../shared/config/openapi/json-source.ts";
import type { Path } from "../../../../shared/config/problem.ts";
import { ReadFile } from "../../../../shared/config/read-file.ts";

const text = `{
  "a": { "b": [1, "x,]}\\"", {"c": null, "d\\u0065": [ ]}], "": -1.5e3 },
  "list": [[], {}, true , "e"],
  "a/b": "end"
}
`;

/** YAML contains JSON: both have to find everything at the same place. */
describe("where something stands in JSON", () => {
  const json = new JsonSource("a.json", text);
  const yaml = new ReadFile("a.json", text);
  const paths: Path[] = [];
  const walk = (value: unknown, path: Path): void => {
    paths.push(path);
    if (typeof value === "object" && value !== null)
      for (const [key, member] of Object.entries(value))
        walk(member, [...path, Array.isArray(value) ? Number(key) : key]);
  };
  walk(JSON.parse(text), []);
  test.each(paths)("%j", (...path) => {
    expect(json.find(path)).toEqual(yaml.find(path));
    if (typeof path.at(-1) === "string") expect(json.find(path, "key")).toEqual(yaml.find(path, "key"));
  });
  test("what is not there: the nearest key around it", () => {
    expect(json.find(["a", "none", "deep"])).toMatchObject({ line: 2, column: 3 });
    expect(json.find(["list", 9])).toMatchObject({ line: 3, column: 3 });
  });
});

test("integers that no double holds keep their digits", () => {
  expect(JSON.stringify(new JsonSource("a.json", '{"max": 9007199254740993}').value)).toBe('{"max":9007199254740993}');
});

test.each(['{"a": }', "{", "{'a': 1}"])("%s is none", (broken) => {
  expect(() => new JsonSource("a.json", broken)).toThrow(SyntaxError);
});
