import { expect, test } from "vitest";
import { requestedVersion, type Versioning } from "../../../shared/route/requested-version.ts";

const asked = (versioning: Versioning, fields: Record<string, string>, query = ""): string | undefined =>
  requestedVersion(versioning, (name) => fields[name], query);

test("by a header", () => {
  const versioning = { source: { header: "api-version" }, byDefault: "1" };
  expect(asked(versioning, { "api-version": " 2 " })).toBe("2");
  expect(asked(versioning, { "api-version": "" })).toBe("1");
  expect(asked({ source: { header: "api-version" } }, {})).toBeUndefined();
});

test("by a parameter", () => {
  const versioning = { source: { query: "v" }, byDefault: "1" };
  const queries = ["?v=2", "?a=1&v=2026-11-01", "?v=", "?V=2", "", "?v=%zz", "?v=2&v=3", "?v=2&v=2", "?v=2&a=%zz"];
  const found = queries.map((query) => asked(versioning, {}, query));
  expect(found).toEqual(["2", "2026-11-01", "1", "1", "1", "%zz", "2, 3", "2", "2"]);
});

test.each([
  ["application/vnd.shop.v2+json", "v2"],
  ["application/vnd.shop.v2", "v2"],
  ["Application/Vnd.Shop.V2+JSON", "V2"],
  ["application/vnd.shop+json; version=v3", "v3"],
  ['application/vnd.shop+json;q=0.8;version="v3"', "v3"],
  ["text/html, application/vnd.shop.v2+json;q=0.9, application/vnd.shop.v3+json;q=0.5", "v2"],
  ["application/vnd.shop.v2+json;q=0.1, application/vnd.shop.v3+json", "v3"],
  ["application/vnd.shop.v2+json;q=0", "default"],
  ["application/vnd.shopper.v2+json", "default"],
  ["application/vnd.shop+json", "default"],
  ["application/vnd.shop.+json", "default"],
  ["*/*", "default"],
])("by the media type %s", (accept, expected) => {
  const versioning = { source: { mediaType: "application/vnd.shop" }, byDefault: "default" };
  expect(asked(versioning, { accept })).toBe(expected);
});

test("what a request brings says its version where it asks for none", () => {
  const versioning = { source: { mediaType: "application/vnd.shop" } };
  const content = { "content-type": "application/vnd.shop.v2+json" };
  expect(asked(versioning, { accept: "*/*", ...content })).toBe("v2");
  expect(asked(versioning, { accept: "application/vnd.shop.v3+json", ...content })).toBe("v3");
});
