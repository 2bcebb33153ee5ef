/** Overlays, by the words of the specification. */
import { describe, expect, test } from "vitest";
import { stringify } from "yaml";
import { Origins } from "../../../../shared/config/openapi/origins.ts";
import { applyOverlay } from "../../../../shared/config/openapi/overlay.ts";
import { readSourceFile } from "../../../../shared/config/openapi/source-file.ts";

const head = { overlay: "1.1.0", info: { title: "t", version: "1" } };
const base = {
  openapi: "3.1.0",
  info: { title: "a", description: "long" },
  tags: ["one", "dummy", "two", "dummy"],
  paths: {
    "/a": { get: { operationId: "listA", parameters: [{ name: "x", in: "query" }] }, post: { operationId: "makeA" } },
    "/b": { get: { operationId: "listB", deprecated: true } },
  },
};

function apply(actions: readonly object[], document: object = base) {
  const file = readSourceFile("openapi.yaml", stringify(document));
  const overlay = readSourceFile("overlay.yaml", stringify({ ...head, actions }));
  const before = structuredClone(file.value);
  const origins = new Origins(file);
  const { root, problems } = applyOverlay(file.value, overlay, origins);
  expect(file.value).toEqual(before);
  expect(overlay.value).toEqual({ ...head, actions });
  return { root: root as typeof base & Record<string, unknown>, problems, origins };
}

function applied(actions: readonly object[], document?: object) {
  const { root, problems } = apply(actions, document);
  expect(problems).toEqual([]);
  return root;
}

describe("update", () => {
  test("of an object: merged, deep", () => {
    const { info, paths } = applied([{ target: "$", update: { info: { title: "b", license: { name: "MIT" } } } }]);
    expect(info).toEqual({ title: "b", description: "long", license: { name: "MIT" } });
    expect(paths).toEqual(base.paths);
  });
  test("of all that a wildcard finds", () => {
    const { paths } = applied([{ target: "$.paths.*.get", update: { "x-a": 1 } }]);
    expect([paths["/a"].get, paths["/b"].get]).toMatchObject([{ "x-a": 1 }, { "x-a": 1 }]);
    expect(paths["/a"].post).not.toHaveProperty("x-a");
  });
  test("of those that a filter finds", () => {
    const { paths } = applied([{ target: "$.paths.*[?@.deprecated == true]", update: { "x-a": 1 } }]);
    expect(paths["/b"].get).toHaveProperty("x-a");
    expect(paths["/a"].get).not.toHaveProperty("x-a");
  });
  test("of those whose names an expression matches, in linear time", () => {
    const hostile = {
      ...base,
      paths: { "/a": { get: { operationId: `${"a".repeat(5000)}!` }, put: { operationId: "aaa" } } },
    };
    const { paths } = applied(
      [{ target: "$.paths.*[?match(@.operationId, '(a|aa|a*)*')]", update: { "x-a": 1 } }],
      hostile,
    );
    expect(paths["/a"]).toMatchObject({ put: { "x-a": 1 } });
    expect(paths["/a"].get).not.toHaveProperty("x-a");
  });
  test("of a list: a list is added, anything else is one member more", () => {
    const target = "$.paths['/a'].get.parameters";
    const { paths } = applied([
      { target, update: { name: "y", in: "query" } },
      { target, update: [{ name: "z", in: "query" }] },
    ]);
    expect(paths["/a"].get.parameters.map(({ name }) => name)).toEqual(["x", "y", "z"]);
  });
  test("of lists within an object: they become one", () => {
    expect(applied([{ target: "$", update: { tags: ["three"] } }]).tags).toEqual([...base.tags, "three"]);
  });
  test("of a plain value", () => {
    expect(applied([{ target: "$.info.title", update: "new" }]).info.title).toBe("new");
  });
  test("what was added by one action is found by the next", () => {
    const { paths } = applied([
      { target: "$.paths", update: { "/c": { get: {} } } },
      { target: "$.paths['/c'].get", update: { operationId: "listC" } },
    ]);
    expect(paths).toHaveProperty(["/c", "get", "operationId"], "listC");
  });
  test("the same value in two places stays two", () => {
    const { paths } = applied([
      { target: "$.paths.*.get", update: { "x-a": { list: [1] } } },
      { target: "$.paths['/a'].get['x-a'].list", update: [2] },
    ]);
    expect(paths["/a"].get).toHaveProperty("x-a", { list: [1, 2] });
    expect(paths["/b"].get).toHaveProperty("x-a", { list: [1] });
  });
  test("an alias of YAML is changed where it is meant alone", () => {
    const file = readSourceFile("a.yaml", "a: &a { x: 1 }\nb: *a\n");
    const overlay = readSourceFile("o.yaml", stringify({ ...head, actions: [{ target: "$.b", update: { y: 2 } }] }));
    expect(applyOverlay(file.value, overlay, new Origins(file)).root).toEqual({ a: { x: 1 }, b: { x: 1, y: 2 } });
  });
});

