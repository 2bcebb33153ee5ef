import { expect, test } from "vitest";
import { applyHeaderEdits, isEmptyEdit, MissingSecret } from "../../../shared/policy/header-edits.ts";

const secret = (name: string): string | undefined => (name === "KEY" ? "s3cret" : undefined);

test("remove, then set, then add", () => {
  const fields = new Headers({ a: "1", b: "1", c: "1" });
  applyHeaderEdits(
    fields,
    { remove: ["a", "c"], set: { b: "2", d: "Bearer ${secret:KEY}" }, add: { b: "3", c: "4" } },
    secret,
  );
  expect([...fields]).toEqual([
    ["b", "2, 3"],
    ["c", "4"],
    ["d", "Bearer s3cret"],
  ]);
});

test("a secret that is not there changes nothing", () => {
  const fields = new Headers({ a: "1" });
  const edits = { remove: ["a"], set: { b: "${secret:OTHER}" }, add: {} };
  expect(() => applyHeaderEdits(fields, edits, secret)).toThrow(MissingSecret);
  expect([...fields]).toEqual([["a", "1"]]);
});

test("an edit without members is empty", () => {
  expect(isEmptyEdit({ remove: [], set: {}, add: {} })).toBe(true);
  expect(isEmptyEdit({ remove: [], set: {}, add: { a: "1" } })).toBe(false);
});
