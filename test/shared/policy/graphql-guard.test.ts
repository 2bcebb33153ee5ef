import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { limits } from "../../../shared/limits.ts";
import { type GraphqlSettings, judgeGraphql } from "../../../shared/policy/graphql-guard.ts";

const settings: GraphqlSettings = {
  depthMax: 3,
  aliasesMax: 2,
  rootFieldsMax: 3,
  tokensMax: 2_000,
  batchMax: 2,
  listArguments: ["first", "last"],
  operations: ["query", "mutation"],
};
const asked = (query: string | undefined, more = {}) => ({
  ...{ query, operationName: undefined, variables: {}, persistedHash: undefined, hash: undefined },
  ...more,
});
const codeOf = (query: string, change: Partial<GraphqlSettings> = {}, more = {}): string | undefined =>
  judgeGraphql([asked(query, more)], false, { ...settings, ...change })?.code;
/** The cost of a query, by where it begins to pass. */
function costOf(query: string, change: Partial<GraphqlSettings> = {}, variables = {}): number {
  const refused = judgeGraphql([asked(query, { variables })], false, {
    ...settings,
    depthMax: 100,
    ...change,
    costMax: 0,
  });
  return Number(/costs (\d+)/.exec(refused?.message ?? "")?.[1] ?? 0);
}

describe("depth, aliases, root fields", () => {
  test.each([
    ["{ a { b { c } } }", undefined],
    ["{ a { b { c { d } } } }", "QUERY_TOO_DEEP"],
    ["{ a { ... { b { ... on T { c } } } } }", undefined],
    ["{ a { ...f } } fragment f on T { b { c } }", undefined],
    ["{ a { ...f } } fragment f on T { b { c { d } } }", "QUERY_TOO_DEEP"],
    ["query q @x { a: b, c: d, e: f }", "TOO_MANY_ALIASES"],
    ["{ a { b: c ...f } } fragment f on T { d: e }", undefined],
    ["{ a { b: c ...f ...f } } fragment f on T { d: e }", "TOO_MANY_ALIASES"],
    ["{ a b c d }", "TOO_MANY_ROOT_FIELDS"],
    ["{ ...f ...f } fragment f on Query { a b }", "TOO_MANY_ROOT_FIELDS"],
    ["{ a { __typename } }", undefined],
  ])("%s: %s", (query, expected) => {
    expect(codeOf(query)).toBe(expected);
  });
});

test("comments are bounded as tokens are: the parser keeps each of them", () => {
  expect(codeOf(`${"# a\n".repeat(2_000)}{ a }`)).toBeUndefined();
  expect(codeOf(`${"#\r".repeat(2_001)}{ a }`)).toBe("GRAPHQL_PARSE_FAILED");
  expect(codeOf(`${"#".repeat(100_000)}\n{ a }`)).toBeUndefined();
});

describe("the schema", () => {
  test.each([
    "{ __schema { types { name } } }",
    '{ __type(name: "a") { name } }',
    "{ a { ...f } } fragment f on T { __schema { a } }",
  ])("%s is refused, unless it may be asked for", (query) => {
    expect(codeOf(query)).toBe("INTROSPECTION_DISABLED");
    expect(codeOf(query, { introspection: true })).toBeUndefined();
  });
});

describe("operations", () => {
  test.each([
    ["subscription { a }", {}, "OPERATION_NOT_ALLOWED"],
    ["mutation { a }", {}, undefined],
    ["query a { b } query c { d }", {}, "OPERATION_RESOLUTION_FAILURE"],
    ["query a { b } query c { d }", { operationName: "c" }, undefined],
    ["query a { b } query c { d }", { operationName: "e" }, "OPERATION_RESOLUTION_FAILURE"],
    ["query a { b } query a { d }", { operationName: "a" }, "OPERATION_RESOLUTION_FAILURE"],
    ["query a { b } subscription c { d }", { operationName: "a" }, undefined],
    ["fragment f on T { a }", {}, "OPERATION_RESOLUTION_FAILURE"],
    ["type T { a: Int }", {}, "OPERATION_RESOLUTION_FAILURE"],
    ["{ a ", {}, "GRAPHQL_PARSE_FAILED"],
    ["", {}, "GRAPHQL_PARSE_FAILED"],
    ["{ ...f }", {}, "GRAPHQL_PARSE_FAILED"],
    ["{ ...f } fragment f on T { a { ...g } } fragment g on T { b { ...f } }", {}, "GRAPHQL_PARSE_FAILED"],
    [`{ ${"a ".repeat(3_000)} }`, {}, "GRAPHQL_PARSE_FAILED"],
    [`${"{ a ".repeat(600)}${"}".repeat(600)}`, {}, "QUERY_TOO_DEEP"],
  ])("%.60s %o: %s", (query, more, expected) => {
    expect(codeOf(query, {}, more)).toBe(expected);
  });

  test("a GET asks for what is safe alone", () => {
    expect(judgeGraphql([asked("mutation { a }")], true, settings)?.code).toBe("OPERATION_NOT_ALLOWED");
    expect(judgeGraphql([asked("{ a }")], true, settings)).toBeUndefined();
  });
});