describe("remove", () => {
  test("of members of lists, whose places change as they go", () => {
    expect(applied([{ target: "$.tags[?@ == 'dummy']", remove: true }]).tags).toEqual(["one", "two"]);
  });
  test("of members of objects", () => {
    expect(applied([{ target: "$.paths['/a'].post", remove: true }]).paths["/a"]).not.toHaveProperty("post");
  });
  test("of what was within something that is removed as well", () => {
    expect(applied([{ target: "$..get", remove: true }]).paths).toEqual({
      "/a": { post: base.paths["/a"].post },
      "/b": {},
    });
  });
});

describe("copy", () => {
  test("merges a place of the description", () => {
    const { paths } = applied([{ target: "$.paths['/b'].get", copy: "$.paths['/a'].get" }]);
    expect(paths["/b"].get).toEqual({
      operationId: "listA",
      deprecated: true,
      parameters: [{ name: "x", in: "query" }],
    });
  });
  test("a copy that is changed leaves what it was made from", () => {
    const { paths } = applied([
      { target: "$.paths['/b']", copy: "$.paths['/a']" },
      { target: "$.paths['/b'].get.parameters", update: { name: "y" } },
    ]);
    expect([paths["/a"].get.parameters.length, paths["/b"].get]).toMatchObject([
      1,
      { parameters: [{ name: "x" }, { name: "y" }] },
    ]);
  });
});

test.each<[what: string, actions: readonly object[], problem: string]>([
  ["a target that finds nothing", [{ target: "$.paths['/z']", update: {} }], "warning SLV3147 overlay.yaml:6:13"],
  ["an action that does nothing", [{ target: "$.info" }], "warning SLV3147 overlay.yaml:6:5"],
  ["no target", [{ update: {} }], "error SLV3146 overlay.yaml:6:5"],
  ["a target that is no path", [{ target: "paths", update: {} }], "error SLV3146 overlay.yaml:6:13"],
  ["a target that costs too much", [{ target: "$..a..b", update: {} }], "error SLV3146 overlay.yaml:6:13"],
  [
    "targets of two kinds",
    [
      { target: "$.info.*", update: "a" },
      { target: "$['info','tags']", update: {} },
    ],
    "error SLV3146 overlay.yaml:8:13",
  ],
  ["an object for a plain value", [{ target: "$.info.title", update: {} }], "error SLV3146 overlay.yaml:6:5"],
  ["a list for an object", [{ target: "$.info", update: [] }], "error SLV3146 overlay.yaml:6:5"],
  ["a plain value for an object within", [{ target: "$", update: { info: 1 } }], "error SLV3146 overlay.yaml:6:5"],
  ["update and remove", [{ target: "$.info", update: {}, remove: true }], "error SLV3146 overlay.yaml:6:5"],
  ["a copy of many", [{ target: "$.info", copy: "$.paths.*" }], "error SLV3146 overlay.yaml:7:11"],
  ["a copy of nothing", [{ target: "$.info", copy: "$.nothing" }], "error SLV3146 overlay.yaml:7:11"],
  ["an unknown word", [{ target: "$.info", updated: {} }], "error SLV3146 overlay.yaml:7:5"],
])("%s", (_, actions, expected) => {
  const { problems } = apply(actions);
  expect(
    problems.map(({ severity, code, file, line, column }) => `${severity} ${code} ${file}:${line}:${column}`),
  ).toContain(expected);
});

test.each([
  ["no version", { info: {}, actions: [] }],
  ["another version", { ...head, overlay: "2.0.0", actions: [{ target: "$", update: {} }] }],
  ["no actions", { ...head, actions: [] }],
  ["another document", { openapi: "3.1.0" }],
])("an overlay with %s is refused, and changes nothing", (_, overlay) => {
  const file = readSourceFile("a.yaml", "a: 1\n");
  const { root, problems } = applyOverlay(file.value, readSourceFile("o.yaml", stringify(overlay)), new Origins(file));
  expect(root).toBe(file.value);
  expect(problems).toMatchObject([{ severity: "error", code: "SLV3146", file: "o.yaml" }]);
});

describe("where values came from", () => {
  const { root, origins } = apply([
    { target: "$.paths['/a'].get", update: { summary: "s", parameters: [{ name: "y", in: "nowhere" }] } },
    { target: "$.info.title", update: "new" },
    { target: "$.tags[0]", remove: true },
    { target: "$.paths['/a'].get", update: { "x-b": 1 } },
  ]);
  test.each<[(string | number)[], "key" | "value", string]>([
    [["paths", "/a", "get", "parameters", 0, "in"], "value", "openapi.yaml:16:15"],
    [["paths", "/a", "get", "parameters", 1, "in"], "value", "overlay.yaml:11:15"],
    [["paths", "/a", "get", "summary"], "key", "overlay.yaml:8:7"],
    [["paths", "/a", "get", "operationId"], "value", "openapi.yaml:13:20"],
    [["paths", "/a", "get", "x-b"], "value", "overlay.yaml:18:12"],
    [["paths", "/a", "get", "nothing"], "value", "openapi.yaml:12:5"],
    [["info", "title"], "value", "overlay.yaml:13:13"],
    [["paths", "/b", "get"], "key", "openapi.yaml:20:5"],
  ])("%j, its %s", (path, at, expected) => {
    const { file, line, column } = origins.find(root, path, at);
    expect(`${file}:${line}:${column}`).toBe(expected);
  });
});
