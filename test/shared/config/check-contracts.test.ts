import { describe, expect, test } from "vitest";
import { checkContractPaths } from "../../../shared/config/check-contract-paths.ts";
import { loadDocument } from "../../../shared/config/load.ts";
import { compile } from "../../../shared/plan/compile.ts";

const documentOf = (validate: string, contracts = "{ orders: { openapi: a.yaml } }"): string => `selvage: 1
name: a
gateway:
  hosts: [a.example]
  contracts: ${contracts}
  routes:
    - { name: a, match: { path: /* }, to: "http://a.example", validate: ${validate} }
`;
const load = (text: string) => loadDocument(text, "a.yaml", () => undefined);

test.each<[validate: string, ...problems: string[]]>([
  ["{ contract: orders }"],
  ["{ contract: orders, requests: off, responses: shadow, responseShare: 0.5 }"],
  ["{ contract: ordres }", "error SLV3140 validate.contract", "warning SLV3149 gateway.contracts.orders"],
  [
    "{ contract: constructor }",
    "error SLV2001 validate.contract",
    "error SLV3140 validate.contract",
    "warning SLV3149 gateway.contracts.orders",
  ],
  ["{ requests: shadow }", "error SLV2002 validate.contract", "warning SLV3149 gateway.contracts.orders"],
  ["{ contract: orders, requests: off }", "warning SLV3149 validate"],
  ["{ contract: orders, responseShare: 0.5 }", "error SLV3009 validate.responseShare"],
  ["{ contract: orders, responses: enforce, responseShare: 0.5 }", "error SLV3009 validate.responseShare"],
  ["{ contract: orders, responses: shadow, responseShare: 0 }", "error SLV2001 validate.responseShare"],
  [
    "{ contract: orders, requests: off, responses: shadow, unknownQuery: refuse }",
    "error SLV3009 validate.unknownQuery",
  ],
  ["{ contract: orders, basePath: /v1/ }", "error SLV2001 validate.basePath"],
  ["{ contract: orders, basePath: '' }"],
  ["{ contract: orders, request: shadow }", "error SLV2003 validate.request"],
])("%s", (validate, ...expected) => {
  const { problems } = load(documentOf(validate));
  const told = problems.map(({ severity, code, path }) => {
    const [gateway, routes, , ...rest] = path;
    return `${severity} ${code} ${routes === "routes" ? rest.join(".") : [gateway, ...path.slice(1)].join(".")}`;
  });
  expect(told.sort()).toEqual(expected.sort());
});

test.each(["/a.yaml", "../a.yaml", "a/../../b.yaml", "a\\b.yaml", "", "https://a.example/../b"])(
  "%s is no file beside the document",
  (file) => {
    const { problems } = load(documentOf("{ contract: orders }", `{ orders: { openapi: ${JSON.stringify(file)} } }`));
    expect(problems).toMatchObject([{ code: "SLV2001", path: ["gateway", "contracts", "orders", "openapi"] }]);
  },
);

test("an exposed service has no contracts", () => {
  const text = `${documentOf("{ contract: orders }")}mesh:
  trustDomain: a.internal
  services: { a: { port: 1, access: [], expose: { hosts: [b.example], routes: [{ name: b, match: { path: /* }, to: a, validate: { contract: orders } }] } } }
`;
  expect(load(text).problems).toContainEqual(
    expect.objectContaining({ code: "SLV3064", path: ["mesh", "services", "a", "expose", "routes", 0, "validate"] }),
  );
});

describe("paths of routes and of contracts", () => {
  const problemsOf = (match: string, basePath?: string): string[] => {
    const extra = basePath === undefined ? "" : `, basePath: '${basePath}'`;
    const text = documentOf(`{ contract: orders${extra} }`).replace("path: /*", `path: "${match}"`);
    const { document } = load(text);
    if (document === undefined) throw new Error("no document");
    const operation = { id: "a", method: "GET", path: "/orders/{id}/lines", parameters: [], responses: {} };
    const contract = {
      format: 1,
      title: "",
      version: "",
      basePath: "/v1",
      operations: [operation],
      schemas: {},
    } as const;
    return checkContractPaths(document, new Map([["orders", contract]])).map(({ message }) => message);
  };
  test.each<[string, string | undefined, boolean]>([
    ["/*", undefined, true],
    ["/v1/*", undefined, true],
    ["/v1/orders/*", undefined, true],
    ["/v1/orders/7/*", undefined, true],
    ["/{version}/orders/{id}/lines", undefined, true],
    ["/v1/orders/{id}/lines", undefined, true],
    ["/v1/orders/{id}", undefined, false],
    ["/v1/orders/{id}/lines/*", undefined, true],
    ["/v1/orders/{id}/lines/{line}/*", undefined, false],
    ["/api/*", undefined, false],
    ["/api/*", "/api", true],
    ["/orders/*", "", true],
    ["/v1/users/*", undefined, false],
  ])("%s with the base path %s: %s", (match, basePath, meets) => {
    const told = problemsOf(match, basePath);
    expect(told).toEqual(
      meets ? [] : [expect.stringContaining("no operation of orders has a path that this route matches")],
    );
  });
});

describe("compiled", () => {
  const validationOf = (validate: string, artifacts = { "contracts.orders": "digest" }) => {
    const { document } = load(documentOf(validate));
    if (document === undefined) throw new Error("no document");
    return compile(document, artifacts).gateway.routes[0]?.validation;
  };
  const defaults = {
    ...{ name: "orders", contract: "digest", requests: "enforce", responses: "off", responseShare: 1 },
    ...{ unknownOperations: "refuse", unknownQuery: "pass", unknownContent: "refuse", formats: true, findingsMax: 20 },
  };
  test("with its defaults", () => {
    expect(validationOf("{ contract: orders }")).toEqual(defaults);
  });
  test("with its settings", () => {
    const text =
      "{ contract: orders, requests: shadow, responses: shadow, responseShare: 0.1, basePath: '', unknownOperations: pass, unknownQuery: refuse, unknownContent: pass, formats: false, maxFindings: 3 }";
    expect(validationOf(text)).toEqual({
      ...defaults,
      ...{ requests: "shadow", responses: "shadow", responseShare: 0.1, basePath: "", unknownOperations: "pass" },
      ...{ unknownQuery: "refuse", unknownContent: "pass", formats: false, findingsMax: 3 },
    });
  });
  test("where nothing is judged there is none", () => {
    expect(validationOf("{ contract: orders, requests: off }")).toBeUndefined();
  });
});
