import { expect, test } from "vitest";
import type { Contract, ContractOperation } from "../../../shared/contract/contract.ts";
import type { RouteValidation } from "../../../shared/contract/route-validation.ts";
import { explainValidation } from "../../../shared/plan/explain-validation.ts";
import { KnownArtifacts } from "../../../shared/plan/known-artifacts.ts";
import type { RoutePlan } from "../../../shared/plan/plan.ts";

const operation = (method: string, path: string, more: Partial<ContractOperation> = {}): ContractOperation => ({
  ...{ id: `${method} ${path}`, method, path, parameters: [], responses: {} },
  ...more,
});
const contract: Contract = {
  ...{ format: 1, title: "t", version: "1", basePath: "/v1", schemas: {} },
  operations: [
    operation("GET", "/a/{id}", { id: "getA", parameters: [{ name: "id", in: "path", required: true }] }),
    operation("POST", "/a", { id: "makeA", body: { required: true, content: [{ mediaType: "application/json" }] } }),
    operation("GET", "/soft", { id: "soft", modes: { requests: "shadow", responses: "off" } }),
  ],
};
const settings: RouteValidation = {
  ...{ name: "orders", contract: "digest", requests: "enforce", responses: "off", responseShare: 1 },
  ...{ unknownOperations: "refuse", unknownQuery: "pass", unknownContent: "refuse", formats: true, findingsMax: 20 },
};
const known = new KnownArtifacts(new Map([["digest", new TextEncoder().encode(JSON.stringify(contract))]]));

function told(method: string, path: string, changes: Partial<RouteValidation> = {}, contracts = known) {
  const route = { validation: { ...settings, ...changes } } as unknown as RoutePlan;
  return explainValidation(route, ["gateway", "routes", 0], { method, path, sent: () => path }, contracts).map(
    ({ verdict, code = "", text }) => `${verdict} ${code} ${text}`,
  );
}

test.each<[string, string, Partial<RouteValidation>, string]>([
  [
    "GET",
    "/v1/a/1",
    {},
    "note  operation getA of orders: parameters id; requests are refused where they are not as described; answers are not judged",
  ],
  ["HEAD", "/v1/a/1", {}, "note  operation getA of orders: parameters id; requests are refused"],
  [
    "GET",
    "/v1/a/1",
    { requests: "shadow", responses: "shadow", responseShare: 0.05 },
    "note  operation getA of orders: parameters id; requests are counted where they are not as described; 5 % of answers are counted",
  ],
  ["POST", "/v1/a", {}, "note  operation makeA of orders: a body of application/json; requests are refused"],
  [
    "GET",
    "/v1/soft",
    { responses: "enforce" },
    "note  operation soft of orders: no parameters and no body are described; requests are counted where they are not as described; answers are not judged",
  ],
  ["GET", "/a/1", {}, "deny operation_unknown no operation of orders has this path behind /v1"],
  ["GET", "/a/1", { basePath: "" }, "note  operation getA"],
  ["GET", "/v1x/a/1", {}, "deny operation_unknown"],
  ["PUT", "/v1/a/1", {}, "deny method_not_allowed the operations of orders at this path are for GET, HEAD"],
  [
    "PUT",
    "/v1/a/1",
    { unknownOperations: "pass" },
    "skip  the operations of orders at this path are for GET, HEAD: it passes",
  ],
  [
    "PUT",
    "/v1/a/1",
    { requests: "shadow" },
    "would-deny method_not_allowed the operations of orders at this path are for GET, HEAD: it would be refused, and is counted",
  ],
  [
    "PUT",
    "/v1/a/1",
    { requests: "off", responses: "shadow" },
    "skip  the operations of orders at this path are for GET, HEAD: it passes",
  ],
])("%s %s with %j", (method, path, changes, expected) => {
  expect(told(method, path, changes)).toEqual([expect.stringContaining(expected)]);
});

test("what is not known is said", () => {
  expect(told("GET", "/v1/a/1", {}, new KnownArtifacts(new Map()))).toEqual([
    "note  orders: requests are refused where they are not as described; answers are not judged; what it says is not known here",
  ]);
});

test("a route without a contract has nothing to say", () => {
  expect(explainValidation({} as RoutePlan, [], { method: "GET", path: "/", sent: () => "/" }, known)).toEqual([]);
});
