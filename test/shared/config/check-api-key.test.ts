import { expect, test } from "vitest";
import { loadDocument } from "../../../shared/config/load.ts";
import { compile } from "../../../shared/plan/compile.ts";

const load = (identity: string) =>
  loadDocument(
    `selvage: 1
name: a
gateway:
  hosts: [localhost]
  identity:
${identity.replace(/^/gm, "    ")}
  routes: []
`,
    "f",
    () => undefined,
  );
const codes = (identity: string) =>
  load(identity).problems.map(({ code, path }) => `${code} ${path.slice(2).join(".")}`);

test("defaults", () => {
  const { document } = load("partners: { apiKey: { header: X-Api-Key } }");
  if (document === undefined) throw new Error();
  expect(compile(document).gateway.identity.partners).toEqual({
    kind: "api-key",
    header: "x-api-key",
    bearer: false,
    prefix: "slv",
    foreign: false,
  });
});

test.each([
  ["a: { apiKey: { bearer: true, prefix: shop_live } }", []],
  ["a: { apiKey: { query: api_key } }\nb: { apiKey: { header: x-key, prefix: b } }", []],
  ["a: { }", ["SLV2005 a"]],
  ["a: { jwt: { issuer: 'http://i/', audience: a }, apiKey: { bearer: true } }", ["SLV2005 a"]],
  ["a: { apiKey: { } }", ["SLV2005 a.apiKey"]],
  ["a: { apiKey: { bearer: false } }", ["SLV2005 a.apiKey"]],
  ["a: { apiKey: { header: Authorization } }", ["SLV3009 a.apiKey.header"]],
  ["a: { apiKey: { header: X-Forwarded-For } }", ["SLV3009 a.apiKey.header"]],
  ["a: { apiKey: { header: cookie } }", ["SLV3009 a.apiKey.header"]],
  ["a: { apiKey: { bearer: true } }\nb: { apiKey: { header: x } }", ["SLV3006 b.apiKey"]],
  ["a: { apiKey: { bearer: true, prefix: Big } }", ["SLV2001 a.apiKey.prefix"]],
  ["a: { apiKey: { query: 'a b' } }", ["SLV2001 a.apiKey.query"]],
  ["a: { apikey: { header: x } }", ["SLV2003 a.apikey"]],
])("%s", (identity, expected) => {
  expect(codes(identity)).toEqual(expected);
});
