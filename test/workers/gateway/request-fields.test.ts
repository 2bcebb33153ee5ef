import { describe, expect, test } from "vitest";
import { RequestFields } from "../../../workers/gateway/upstream/request-fields.ts";

const of = (fields: [string, string][]): RequestFields => new RequestFields(new Headers(fields), new Map(fields));

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

  test("say what the edge says of the client, whoever looks first", () => {
    const said: [string, string][] = [["x-forwarded-host", "edge"]];
    const fresh = (): RequestFields => {
      const fields = of([["x-forwarded-host", "client"]]);
      fields.passEdge(["x-forwarded-host"], () => said);
      return fields;
    };
    expect([fresh().get("x-forwarded-host"), Object.fromEntries(fresh().toHeaders())]).toEqual([
      "edge",
      { "x-forwarded-host": "edge" },
    ]);
    expect(Object.fromEntries(fresh())).toEqual({ "x-forwarded-host": "edge" });
    expect(Object.fromEntries(fresh().copy().toHeaders())).toEqual({ "x-forwarded-host": "edge" });
    const edited = fresh();
    edited.set("x-forwarded-host", "document");
    expect([edited.get("x-forwarded-host"), edited.toHeaders().get("x-forwarded-host")]).toEqual([
      "document",
      "document",
    ]);
    const removed = fresh();
    removed.delete("x-forwarded-host");
    expect([removed.has("x-forwarded-host"), removed.toHeaders().has("x-forwarded-host")]).toEqual([false, false]);
  });

  test("a value that no field can have is not sent", () => {
    const fields = of([]);
    fields.set("a", "x\r\nb: 1");
    expect(() => fields.toHeaders()).toThrow(TypeError);
  });
});
