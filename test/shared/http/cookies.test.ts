import { describe, expect, test } from "vitest";
import { cookieValues, setOwnCookie, setsOwnCookie, withoutOwnCookies } from "../../../shared/http/cookies.ts";

const OWN = "__Host-selvage-session-web";

describe("a cookie of a request", () => {
  test.each<[string | undefined, string[]]>([
    [undefined, []],
    ["a=1; b=2", []],
    [`${OWN}=x`, ["x"]],
    [`a=1;${OWN}=x;b=2`, ["x"]],
    [`${OWN}=x; ${OWN}=y`, ["x", "y"]],
    [`  ${OWN}=x;\t${OWN}=y`, ["x", "y"]],
    [`${OWN}`, []],
    [`${OWN}2=x; x${OWN}=y`, []],
    [`${OWN.toLowerCase()}=x`, []],
    [`a="${OWN}=x"`, []],
    // What another host of the site can set for this one, for these names do not begin with `__Host-`.
    [`a=1,${OWN}=x`, []],
    [`a=1, ${OWN}=x; b=2`, []],
    [`a="1, ${OWN}=x"`, []],
    ...["\u00a0", "\ufeff", "\u2000", "\u2028", "\u3000", "\u000b", "\f", "\u0085", "$Version=1,"].flatMap(
      (before): [string, string[]][] => [
        [`${before}${OWN}=x`, []],
        [`a=1; ${before}${OWN}=x; ${OWN}${before}=y`, []],
      ],
    ),
    [`${OWN} =x; " ${OWN}"=x; =${OWN}=x`, []],
  ])("%j has %j", (header, values) => {
    expect(cookieValues(header, OWN)).toEqual(values);
  });
});

describe("a Cookie field without the gateway's own", () => {
  test.each([
    ["a=1; b=2", "a=1; b=2"],
    [`${OWN}=x`, ""],
    [`${OWN}=x; a=1`, "a=1"],
    [`a=1; ${OWN}=x`, "a=1"],
    [`a=1; ${OWN}=x; b="c, d"; __HOST-SELVAGE-login-web-12345678=y`, 'a=1; b="c, d"'],
    [`a=1, ${OWN}=x, b=2`, "a=1, b=2"],
    [`a=1;;${OWN}=x;`, "a=1;;"],
    [`a=x${OWN}=y`, `a=x${OWN}=y`],
    [`=${OWN}=x; "${OWN}=y"`, ""],
    [`a=1; \u00a0${OWN}=x; \ufeff${OWN}=y`, "a=1"],
  ])("%j is %j", (header, expected) => {
    expect(withoutOwnCookies(header)).toBe(expected);
  });
});

test("cookies that an upstream sets in the gateway's name are known by their name, in any case", () => {
  for (const line of [`${OWN}=x; Path=/`, "__host-selvage-x=1", ` ${OWN}=x`, `=${OWN}=x`, "__HOST-SELVAGE-=1"])
    expect(setsOwnCookie(line)).toBe(true);
  for (const line of ["a=1", "__Host-other=1", `a=${OWN}`, `x${OWN}=1`, ""]) expect(setsOwnCookie(line)).toBe(false);
});

test("the gateway's own cookies are bound to a host, hidden from scripts, and taken away by an empty value", () => {
  const attributes = "Path=/; Max-Age=2; Secure; HttpOnly; SameSite=Lax";
  expect(setOwnCookie(OWN, "x", 1_001)).toBe(`${OWN}=x; ${attributes}`);
  expect(setOwnCookie(OWN, "", 1_001)).toBe(`${OWN}=; ${attributes.replace("2", "0")}`);
});
