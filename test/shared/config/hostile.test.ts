import { describe, expect, test } from "vitest";
import { checkDocument } from "../../../shared/config/check-document.ts";
import { codeFrame } from "../../../shared/config/code-frame.ts";
import { loadDocument } from "../../../shared/config/load.ts";
import { limits } from "../../../shared/limits.ts";

const load = (text: string) => loadDocument(text, "f", () => undefined);
const codes = (text: string): string[] => load(text).problems.map(({ code }) => code);
const base = "selvage: 1\nname: x\ngateway: { hosts: [a], routes: [] }\n";

describe("size and depth", () => {
  test("an alias bomb is refused without being expanded", () => {
    const levels = Array.from({ length: 30 }, (_, at) => `l${at + 1}: &l${at + 1} [${`*l${at},`.repeat(9)}]`);
    expect(codes(`l0: &l0 x\n${levels.join("\n")}\n`)).toContain("SLV1003");
  });
  test("an alias inside its own anchor is refused", () => {
    expect(codes(`${base}mesh: &m { services: *m }\n`)).toContain("SLV1004");
  });
  test("a text above the bound is not parsed", () => {
    const { problems } = load(`# ${"x".repeat(limits.control.documentBytesMax)}\n${base}`);
    expect(problems).toMatchObject([{ code: "SLV1003", line: 1 }]);
  });
  test("the bound counts bytes, not characters", () => {
    expect(codes(`# ${"\u20ac".repeat(limits.control.documentBytesMax / 3)}\n${base}`)).toEqual(["SLV1003"]);
  });
  test.each([
    ["flow lists", "[".repeat(200_000)],
    ["flow maps", "{a: ".repeat(100_000)],
    ["block lists", "- ".repeat(50_000)],
    ["indented maps", Array.from({ length: 1_500 }, (_, at) => `${" ".repeat(at)}a:`).join("\n")],
  ])("%s without end are refused", (_, text) => {
    expect(codes(text)).toContain("SLV1003");
  });
  test("closed nesting beyond the bound is refused", () => {
    const depth = limits.document.depthMax + 2;
    expect(codes(`${base}mesh: ${"[".repeat(depth)}${"]".repeat(depth)}\n`)).toContain("SLV1003");
  });
  test("many keys cost no square of their number", () => {
    const keys = Array.from({ length: 100_000 }, (_, at) => `k${at}: 1`).join("\n");
    expect(load(keys).problems.at(-1)?.code).toBe("SLV1003");
  }, 40_000);
  test("JSON of any depth or size is refused before it is walked", () => {
    let deep: unknown = {};
    for (let level = 0; level < 10_000; level++) deep = [deep];
    expect(checkDocument(deep).problems).toMatchObject([{ code: "SLV1003" }]);
    expect(checkDocument(Array.from({ length: limits.document.nodesMax + 1 }, () => 0)).problems).toMatchObject([
      { code: "SLV1003" },
    ]);
  });
});

describe("keys that are traps", () => {
  test.each(["__proto__", "constructor", "toString", "hasOwnProperty"])("%s is no name", (name) => {
    const services = `mesh: { trustDomain: t, services: { ${JSON.stringify(name)}: { port: 1 } } }\n`;
    expect(load(base + services).document).toBeUndefined();
    const providers = base.replace(
      "hosts:",
      `identity: { ${JSON.stringify(name)}: { jwt: { issuer: "http://a", audience: b } } }, hosts:`,
    );
    expect(load(providers).document).toBeUndefined();
    expect(({} as Record<string, unknown>).port).toBeUndefined();
  });
  test("__proto__ in JSON is refused and pollutes nothing", () => {
    const json: unknown = JSON.parse(
      '{"selvage":1,"name":"x","gateway":{"hosts":["a"],"routes":[]},"__proto__":{"polluted":1}}',
    );
    expect(checkDocument(json).document).toBeUndefined();
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
  });
  test("names of built-in members are unknown references, not found ones", () => {
    const route = (to: string) =>
      base.replace("routes: []", `routes: [{ name: r, match: { path: / }, auth: toString, to: ${to} }]`);
    expect(codes(route("constructor"))).toEqual(expect.arrayContaining(["SLV3001", "SLV2001"]));
  });
});

