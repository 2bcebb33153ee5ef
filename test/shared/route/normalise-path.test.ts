import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { normalisePath } from "../../../shared/route/normalise-path.ts";

describe("one reading", () => {
  test.each([
    ["/", "/"],
    ["/orders/42", "/orders/42"],
    ["/orders/", "/orders/"],
    ["/a%20b", "/a%20b"],
    ["/%7euser", "/~user"],
    ["/%41%2d", "/A-"],
    ["/caf%c3%a9", "/caf%C3%A9"],
    ['/"<>^`{|}', "/%22%3C%3E%5E%60%7B%7C%7D"],
    ["/a;v=1/b@c:d", "/a;v=1/b@c:d"],
    ["/.well-known/x", "/.well-known/x"],
    ["/a..b/...", "/a..b/..."],
    ["/%252e%252e/", "/%252e%252e/"],
  ])("%s is %s", (path, normal) => expect(normalisePath(path)).toEqual({ path: normal }));

  test.each([
    ["", "begin"],
    ["orders", "begin"],
    ["*", "begin"],
    ["/..", ". or .."],
    ["/a/../b", ". or .."],
    ["/a/./b", ". or .."],
    ["/a/.", ". or .."],
    ["/%2e%2e/a", ". or .."],
    ["/%2E./a", ". or .."],
    ["/.%2e", ". or .."],
    ["/a/..;/b", ". or .."],
    ["/a/.;x=1/b", ". or .."],
    ["/a/%2e%2e%3b/b", ". or .."],
    ["/a%2fb", "encoded /"],
    ["/a%2Fb", "encoded /"],
    ["/a%5cb", "backslash"],
    ["/a\\b", "backslash"],
    ["//a", "empty segment"],
    ["/a//b", "empty segment"],
    ["/a%00", "control"],
    ["/a%0d%0aX", "control"],
    ["/a%7f", "control"],
    ["/a\u0000", "control"],
    ["/a b", "space"],
    ["/caf\u00e9", "ASCII"],
    ["/a%", "no escape"],
    ["/a%g0", "no escape"],
    ["/a%2", "no escape"],
    ["/a%u0041", "no escape"],
    ["/%c0%ae%c0%ae/", "UTF-8"],
    ["/%ff", "UTF-8"],
    ["/%ed%a0%80", "UTF-8"],
    ["/a#b", "#"],
    ["/a?b", "?"],
  ])("%j is refused", (path, reason) => expect(normalisePath(path).refused).toContain(reason));
});

test("what is accepted is stable, decodes, and holds nothing that moves between segments", () => {
  const piece = fc.oneof(
    fc.constantFrom(
      "/",
      "a",
      ".",
      "..",
      "%2e",
      "%2f",
      "%5c",
      "%25",
      "%41",
      "%c3%a9",
      "%ff",
      "~",
      "\\",
      "%",
      "?",
      ";",
      "%00",
    ),
    fc.string({ maxLength: 2 }),
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
      const { path } = normalisePath(`/${pieces.join("")}`);
      if (path === undefined) return;
      expect(normalisePath(path)).toEqual({ path });
      const decoded = path.split("/").map((segment) => decodeURIComponent(segment));
      expect(decoded.some((segment) => segment === "." || segment === ".." || /[/\\\p{Cc}]/u.test(segment))).toBe(
        false,
      );
      expect(decoded.slice(1, -1)).not.toContain("");
    }),
    { numRuns: 2_000 },
  );
});
