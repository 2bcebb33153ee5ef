/** `validate` of services and upstreams: what holds for the routes that lead there. */
import { describe, expect, test } from "vitest";
import { checkContractPaths } from "../../../shared/config/check-contract-paths.ts";
import { loadDocument } from "../../../shared/config/load.ts";
import type { Contract } from "../../../shared/contract/contract.ts";
import { compile } from "../../../shared/plan/compile.ts";
import { explain } from "../../../shared/plan/explain.ts";

interface Parts {
  readonly route?: string;
  readonly service?: string;
  readonly upstream?: string;
}

const textOf = ({ route = "to: orders", service = "", upstream = "" }: Parts): string => `selvage: 1
name: a
gateway:
  hosts: [a.example]
  contracts: { orders: { openapi: a.yaml }, bills: { openapi: b.yaml } }
  upstreams: { partner: { targets: ["https://b.example"]${upstream} } }
  routes:
    - { name: held, match: { path: /shop/* }, ${route} }
    - { name: other, match: { path: /bills/* }, to: partner, validate: { contract: bills } }
mesh:
  trustDomain: a.internal
  services: { orders: { port: 1, access: []${service} }, plain: { port: 2, access: [] } }
`;
const load = (parts: Parts) => loadDocument(textOf(parts), "a.yaml", () => undefined);
const told = (parts: Parts): string[] =>
  load(parts)
    .problems.map(({ severity, code, path }) => `${severity} ${code} ${path.join(".")}`)
    // Of a contract that nobody names others tell.
    .filter((one) => !one.endsWith("contracts.orders"))
    .sort();

const contract: Contract = {
  ...{ format: 1, title: "Orders", version: "1", basePath: "/v1", schemas: {} },
  operations: [{ id: "getOrder", method: "GET", path: "/orders/{id}", parameters: [], responses: {} }],
};
const compiled = (parts: Parts) => {
  const { document } = load(parts);
  if (document === undefined) throw new Error("no document");
  return compile(document, { "contracts.orders": "digest" });
};
const HELD = ", validate: { contract: orders }";

test.each<[string, Parts, ...string[]]>([
  ["of a service", { service: HELD }],
  ["of an upstream", { route: "to: partner", upstream: HELD }],
  [
    "a contract that is not there",
    { service: ", validate: { contract: order }" },
    "error SLV3140 mesh.services.orders.validate.contract",
  ],
  [
    "that judges nothing",
    { service: ", validate: { contract: orders, requests: off }" },
    "warning SLV3149 mesh.services.orders.validate",
  ],
  [
    "taken back",
    { service: HELD, route: "to: orders, validate: false" },
    "warning SLV3149 mesh.services.orders.validate",
  ],
  [
    "nothing to take back",
    { service: HELD, route: "to: plain, validate: false" },
    "warning SLV3149 gateway.routes.0.validate",
    "warning SLV3149 mesh.services.orders.validate",
  ],
  ["no route leads there", { service: HELD, route: "to: plain" }, "warning SLV3149 mesh.services.orders.validate"],
  [
    "true is no answer",
    { service: HELD, route: "to: orders, validate: true" },
    "error SLV2001 gateway.routes.0.validate",
    "warning SLV3149 mesh.services.orders.validate",
  ],
  ["false is none of a service", { service: ", validate: false" }, "error SLV2001 mesh.services.orders.validate"],
  [
    "of a service of TCP",
    { service: `, protocol: tcp${HELD}` },
    "error SLV3055 mesh.services.orders.validate",
    "error SLV3057 gateway.routes.0.to",
  ],
  [
    "of a service by gRPC, once for all of its routes",
    { service: `, protocol: grpc${HELD}` },
    "warning SLV3161 mesh.services.orders.validate",
  ],
  [
    "traffic leads there",
    { service: HELD, route: "to: plain, traffic: [{ split: { plain: 9, orders: 1 } }]" },
    "error SLV3200 gateway.routes.0.traffic.0.split.orders",
    "warning SLV3149 mesh.services.orders.validate",
  ],
  [
    "traffic leads to what has another one",
    {
      service: HELD,
      upstream: ", validate: { contract: bills }",
      route: "to: orders, traffic: [{ match: { headers: { x: y } }, to: partner }]",
    },
    "error SLV3200 gateway.routes.0.traffic.0.to",
    "warning SLV3149 gateway.upstreams.partner.validate",
  ],
  [
    "traffic leads to what has the same",
    { service: HELD, upstream: HELD, route: "to: orders, traffic: [{ split: { orders: 9, partner: 1 } }]" },
    "warning SLV3149 gateway.upstreams.partner.validate",
  ],
  [
    "traffic of a route that says itself what it is held to",
    { service: HELD, route: "to: plain, validate: { contract: bills }, traffic: [{ to: orders }]" },
    "warning SLV3149 mesh.services.orders.validate",
  ],
  [
    "of a service that is exposed",
    { service: `${HELD}, expose: { hosts: [b.example], routes: [{ name: b, match: { path: /* } }] }` },
    "warning SLV3178 mesh.services.orders.validate",
  ],
])("%s", (_, parts, ...problems) => {
  expect(told(parts)).toEqual(problems.sort());
});