describe("odd YAML", () => {
  test.each([
    ["a tab as indentation", "gateway:\n\thosts: [a]\n", "SLV1001"],
    ["two documents", `${base}---\n${base}`, "SLV1001"],
    ["a tag of one's own", `${base}x: !!js/function "x"\n`, "SLV1004"],
    ["a local tag", base.replace("name: x", "name: !env x"), "SLV1004"],
    ["a list as key", `${base}? [a]\n: 1\n`, "SLV1004"],
    ["a key twice in different spelling", `${base}"na\\x6de": y\n`, "SLV1002"],
    ["binary data", "\u0000\u0001\u0002", "SLV2001"],
    ["an anchor that does not exist", `${base}mesh: *nothing\n`, "SLV1004"],
  ])("%s is a problem with a position", (_, text, code) => {
    const { document, problems } = load(text);
    expect(document).toBeUndefined();
    expect(problems.map((problem) => problem.code)).toContain(code);
    for (const { line, column } of problems)
      expect([line, column].every((at) => Number.isInteger(at) && Number(at) > 0)).toBe(true);
  });
  test("an empty text and a comment are no documents", () => {
    for (const text of ["", "# nothing\n", "---\n"]) expect(load(text).problems.length).toBeGreaterThan(0);
  });
  test("numbers without a JSON form are refused", () => {
    for (const value of [".inf", ".nan", "1e999", "0x10"])
      expect(
        load(`${base}mesh: { trustDomain: t, services: { s: { port: ${value === "0x10" ? "0x10FFFFFF" : value} } } }\n`)
          .document,
      ).toBeUndefined();
  });
});

describe("texts", () => {
  test("names beyond ASCII are refused, also those that look like others", () => {
    for (const name of ["ordеrs", "münchen", "a\u202eb", "😀"])
      expect(
        load(`${base}mesh: { trustDomain: t, services: { ${JSON.stringify(name)}: { port: 1, access: [] } } }\n`)
          .problems,
      ).toMatchObject([{ code: "SLV2004" }]);
  });
  test("a template of many braces is refused in linear time", () => {
    const part = (get: string) =>
      base.replace(
        "routes: []",
        `routes: [{ name: r, match: { path: / }, aggregate: { p: { get: ${JSON.stringify(get)} } } }]`,
      );
    for (const get of [
      `s:/${"{".repeat(4_000)}`,
      `s:/${"{a".repeat(2_000)}`,
      `s:/${"{a.}".repeat(1_000)}`,
      "s:/{{a}}",
      "s:/{a",
      "s:/a}",
      "s:/{}",
    ])
      expect(codes(part(get))).toContain("SLV2001");
  });
  test("a text without end is refused", () => {
    expect(codes(base.replace("name: x", `name: ${"x".repeat(100_000)}`))).toContain("SLV2001");
  });
  test("header values cannot carry a line break", () => {
    const route = base.replace(
      "routes: []",
      'routes: [{ name: r, match: { path: / }, to: "http://u", transform: { request: { headers: { set: { a: "x\\r\\nb: c" } } } } }]',
    );
    expect(codes(route)).toEqual(["SLV2001"]);
  });
  test("a frame sends nothing to the terminal but what it draws", () => {
    const text = `${base}"\u001b]0;x\u0007\u202e": 1\n`;
    const frames = load(text).problems.map((problem) => codeFrame(problem, text, "f"));
    expect(frames.join("").replaceAll("\n", "")).not.toMatch(/[\p{Cc}\p{Cf}]/u);
  });
  test("a frame of a long line shows the place", () => {
    const text = JSON.stringify({
      selvage: 1,
      name: "x",
      gateway: { hosts: Array.from({ length: 2_000 }, (_, at) => `host${at}`), routes: [], oops: 1 },
    });
    const problem = load(text).problems.find(({ code }) => code === "SLV2003");
    const lines = problem === undefined ? [] : codeFrame(problem, text, "f").split("\n");
    const [shown = "", marks = ""] = lines.slice(3);
    expect(shown.length).toBeLessThan(150);
    expect(shown.slice(marks.indexOf("^"), marks.lastIndexOf("^") + 1)).toBe('"oops"');
  });
});
