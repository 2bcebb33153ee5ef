/** What the document says of other trust domains. */
import { expect, test } from "vitest";
import { checkDocument } from "../../../shared/config/check-document.ts";
import { compile } from "../../../shared/plan/compile.ts";

const BILLING = "spiffe://partner.example/service/billing";
const document = (federation: unknown, from: string = BILLING, more: object = {}) => ({
  ...{ selvage: 1, name: "shop" },
  mesh: {
    trustDomain: "shop.internal",
    ...more,
    ...(federation !== undefined && { federation }),
    services: { web: { port: 80, access: [{ from }] } },
  },
});
const problems = (json: unknown): string[] =>
  checkDocument(json).problems.map(({ code, path }) => `${code} ${path.join(".")}`);
const partner = { bundle: "https://mesh.partner.example/v1/bundle" };

test("a partner whose workload a rule names is compiled as it stands", () => {
  const checked = checkDocument(document({ "partner.example": { ...partner, refresh: "2m" } }));
  expect(checked.problems).toEqual([]);
  if (checked.document === undefined) throw new Error("no document");
  const { mesh } = compile(checked.document);
  expect(mesh.federation).toEqual({ "partner.example": { ...partner, refreshMs: 120_000 } });
  expect(mesh.services.web?.access?.[0]?.from).toBe(BILLING);
  const none = checkDocument(document({}, "*"));
  if (none.document === undefined) throw new Error("no document");
  expect(compile(none.document).mesh).not.toHaveProperty("federation");
});

const AT = "mesh.services.web.access.0.from";
test.each<[string, unknown, string[]]>([
  [
    "plain HTTP",
    document({ "partner.example": { bundle: "http://partner.example/b" } }),
    ["SLV3255 mesh.federation.partner.example.bundle"],
  ],
  [
    "a user in the URL",
    document({ "partner.example": { bundle: "https://a@partner.example/b" } }),
    ["SLV3255 mesh.federation.partner.example.bundle"],
  ],
  [
    "no URL",
    document({ "partner.example": { bundle: "partner" } }),
    ["SLV2001 mesh.federation.partner.example.bundle"],
  ],
  ["loopback", document({ "partner.example": { bundle: "http://127.0.0.1:8788/v1/bundle" } }), []],
  ["the own trust domain", document({ "shop.internal": partner }, "*"), ["SLV3256 mesh.federation.shop.internal"]],
  [
    "the own trust domain by name",
    document({ "a.example": partner }, "*", { trustDomain: "a.example" }),
    ["SLV3256 mesh.federation.a.example"],
  ],
  ["a trust domain that is not named", document(undefined), [`SLV3257 ${AT}`]],
  ["a workload of the own mesh", document(undefined, "spiffe://shop.internal/service/web"), [`SLV3258 ${AT}`]],
  [
    "what is no SPIFFE ID",
    document({ "partner.example": partner }, "spiffe://partner.example/"),
    [`SLV2001 ${AT}`, "SLV3259 mesh.federation.partner.example"],
  ],
  [
    "a partner that nobody names",
    document({ "partner.example": partner }, "*"),
    ["SLV3259 mesh.federation.partner.example"],
  ],
  [
    "a key that is none",
    document({ "partner.example": { ...partner, profile: "https_spiffe" } }),
    ["SLV2003 mesh.federation.partner.example.profile"],
  ],
  [
    "a refresh that is too short",
    document({ "partner.example": { ...partner, refresh: "1ms" } }),
    ["SLV2001 mesh.federation.partner.example.refresh"],
  ],
])("%s", (_what, json, expected) => {
  expect(problems(json)).toEqual(expected);
});

test("a mistyped trust domain and a service by its SPIFFE ID get the right word", () => {
  const [typo] = checkDocument(document({ "partner.exmple": partner })).problems.filter(
    ({ code }) => code === "SLV3257",
  );
  expect(typo?.suggestion).toBe("spiffe://partner.exmple/service/billing");
  const [own] = checkDocument(document(undefined, "spiffe://shop.internal/service/orders")).problems;
  expect(own?.suggestion).toBe("orders");
});

test("built-in words of JavaScript are no trust domains", () => {
  const json = JSON.parse(
    `{ "selvage": 1, "name": "shop", "mesh": { "federation": { "__proto__": ${JSON.stringify(partner)} }, "services": {} } }`,
  );
  expect(problems(json).length).toBeGreaterThan(0);
});

const issuer = (spiffe: object, from = "*") => document(undefined, from, { identity: { spiffe } });
const outside = { id: "spiffe://shop.internal/ns/prod/sa/{service}", bundle: "https://spire.shop.internal/bundle" };

test("an outside issuer is a partner for the own trust domain", () => {
  const gateway = "spiffe://shop.internal/ns/edge/sa/ingress";
  const checked = checkDocument(issuer({ ...outside, gateway, refresh: "30s" }));
  expect(checked.problems).toEqual([]);
  if (checked.document === undefined) throw new Error("no document");
  const { id, bundle } = outside;
  expect(compile(checked.document).mesh.federation).toEqual({
    "shop.internal": { bundle, refreshMs: 30_000, names: { id, gateway } },
  });
  // Its Workload API may tell of trust domains that the document does not name.
  expect(problems(issuer(outside, BILLING))).toEqual([]);
});

test.each<[object, string[]]>([
  [{ ...outside, id: "spiffe://other.internal/ns/prod/sa/{service}" }, ["SLV3195 mesh.identity.spiffe.id"]],
  [{ ...outside, id: "spiffe://shop.internal/ns/prod/sa/orders" }, ["SLV3195 mesh.identity.spiffe.id"]],
  [{ ...outside, id: "spiffe://shop.internal/*/{service}" }, ["SLV3196 mesh.identity.spiffe.id"]],
  [{ ...outside, gateway: "spiffe://other.internal/ingress" }, ["SLV3197 mesh.identity.spiffe.gateway"]],
  [{ ...outside, gateway: "spiffe://shop.internal" }, ["SLV3197 mesh.identity.spiffe.gateway"]],
  [{ ...outside, bundle: "http://spire.shop.internal/" }, ["SLV3255 mesh.identity.spiffe.bundle"]],
  [{ id: outside.id }, ["SLV2002 mesh.identity.spiffe.bundle"]],
  [{ ...outside, id: "ns/{service}" }, ["SLV2001 mesh.identity.spiffe.id"]],
])("%j", (spiffe, expected) => {
  expect(problems(issuer(spiffe))).toEqual(expected);
});
