import { expect, test } from "vitest";
import { isExplained, passedTracestate, withExplained, withoutOwnState } from "../../../shared/http/trace-state.ts";

const many = (count: number): string => Array.from({ length: count }, (_, at) => `k${at}=v`).join(",");

test.each([
  ["one member", "foo=1", "foo=1"],
  ["several in their order", "foo=1,bar=2", "foo=1,bar=2"],
  ["space around members", "foo=1 \t, \tbar=2", "foo=1,bar=2"],
  ["empty members", ",foo=1,,bar=2,", "foo=1,bar=2"],
  ["a tenant's key", "acme@vendor=1", "acme@vendor=1"],
  ["every sign of a key", "0a_-*/@b=1", "0a_-*/@b=1"],
  ["every sign of a value", "a= !+-<>~z", "a= !+-<>~z"],
  ["a long key and value", `${"k".repeat(256)}=${"v".repeat(100)}`, `${"k".repeat(256)}=${"v".repeat(100)}`],
  ["as many members as there may be", many(32), many(32)],
])("%s is passed on", (_, given, passed) => {
  expect(passedTracestate(given)).toBe(passed);
});

test.each([
  ["nothing", ""],
  ["nothing but commas", " , ,"],
  ["too many members", many(33)],
  ["a key twice", "foo=1,foo=2"],
  ["no value", "foo"],
  ["an empty value", "foo="],
  ["an empty key", "=1"],
  ["a key in upper case", "FOO=1"],
  ["a key with a space", "foo =1"],
  ["a key that is too long", `${"k".repeat(257)}=1`],
  ["a value that is too long", `foo=${"v".repeat(257)}`],
  ["an equals sign in a value", "foo=bar=baz"],
  ["a sign that is not of ASCII", "foo=ü"],
  ["a control character", "foo=a\u0001"],
])("%s is as if there were none", (_, given) => {
  expect(passedTracestate(given)).toBe("");
});

test("too long: long members go first, then those at the end", () => {
  const long = `long=${"x".repeat(200)}`;
  const short = Array.from({ length: 10 }, (_, at) => `s${at}=${"y".repeat(57)}`);
  const passed = passedTracestate([short[0], long, ...short.slice(1)].join(","));
  expect(passed).toBe(short.slice(0, 8).join(","));
  expect(passed.length).toBeLessThanOrEqual(512);
});

test("the gateway's word is found where the gateway has put it, and nobody else's", () => {
  for (const value of ["", "a=b"]) {
    expect(isExplained(withExplained(value))).toBe(true);
    expect(withoutOwnState(withExplained(value))).toBe(value);
    expect(passedTracestate(withExplained(value))).toBe(withExplained(value));
  }
  for (const value of ["", "a=b", "a=b,selvage=explain", "selvage=explained", "xselvage=explain"])
    expect(isExplained(value)).toBe(false);
  expect(withoutOwnState("a=b,selvage=explain,xselvage=c")).toBe("a=b,xselvage=c");
});
