/** A contract as the CLI compiles one, and the artifact that it is. */
import { base64url } from "jose";
import type { Contract, ContractOperation, ContractParameter } from "../../../../shared/contract/contract.ts";
import type { RouteValidation } from "../../../../shared/contract/route-validation.ts";
import { canonicalJson } from "../../../../shared/plan/canonical-json.ts";
import type { Env } from "../../../../workers/gateway/env.ts";

const SCHEMAS = {
  Id: { type: ["integer"], minimum: 1 },
  Limit: { type: ["integer"], maximum: 100 },
  Tags: { type: ["array"], items: { type: ["string"], maxLength: 5 } },
  Order: {
    type: ["object"],
    required: ["items"],
    properties: {
      items: { type: ["array"], items: { $ref: "Item" }, maxItems: 3 },
      note: { type: ["string", "null"], maxLength: 10 },
    },
    additionalProperties: false,
  },
  Item: {
    type: ["object"],
    required: ["sku"],
    properties: { sku: { type: ["string"] }, count: { type: ["integer"] } },
  },
  Upload: {
    type: ["object"],
    required: ["name"],
    properties: {
      name: { type: ["string"], minLength: 2 },
      age: { type: ["integer"] },
      file: { type: ["string"], maxLength: 10 },
      tags: { type: ["array"], items: { type: ["integer"] } },
    },
  },
  Anything: true,
  Code: { type: ["string"], pattern: "^[a-z]+$" },
};

const UPLOAD_SHAPE = {
  types: ["object"],
  properties: {
    name: { types: ["string"] },
    age: { types: ["integer"] },
    file: { types: ["string"] },
    tags: { types: ["array"], items: { types: ["integer"] } },
  },
} as const;

const parameter = (
  place: ContractParameter["in"],
  name: string,
  schema: string,
  types: readonly ("integer" | "string" | "array")[],
  more: Partial<ContractParameter> = {},
): ContractParameter => ({ name, in: place, required: place === "path", schema, shape: { types }, ...more });

const operation = (method: string, path: string, more: Partial<ContractOperation> = {}): ContractOperation => ({
  ...{ id: `${method} ${path}`, method, path, parameters: [], responses: { default: { content: [], headers: [] } } },
  ...more,
});

const id = parameter("path", "id", "Id", ["integer"]);

export const CONTRACT: Contract = {
  format: 1,
  title: "Orders",
  version: "1.0.0",
  basePath: "/v1",
  patterns: true,
  operations: [
    operation("GET", "/orders/{id}", {
      id: "getOrder",
      parameters: [id, parameter("header", "X-Trace", "Code", ["string"])],
      responses: {
        200: {
          content: [{ mediaType: "application/json", schema: "Order" }],
          headers: [parameter("header", "X-Left", "Limit", ["integer"]) as ContractParameter & { in: "header" }],
        },
        "4XX": { content: [], headers: [] },
      },
    }),
    operation("GET", "/orders", {
      id: "listOrders",
      parameters: [
        parameter("query", "limit", "Limit", ["integer"]),
        parameter("query", "tags", "Tags", ["array"], { explode: false, shape: { types: ["array"] } }),
        parameter("cookie", "tenant", "Id", ["integer"], { required: true }),
      ],
    }),
    operation("POST", "/orders", {
      id: "createOrder",
      body: { required: true, content: [{ mediaType: "application/json", schema: "Order" }] },
    }),
    operation("PUT", "/orders/{id}", {
      id: "putOrder",
      parameters: [id],
      body: { required: false, content: [{ mediaType: "application/json", schema: "Anything" }] },
    }),
    operation("DELETE", "/orders/{id}", { id: "deleteOrder", parameters: [id] }),
    operation("POST", "/uploads", {
      id: "upload",
      body: {
        required: true,
        content: [
          { mediaType: "multipart/form-data", schema: "Upload", shape: UPLOAD_SHAPE },
          { mediaType: "application/x-www-form-urlencoded", schema: "Upload", shape: UPLOAD_SHAPE },
          { mediaType: "image/*" },
        ],
      },
    }),
  ],
  schemas: Object.fromEntries(Object.entries(SCHEMAS).map(([name, schema]) => [name, JSON.stringify(schema)])),
};

const bytes = new TextEncoder().encode(canonicalJson(CONTRACT));
const hash = await crypto.subtle.digest("SHA-256", bytes);
export const DIGEST = base64url.encode(new Uint8Array(hash));

export const validation = (more: Partial<RouteValidation> = {}): RouteValidation => ({
  ...{ name: "orders", contract: DIGEST, requests: "enforce", responses: "off", responseShare: 1 },
  ...{ unknownOperations: "refuse", unknownQuery: "pass", unknownContent: "refuse", formats: true, findingsMax: 20 },
  ...more,
});

/** The artifact is where gateways keep those that they have. */
export const keepContract = (env: Env): Promise<void> => env.ARTIFACTS.getByName(DIGEST).write(bytes);
