import { expect, test } from "vitest";
import { checkDocument } from "../../../shared/config/check-document.ts";
import { formatPath } from "../../../shared/config/problem.ts";
import { compile } from "../../../shared/plan/compile.ts";

const orders = { port: 8080, access: [{ from: "gateway" }] };
const documentOf = (route: object, gateway: object = {}, service: object = orders): unknown => ({
  ...{ selvage: 1, name: "shop" },
  gateway: {
    hosts: ["api.shop.example"],
    identity: { login: { jwt: { issuer: "https://login.example", audience: "shop" } } },
    routes: [{ name: "orders", match: { path: "/orders" }, to: "orders", ...route }],
    ...gateway,
  },
  mesh: { trustDomain: "shop.internal", services: { orders: service } },
});
const found = (...of: Parameters<typeof documentOf>): string[] =>
  checkDocument(documentOf(...of)).problems.map(
    ({ severity, code, path }) => `${severity} ${code} ${formatPath(path).replace("gateway.routes[0]", "route")}`,
  );

const shadow = { any: ["login"], mode: "shadow" };
const limit = { limit: "9/minute", by: "all", onFailure: "closed" };
const asking = { ...orders, access: [{ from: "gateway", scopes: ["read"] }] };

test.each<[string, Parameters<typeof documentOf>, string[]]>([
  ["an enforced auth", [{ auth: { ...shadow, mode: "enforce" } }], []],
  ["an open route", [{ auth: shadow }], ["warning SLV3233 route.auth.mode"]],
  [
    "an open route to a service that asks for scopes",
    [{ auth: shadow }, {}, asking],
    ["warning SLV3233 route.auth.mode", "warning SLV3237 route.auth.mode"],
  ],
  [
    "one that asks in shadow",
    [{ auth: shadow }, {}, { ...orders, access: [{ from: "gateway", scopes: ["read"], mode: "shadow" }] }],
    ["warning SLV3233 route.auth.mode", "warning SLV3058 mesh.services.orders.access[0].mode"],
  ],
  ["a limit", [{ rateLimit: { ...limit, mode: "shadow" } }], []],
  ["a limit that is counted exactly", [{ rateLimit: { ...limit, mode: "exact", shadow: true } }], []],
  [
    "a limit twice",
    [{ rateLimit: [{ ...limit, mode: "enforce", shadow: true }] }],
    ["error SLV3232 route.rateLimit[0].shadow"],
  ],
  ["GraphQL twice", [{ graphql: { mode: "shadow", shadow: false } }], ["error SLV3232 route.graphql.shadow"]],
  ["shedding twice", [{}, { shedding: { mode: "shadow", shadow: true } }], ["error SLV3232 gateway.shedding.shadow"]],
  [
    "a limit of a service twice",
    [{}, {}, { ...orders, rateLimit: { limit: "9/minute", by: "all", mode: "shadow", shadow: true } }],
    ["error SLV3232 mesh.services.orders.rateLimit.shadow"],
  ],
  ["a life cycle that ends", [{ lifecycle: { sunset: "2027-01-01T00:00:00Z", mode: "shadow" } }], []],
  [
    "a life cycle that refuses nobody",
    [{ lifecycle: { deprecated: "2026-01-01T00:00:00Z", mode: "shadow" } }],
    ["warning SLV3234 route.lifecycle.mode"],
  ],
  ["an unknown mode", [{ auth: { ...shadow, mode: "off" } }], ["error SLV2001 route.auth.mode"]],
])("%s", (_, document, expected) => expect(found(...document)).toEqual(expected));

test.each([
  [{ mode: "shadow" }, []],
  [{ mode: "shadow", responses: "shadow" }, []],
  [{ mode: "shadow", requests: "shadow" }, ["error SLV3232 route.validate.requests"]],
  [{ mode: "shadow", responses: "enforce" }, ["error SLV3232 route.validate.responses"]],
])("validate: %j", (validate, expected) => {
  const contracts = { shop: { openapi: "shop.yaml" } };
  expect(found({ validate: { contract: "shop", ...validate } }, { contracts })).toEqual(expected);
});

test("each spelling is the same plan", () => {
  const planOf = (policy: object): unknown => {
    const { document } = checkDocument(
      documentOf({ rateLimit: { ...limit, ...policy }, graphql: policy }, { shedding: policy }),
    );
    return document && compile(document, {});
  };
  expect(planOf({ mode: "shadow" })).toEqual(planOf({ shadow: true }));
  expect(planOf({ mode: "enforce" })).toEqual(planOf({}));
  expect(planOf({ mode: "enforce" })).not.toEqual(planOf({ mode: "shadow" }));
});
