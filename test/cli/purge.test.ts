import { describe, expect, test } from "vitest";
import { CliError } from "../../cli/cli-error.ts";
import { requestOf } from "../../cli/commands/purge.ts";
import { describePurgeAnswer } from "../../shared/wire/purges.ts";

describe("what is purged", () => {
  test.each([
    [{ all: true }, [{ kind: "all" }]],
    [
      { tag: ["a", "b"] },
      [
        { kind: "tag", tag: "a" },
        { kind: "tag", tag: "b" },
      ],
    ],
    [{ path: ["/orders/1"] }, [{ kind: "path", path: "/orders/1" }]],
    [{ path: ["/orders/%31?a=%31"] }, [{ kind: "path", path: "/orders/1?a=%31" }]],
    [{ path: ["/orders/*"], host: "API.shop" }, [{ kind: "prefix", prefix: "/orders/", host: "api.shop" }]],
    [{ path: ["/*"] }, [{ kind: "prefix", prefix: "/" }]],
    [{ path: ["/a*b"] }, [{ kind: "path", path: "/a*b" }]],
    [
      { tag: ["a"], path: ["/b"] },
      [
        { kind: "tag", tag: "a" },
        { kind: "path", path: "/b" },
      ],
    ],
  ])("%j", (options, scopes) => {
    expect(requestOf(options)).toEqual({ scopes });
    expect(requestOf({ ...options, soft: true })).toEqual({ scopes, soft: true });
  });

  test.each([
    [{}, "say what to purge"],
    [{ all: true, tag: ["a"] }, "say what to purge"],
    [{ tag: ["a"], host: "h" }, "--host goes with --path"],
    [{ all: true, host: "h" }, "--host goes with --path"],
    [{ path: ["orders"] }, "does not begin with /"],
    [{ path: ["*"] }, "does not begin with /"],
    [{ path: ["/a?b*"] }, "a query before *"],
    [{ path: ["/../a"] }, "segment"],
    [{ path: ["/a"], host: "a b" }, "host"],
    [{ tag: ["a b"] }, "tag"],
    [{ tag: [""] }, "tag"],
  ])("%j is nothing to purge", (options, reason) => {
    expect(() => requestOf(options)).toThrow(CliError);
    expect(() => requestOf(options)).toThrow(reason);
  });
});

test("purges in words", () => {
  const purges = [
    { number: 1, scope: { kind: "all" }, soft: true },
    { number: 2, scope: { kind: "path", path: "/a" }, soft: false },
    { number: 3, scope: { kind: "prefix", prefix: "/a/", host: "h" }, soft: false },
  ] as const;
  expect(describePurgeAnswer({ purges })).toBe("1, soft: everything; 2: any host /a; 3: h /a/*");
});
