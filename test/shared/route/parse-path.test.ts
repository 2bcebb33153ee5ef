import { describe, expect, test } from "vitest";
import { parsePath, parsePathRegex, shapeOf } from "../../../shared/route/parse-path.ts";

describe("patterns", () => {
  test.each([
    "",
    "a",
    "/a//b",
    "/a*",
    "/*/a",
    "/{a",
    "/a}",
    "/{a}{b}",
    "/x{a}",
    "/{1}",
    "/{a}/{a}",
    "/..",
    "/a/./b",
    "/%2f",
    "/a b",
    "/\ud800",
    "/{constructor}",
    `/${"a/".repeat(40)}b`,
  ])("%j is no pattern", (text) => expect(parsePath(text).fault).toBeDefined());
  test("literals take the form that requests have", () => {
    expect(parsePath("/caf\u00e9/%7euser").pattern?.segments).toEqual([{ literal: "caf%C3%A9" }, { literal: "~user" }]);
  });
  test("equal shapes", () => {
    const shape = (text: string): string => shapeOf(parsePath(text).pattern ?? { text, segments: [], tail: false });
    expect(shape("/a/{x}/*")).toBe(shape("/a/{y}/*"));
    expect(shape("/a")).not.toBe(shape("/a/"));
    expect(shape("/*")).not.toBe(shape("/"));
  });
  test("an expression stands where its literal start stands", () => {
    const start = (regex: string) => parsePathRegex(regex).pattern?.segments;
    expect(start("/a/b/[0-9]+")).toEqual([{ literal: "a" }, { literal: "b" }]);
    expect(start("^/a/b?")).toEqual([{ literal: "a" }]);
    expect(start("/a/?b")).toEqual([]);
    expect(start("/a/x|/b/y")).toEqual([]);
    expect(start("/a/(x|y)")).toEqual([{ literal: "a" }]);
    expect(start("/a/[|)(]x")).toEqual([{ literal: "a" }]);
    expect(start("/a/[](]x|/b")).toEqual([]);
    expect(start("/a/[^](]x|/b")).toEqual([]);
    expect(start("/a/\\(x|/b")).toEqual([]);
    expect(start("/a/[\\](]|/b")).toEqual([]);
    expect(start("/a/\\Q(\\E|/b/c")).toEqual([]);
    expect(start("/a/(x)|/b/c")).toEqual([]);
    expect(start("/a/b{2}")).toEqual([{ literal: "a" }]);
    expect(parsePathRegex("a/b").fault).toContain("begin with /");
    expect(parsePathRegex("/a//b/c").fault).toContain("empty segment");
  });
});