test("a gateway that would look for other paths in its contract gets no such plan", () => {
  expect(compiled({ service: HELD }).gateway.format).toBe(5);
  expect(compiled({ service: HELD, route: "to: plain" }).gateway.format).toBe(1);
});

describe("compiled", () => {
  const validation = (parts: Parts) => compiled(parts).gateway.routes[0]?.validation;
  test("a route has that of its service or upstream, and says whose it is", () => {
    expect(validation({ service: HELD })).toMatchObject({
      name: "orders",
      contract: "digest",
      of: { service: "orders" },
    });
    expect(validation({ route: "to: partner", upstream: HELD })).toMatchObject({ of: { upstream: "partner" } });
  });
  test("its own word goes before, and `false` is one", () => {
    const own = validation({ service: HELD, route: "to: orders, validate: { contract: bills, requests: shadow }" });
    expect(own).toMatchObject({ name: "bills", requests: "shadow" });
    expect(own).not.toHaveProperty("of");
    expect(validation({ service: HELD, route: "to: orders, validate: false" })).toBeUndefined();
  });
  test("parts of a composed answer, other services and names of objects have none", () => {
    expect(validation({ service: HELD, route: 'aggregate: { a: { get: "orders:/a" } }' })).toBeUndefined();
    expect(validation({ service: HELD, route: "to: plain" })).toBeUndefined();
    expect(validation({ service: HELD, route: 'to: "https://c.example"' })).toBeUndefined();
  });
  test("agents get none of it", () => {
    const { mesh } = compiled({ service: HELD });
    expect(mesh.services.orders).toEqual(compiled({}).mesh.services.orders);
  });
});

describe("paths are those that the service is asked for", () => {
  const bytes = new TextEncoder().encode(JSON.stringify(contract));
  const explained = (route: string, path: string) => {
    const plan = compiled({ service: HELD, route });
    const request = {
      method: "GET",
      host: "a.example",
      path,
      query: "",
      headers: [],
      credential: { kind: "none" } as const,
    };
    return explain(plan, request, 0, new Map([["digest", bytes]])).steps.find(({ stage }) => stage === "contract");
  };
  test.each<[string, string, string | undefined]>([
    ["to: orders, rewrite: /v1/*", "/shop/orders/7", undefined],
    ['to: orders, rewrite: { regex: "^/shop/x(.*)$", to: "/v1/orders/$1" }', "/shop/x7", undefined],
    ["to: orders", "/shop/orders/7", "operation_unknown"],
    ["to: orders, rewrite: /v1/*", "/shop/bills/7", "operation_unknown"],
  ])("explain: %s asked for %s", (route, path, code) => {
    const step = explained(route, path);
    expect(step).toMatchObject({ path: ["mesh", "services", "orders", "validate"] });
    expect(step?.code).toBe(code);
  });
  test.each<[string, boolean]>([
    ["to: orders, rewrite: /v1/*", true],
    ["to: orders, rewrite: /v1/orders/*", true],
    ["to: orders", false],
    ["to: orders, rewrite: /v2/*", false],
    ['to: orders, rewrite: { regex: "^/shop", to: "/v2" }', true],
    ["to: orders, validate: false", true],
  ])("check: %s can meet an operation: %s", (route, meets) => {
    const { document } = load({ service: HELD, route });
    if (document === undefined) throw new Error("no document");
    const found = checkContractPaths(document, new Map([["orders", contract]]));
    expect(found.map(({ path }) => path)).toEqual(meets ? [] : [["gateway", "routes", 0, "to"]]);
  });
});
