import { describe, expect, test } from "vitest";
import { readGraphqlRequests } from "../../../shared/policy/graphql-request.ts";

const post = (text: string | undefined, contentType: string | undefined = "application/json", more = {}) =>
  readGraphqlRequests({ ...{ method: "POST", query: "", contentType, contentEncoding: undefined, text }, ...more });
const get = (query: string, more = {}) =>
  readGraphqlRequests({
    ...{ method: "GET", query, contentType: undefined, contentEncoding: undefined, text: "" },
    ...more,
  });
const one = { operationName: undefined, variables: {}, persistedHash: undefined };

describe("what is read", () => {
  test.each([
    ['{"query":"{a}"}', { ...one, query: "{a}" }],
    ['{"query":"{a}","operationName":null,"variables":null,"extensions":null}', { ...one, query: "{a}" }],
    [
      '{"query":"{a}","operationName":"b","variables":{"c":1}}',
      { ...one, query: "{a}", operationName: "b", variables: { c: 1 } },
    ],
    [
      '{"extensions":{"persistedQuery":{"version":1,"sha256Hash":"ABC"}}}',
      { ...one, query: undefined, persistedHash: "abc" },
    ],
  ])("%s", (text, expected) => {
    expect(post(text)).toEqual({ requests: [expected] });
  });

  test("of the other forms", () => {
    expect(post("{a}", "application/graphql")).toEqual({ requests: [{ ...one, query: "{a}" }] });
    expect(post('{"query":"{a}"}', "Application/GraphQL+JSON; charset=UTF-8")).toEqual({
      requests: [{ ...one, query: "{a}" }],
    });
    expect(post('[{"query":"{a}"},{"query":"{b}"}]').requests).toHaveLength(2);
    expect(get("?query=%7Ba%7D&variables=%7B%22c%22%3A1%7D&utm=x")).toEqual({
      requests: [{ ...one, query: "{a}", variables: { c: 1 } }],
    });
  });
});

describe("what could be read in two ways, or not at all", () => {
  test.each([
    ['{"query":"{a}","query":"{b}"}', "content"],
    ['{"query":"{a}","\\u0071uery":"{b}"}', "content"],
    ["{}", "content"],
    ["[]", "content"],
    ["null", "content"],
    ['"{a}"', "content"],
    ['{"query":1}', "content"],
    ['{"query":["{a}"]}', "content"],
    ['{"query":"{a}","variables":"{}"}', "content"],
    ['{"query":"{a}","variables":[]}', "content"],
    ['[{"query":"{a}"},1]', "content"],
    [`{"query":"{a}","variables":{"a":${"[".repeat(100)}${"]".repeat(100)}}}`, "content"],
    ['{"query":"{a}"', "content"],
    ["", "content"],
    [undefined, "content"],
  ])("content %s", (text, invalid) => {
    expect(post(text).invalid).toBe(invalid);
  });

  test.each([
    ["text/plain", {}],
    ["application/x-www-form-urlencoded", {}],
    ["multipart/form-data; boundary=a", {}],
    ["application/json; charset=utf-16", {}],
    ["application/json; charset=utf-8; charset=utf-7", {}],
    ["application/json; charset =utf-7", {}],
    ['application/json; a="; charset=utf-8; b="; charset=utf-7', {}],
    ['application/json; charset="utf\\-7"', {}],
    [undefined, { contentType: undefined }],
    ["application/json", { contentEncoding: "gzip" }],
  ])("type %s %o", (contentType, more) => {
    expect(post('{"query":"{a}"}', contentType, more).invalid).toBe("media-type");
  });

  test.each([
    ["?query=%7Ba%7D&query=%7Bb%7D", {}, "content"],
    ["?query=%7Ba%7D&variables=x", {}, "content"],
    ["?query=%zz", {}, "content"],
    ["?query=%7Ba%7D&variables%5Bfirst%5D=1000", {}, "content"],
    ["?query=%7Ba%7D&query[]=%7Bb%7D", {}, "content"],
    ["?query=%7Ba%7D&extensions.persistedQuery=1", {}, "content"],
    ["?a=b", {}, "content"],
    ["?query=%7Ba%7D", { text: '{"query":"{b}"}' }, "content"],
    ["?query=%7Ba%7D", { method: "PUT" }, "method"],
    ["?query=%7Ba%7D", { method: "POST", contentType: "application/json", text: '{"query":"{b}"}' }, "content"],
  ])("URL %s %o", (query, more, invalid) => {
    expect(get(query, more).invalid).toBe(invalid);
  });
});
