import { describe, expect, test } from "vitest";
import { pointTo, usedOf } from "../../../shared/policy/response-cost.ts";

const cost = { estimate: 50, header: "x-used", body: "/usage/total_tokens" };
const used = ({ body, ...answer }: { status?: number; field?: string; body?: unknown }) =>
  usedOf(cost, "sms", { status: 200, field: null, told: new Map([[cost.body, pointTo(body, cost.body)]]), ...answer });

test.each<[string, Parameters<typeof used>[0], number]>([
  ["a field", { field: "7" }, 7],
  ["a field before the body", { field: "7", body: { usage: { total_tokens: 9 } } }, 7],
  ["a field with several limits", { field: "mail=2, sms=3" }, 3],
  ["a field of other limits", { field: "mail=2" }, 50],
  ["a field that is no number", { field: "-3" }, 50],
  ["a field of too many digits", { field: "9".repeat(40) }, 50],
  ["a body", { body: { usage: { total_tokens: 9 } } }, 9],
  ["a body with a fraction", { body: { usage: { total_tokens: 8.2 } } }, 9],
  ["a body that is below zero", { body: { usage: { total_tokens: -1 } } }, 50],
  ["a body that says a text", { body: { usage: { total_tokens: "9" } } }, 50],
  ["nothing", {}, 50],
  ["nothing of a failure", { status: 502 }, 0],
  ["nothing of a refusal", { status: 400 }, 0],
  ["a failure that cost", { status: 500, field: "4" }, 4],
])("%s", (_, answer, expected) => expect(used(answer)).toBe(expected));

// RFC 6901 section 5
const example = { foo: ["bar", "baz"], "": 0, "a/b": 1, "c%d": 2, "m~n": 8, " ": 7 };
describe("JSON pointers", () => {
  test.each<[string, unknown]>([
    ["", example],
    ["/foo/0", "bar"],
    ["/", 0],
    ["/a~1b", 1],
    ["/c%d", 2],
    ["/m~0n", 8],
    ["/ ", 7],
    ["/foo/2", undefined],
    ["/constructor", undefined],
    ["/foo/length", undefined],
  ])("%s", (pointer, found) => expect(pointTo(example, pointer)).toEqual(found));
});