describe("cost", () => {
  test.each([
    ["{ a }", {}, 1],
    ["{ a { b c } }", {}, 3],
    ["{ a(first: 10) { b c } }", {}, 21],
    ["{ a(first: 10, last: 20) { b } }", {}, 21],
    ["{ a(first: 10) { b(last: 5) { c } } }", {}, 61],
    ["query ($n: Int) { a(first: $n) { b } }", { n: 50 }, 51],
    ["query ($n: Int = 7) { a(first: $n) { b } }", {}, 8],
    ["query ($n: Int = 7) { a(first: $n) { b } }", { n: "50" }, 2],
    ["query ($n: Int) { a(first: $n) { b } }", { n: -5 }, 2],
    ["{ a(first: 3) { ...f ...f } } fragment f on T { b }", {}, 7],
  ])("%s with %o: %i", (query, variables, expected) => {
    expect(costOf(query, {}, variables)).toBe(expected);
  });

  test("of fields that the document prices", () => {
    expect(costOf("{ search { b } __proto__ }", { costs: { search: 100, b: 0 } })).toBe(101);
  });

  test("is that of a batch together", () => {
    const two = [asked("{ a b }"), asked("{ a b }")];
    expect(judgeGraphql(two, false, { ...settings, costMax: 4 })).toBeUndefined();
    expect(judgeGraphql(two, false, { ...settings, costMax: 3 })?.code).toBe("QUERY_TOO_COSTLY");
    expect(judgeGraphql([...two, asked("{ a }")], false, settings)?.code).toBe("BATCH_TOO_LARGE");
  });

  test("of what unfolds without end is found at once", () => {
    const fragments = Array.from(
      { length: 200 },
      (_, at) => `fragment f${at} on T { ...f${at + 1} ...f${at + 1} }`,
    ).join(" ");
    const refused = judgeGraphql([asked(`{ a { ...f0 } } ${fragments} fragment f200 on T { b }`)], false, {
      ...{ ...settings, costMax: 1_000, tokensMax: 10_000 },
    });
    expect(refused?.message).toBe(`This costs ${limits.graphql.costMax + 1}; at most 1000 may be asked for at once.`);
  });
});

describe("documents that are listed", () => {
  const listed = { allow: ["aa"] };

  test.each([
    [asked("{ a }", { hash: "aa" }), undefined],
    [asked("{ a }", { hash: "bb" }), "OPERATION_NOT_ALLOWED"],
    [asked("{ a }", { hash: "bb", persistedHash: "aa" }), "OPERATION_NOT_ALLOWED"],
    [asked(undefined, { persistedHash: "aa" }), undefined],
    [asked(undefined, { persistedHash: "bb" }), "OPERATION_NOT_ALLOWED"],
    [asked("{ a { b { c { d } } } }", { hash: "aa" }), "QUERY_TOO_DEEP"],
  ])("%o: %s", (request, expected) => {
    expect(judgeGraphql([request], false, { ...settings, ...listed })?.code).toBe(expected);
  });

  test("without a list a hash alone is asked for the document", () => {
    expect(judgeGraphql([asked(undefined, { persistedHash: "aa" })], false, settings)).toEqual({
      code: "PERSISTED_QUERY_NOT_FOUND",
      message: "PersistedQueryNotFound",
    });
  });
});

test.each([2_000, 5_000, 8_000, 16_000])("a document %i deep is too deep, whatever the stack bears", (depth) => {
  const query = `${"{ a ".repeat(depth)}${"}".repeat(depth)}`;
  expect(codeOf(query, { tokensMax: limits.graphql.tokensMax })).toBe("QUERY_TOO_DEEP");
});

test("any text is judged, never thrown over", () => {
  const word = fc.constantFrom(
    "{",
    "}",
    "(",
    ")",
    "a",
    "b:",
    "...",
    "on T",
    "fragment f on T",
    "query",
    "$v",
    '"',
    '"""',
    "@x",
    "first: 9",
    "[",
    "]",
    "!",
    "\u0000",
    "__schema",
  );
  fc.assert(
    fc.property(fc.array(word, { maxLength: 60 }), (words) => {
      const refused = judgeGraphql([asked(words.join(" "))], false, settings);
      expect(refused === undefined || typeof refused.code === "string").toBe(true);
    }),
    { numRuns: 3_000 },
  );
});
