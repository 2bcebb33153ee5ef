import { describe, expect, test } from "vitest";
import { capturedText, findMethod } from "../../../shared/transcode/method-index.ts";
import { parsePathTemplate } from "../../../shared/transcode/path-template.ts";
import { kindsBindings, kindsIndex } from "../../support/transcode.ts";

describe("templates", () => {
  test.each<[string, string[], string, object[]]>([
    ["/v1/orders", ["v1", "orders"], "", []],
    ["/v1/{id}", ["v1", "*"], "", [{ fields: ["id"], from: 1, to: 2, isMany: false }]],
    ["/v1/{a.b.c=*}:act", ["v1", "*"], "act", [{ fields: ["a", "b", "c"], from: 1, to: 2, isMany: false }]],
    ["/v1/{name=a/*/b/*}/c", ["v1", "a", "*", "b", "*", "c"], "", [{ fields: ["name"], from: 1, to: 5, isMany: true }]],
    ["/{rest=**}:read", ["**"], "read", [{ fields: ["rest"], from: 0, isMany: true }]],
    ["/a/*/**", ["a", "*", "**"], "", []],
    ["/a/{b=c}", ["a", "c"], "", [{ fields: ["b"], from: 1, to: 2, isMany: false }]],
  ])("%s", (text, segments, verb, variables) => {
    expect(parsePathTemplate(text)).toEqual({ segments, verb, variables });
  });

  test.each([
    ["v1/orders", "does not begin"],
    ["/", "empty"],
    ["/v1//x", "empty"],
    ["/v1/", "empty"],
    ["/v1/{id", "no }"],
    ["/v1/{id}x", "within a segment"],
    ["/v1/{}", "names no field"],
    ["/v1/{1a}", "names no field"],
    ["/v1/{a={b}}", "is no segment"],
    ["/**/x", "before the end"],
    ["/{a=**}/{b=**}", "before the end"],
    ["/{a}/{a}", "occurs twice"],
    ["/v1/a b", "is no segment"],
    ["/v1/x:", "verb is empty"],
    ["/v1/a?b", "is no segment"],
  ])("%s is none", (text, why) => {
    expect(parsePathTemplate(text)).toContain(why);
  });
});

describe("the method of a request", () => {
  const find = (method: string, path: string): string => {
    const found = findMethod(kindsIndex, method, path);
    if (found.missing === "method") return `allow ${found.allow.join(",")}`;
    if (found.missing !== undefined) return found.missing;
    const values = found.captured.map(
      (one) => `${one.variable.fields.map(({ name }) => name).join(".")}=${capturedText(one)}`,
    );
    return [found.binding.rule.template, ...values].join(" ");
  };

  test("every rule of the descriptor is read, but those of calls that HTTP cannot make", () => {
    expect(kindsBindings.faults).toEqual([
      { method: "test.kinds.Kinds.Sum", kind: "streaming", reason: expect.stringContaining("streams from the client") },
    ]);
    expect(kindsIndex.hidden).toEqual([]);
  });

  test.each([
    ["GET", "/echo", "/echo"],
    ["HEAD", "/echo", "/echo"],
    ["REPORT", "/echo", "/echo"],
    ["DELETE", "/echo", "allow GET,POST,REPORT"],
    ["PROPFIND", "/any-method", "/any-method"],
    ["GET", "/one/fixed", "/one/fixed"],
    ["GET", "/one/else", "/one/{text} text=else"],
    ["GET", "/one/", "path"],
    ["GET", "/one", "path"],
    ["GET", "/one/a/b", "path"],
    ["GET", "/one/a%2Fb", "/one/{text} text=a/b"],
    ["GET", "/one/%C3%A9%25", "/one/{text} text=é%"],
    ["POST", "/one/x:act", "/one/{text}:act text=x"],
    ["POST", "/one/x:y:act", "/one/{text}:act text=x:y"],
    ["GET", "/one/x:act", "/one/{text} text=x:act"],
    ["POST", "/one/x:other", "allow GET"],
    ["GET", "/shelves/1/books/2", "/{text=shelves/*/books/*} text=shelves/1/books/2"],
    [
      "GET",
      "/shelves/1/books/2/3:read",
      "/{text=shelves/*}/{inner.text=books/**}:read text=shelves/1 inner.text=books/2/3",
    ],
    ["GET", "/shelves/1/books:read", "/{text=shelves/*}/{inner.text=books/**}:read text=shelves/1 inner.text=books"],
    ["GET", "/shelves/a%20b/books/2", "/{text=shelves/*/books/*} text=shelves/a b/books/2"],
    ["GET", "/shelves/a%2fb/books/2", "/{text=shelves/*/books/*} text=shelves/a%2Fb/books/2"],
    ["GET", "/files", "/files/{text=**} text="],
    ["GET", "/files/a/b/c", "/files/{text=**} text=a/b/c"],
    ["GET", "/one/%ff", "/one/{text} text=undefined"],
    ["GET", "/nothing", "path"],
    ["GET", "/__proto__", "path"],
  ])("%s %s: %s", (method, path, expected) => {
    expect(find(method, path)).toBe(expected);
  });
});
