import { describe, expect, test } from "vitest";
import { CliError } from "../../cli/cli-error.ts";
import { type RequestOptions, requestOf } from "../../cli/explain-request.ts";

const of = (target: string, options: RequestOptions = {}) => requestOf("GET", target, options, "default.example");
const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");

test("a target is taken apart without being resolved", () => {
  expect(of("/a/../%2e%2e/b?x=/../y")).toMatchObject({
    host: "default.example",
    path: "/a/../%2e%2e/b",
    query: "?x=/../y",
  });
  expect(of("http://h.example:80/a/./b")).toMatchObject({ host: "h.example:80", path: "/a/./b" });
  expect(of("https://h.example?x")).toMatchObject({ host: "h.example", path: "/", query: "?x" });
  expect(of("/a", { header: ["Host: other"] })).toMatchObject({ host: "other" });
});

test("headers keep their order, names are in lower case", () => {
  expect(of("/", { header: ["X-A:  1 ", "x-a: 2", "b:"] }).headers).toEqual([
    ["x-a", "1"],
    ["x-a", "2"],
    ["b", ""],
  ]);
});

describe("credentials", () => {
  const credential = (options: RequestOptions) => of("/", options).credential;
  test("assumed", () => {
    expect(credential({ as: "alice", scope: "a, b c" })).toEqual({
      kind: "assumed",
      sub: "alice",
      scopes: ["a", "b", "c"],
    });
    expect(credential({})).toEqual({ kind: "none" });
    const claim = ["tier=gold", "level=3", 'roles=["a"]', "x="];
    expect(credential({ as: "alice", claim })).toMatchObject({
      claims: { tier: "gold", level: 3, roles: ["a"], x: "" },
    });
  });
  test("a token is decoded, not believed", () => {
    const token = `${encode({ alg: "ES256" })}.${encode({ sub: "alice" })}.AAAA`;
    expect(credential({ header: [`Authorization: Bearer ${token}`] })).toEqual({
      kind: "token",
      header: { alg: "ES256" },
      claims: { sub: "alice" },
    });
    for (const bad of ["x", "a.b.c", `${token}.x`, "=.=.=", ""])
      expect(credential({ header: [`authorization: Bearer ${bad}`] })).toMatchObject({ kind: "malformed" });
  });
});

test.each<[string, () => unknown]>([
  ["method in lower case", () => requestOf("get", "/", {}, "h")],
  ["relative path", () => of("orders")],
  ["other scheme", () => of("ftp://h/")],
  ["no header", () => of("/", { header: ["nothing"] })],
  ["scope of nobody", () => of("/", { scope: "a" })],
  ["claim of nobody", () => of("/", { claim: ["a=b"] })],
  ["no claim", () => of("/", { as: "a", claim: ["b"] })],
])("%s is wrong usage", (_, make) => {
  expect(make).toThrow(CliError);
});
