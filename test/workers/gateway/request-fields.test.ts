import { describe, expect, test } from "vitest";
import { RequestFields } from "../../../workers/gateway/upstream/request-fields.ts";

const of = (fields: [string, string][]): RequestFields => {
  const headers = new Headers(fields);
  return new RequestFields(headers, headers);
};

describe("fields of a request", () => {
  test("are read as they will be sent, whatever was changed in which order and case", () => {
    const fields = of([
      ["a", "1"],
      ["b", "2"],
      ["c", "3"],
    ]);
    fields.delete("A");
    fields.set("B", "two");
    fields.append("C", "four");
    fields.append("D", "5");
    fields.delete("d");
    fields.delete("none");
    fields.set("a", "again");
    const expected = { a: "again", b: "two", c: "3, four" };
    expect(Object.fromEntries(fields.toHeaders())).toEqual(expected);
    expect(Object.fromEntries(fields)).toEqual(expected);
    expect([fields.get("c"), fields.get("d"), fields.has("d"), fields.has("a")]).toEqual([
      "3, four",
      null,
      false,
      true,
    ]);
  });

  test("of a copy change apart", () => {
    const fields = of([["a", "1"]]);
    fields.set("b", "2");
    const copy = fields.copy();
    copy.set("a", "changed");
    fields.delete("b");
    expect(Object.fromEntries(copy.toHeaders())).toEqual({ a: "changed", b: "2" });
    expect(Object.fromEntries(fields.toHeaders())).toEqual({ a: "1" });
  });

  test("a value that no field can have is not sent", () => {
    const fields = of([]);
    fields.set("a", "x\r\nb: 1");
    expect(() => fields.toHeaders()).toThrow(TypeError);
  });
});
