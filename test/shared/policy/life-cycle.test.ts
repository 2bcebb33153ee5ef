import { describe, expect, test } from "vitest";
import { isDeprecated, judgeLifeCycle, type LifeCycle, lifeCycleFields } from "../../../shared/policy/life-cycle.ts";

const at = (text: string): number => Date.parse(text);
const JUNE = at("2026-06-01T00:00:00Z");
const JULY = at("2026-07-01T00:00:00Z");

describe("whether a request is carried out", () => {
  const brownouts = [{ fromMs: 100, untilMs: 200, percent: 25 }];

  test.each<[string, LifeCycle, number, number, string]>([
    ["before the end", { sunsetAtMs: 100 }, 99, 0, "pass"],
    ["at the end", { sunsetAtMs: 100 }, 100, 0.99, "over"],
    ["after an end that is told alone", { sunsetAtMs: 100, servesAfterSunset: true }, 100, 0, "pass"],
    ["before a brownout", { brownouts }, 99, 0, "pass"],
    ["in its share", { brownouts }, 100, 0.2499, "brownout"],
    ["beside its share", { brownouts }, 100, 0.25, "pass"],
    ["at its last moment", { brownouts }, 199, 0, "brownout"],
    ["after it", { brownouts }, 200, 0, "pass"],
    ["after all of it", { brownouts, sunsetAtMs: 150 }, 160, 0.9, "over"],
  ])("%s", (_, settings, nowMs, random, kind) => {
    expect(judgeLifeCycle(settings, nowMs, random).kind).toBe(kind);
  });

  test("who is refused in a brownout hears when it is over", () => {
    expect(judgeLifeCycle({ brownouts }, 150, 0)).toEqual({ kind: "brownout", endsAtMs: 200 });
  });
});

test("it is deprecated from its date on", () => {
  expect([JUNE - 1, JUNE].map((nowMs) => isDeprecated({ deprecatedAtMs: JUNE }, nowMs))).toEqual([false, true]);
  expect(isDeprecated({ sunsetAtMs: JUNE }, JULY)).toBe(false);
});

describe("what answers say", () => {
  test("fields as RFC 9745, 8594 and 8288 write them", () => {
    const settings = {
      deprecatedAtMs: at("2023-06-30T23:59:59Z"),
      sunsetAtMs: at("2018-12-31T23:59:59Z"),
      successor: "/v2/orders/{id}/*",
      docs: "https://developer.example.com/deprecation",
      policy: "https://developer.example.com/policy",
    };
    expect(lifeCycleFields(settings, { id: "a b", "*": "items" })).toEqual([
      ["deprecation", "@1688169599"],
      ["sunset", "Mon, 31 Dec 2018 23:59:59 GMT"],
      ["link", '</v2/orders/a%20b/items>; rel="successor-version"'],
      ["link", '<https://developer.example.com/deprecation>; rel="deprecation"'],
      ["link", '<https://developer.example.com/policy>; rel="sunset"'],
    ]);
    expect(lifeCycleFields({}, {})).toEqual([]);
  });

  test("what a client wrote ends no link early", () => {
    const [[, link = ""] = []] = lifeCycleFields({ successor: "/v2/*" }, { "*": 'a>; rel="evil", <b' });
    expect(link).toBe('</v2/a%3E;%20rel=%22evil%22,%20%3Cb>; rel="successor-version"');
  });
});
