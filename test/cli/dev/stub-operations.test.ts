import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { expect, test } from "vitest";
import { type StubAnswer, stubAnswer, stubOperations } from "../../../cli/dev/stub-operations.ts";
import type { Document } from "../../../shared/config/schema.ts";

const SOURCE = `
openapi: 3.1.0
info: { title: Orders, version: "1" }
servers: [{ url: https://api.example/v1 }]
paths:
  /orders/{id}:
    get:
      operationId: getOrder
      responses:
        "404": { description: none }
        "200":
          description: found
          headers: { ETag: { schema: { type: string, example: '"7"' } } }
          content:
            application/json: { schema: { $ref: "#/components/schemas/Order" } }
            text/csv: { example: "id\\n7" }
    delete: { responses: { "204": { description: gone, content: { text/plain: { example: no } } } } }
  /orders/latest:
    get: { responses: { 2XX: { description: ok, content: { application/json: { examples: { a: { $ref: "#/components/examples/Latest" } } } } } } }
  /endless:
    get: { responses: { default: { description: any, content: { application/json: { schema: { $ref: "#/components/schemas/Node" } } } } } }
  /kinds:
    post: { responses: { "201": { description: made, content: { application/json: { schema: { allOf: [{ $ref: "#/components/schemas/Order" }, { properties: { kind: { enum: [b, a] }, n: { type: [ "null", integer ], minimum: 3 }, u: { type: string, format: uuid }, l: { type: array, minItems: 2, items: { type: boolean } }, o: { oneOf: [{ const: x }] } } }] } } } } } }
components:
  examples: { Latest: { value: { id: 9 } } }
  schemas:
    Order: { type: object, properties: { id: { type: integer, default: 1 }, at: { type: string, format: date-time } } }
    Node: { type: object, properties: { next: { $ref: "#/components/schemas/Node" }, name: { type: string, minLength: 6, maxLength: 6 } } }
`;
const folder = mkdtempSync(path.join(tmpdir(), "selvage-stubs-"));
writeFileSync(path.join(folder, "openapi.yaml"), SOURCE);
const document = { gateway: { contracts: { api: { openapi: "openapi.yaml" } } } } as unknown as Document;
const operations = stubOperations(document, path.join(folder, "selvage.yaml"));

function answer(method: string, url: string, accept?: string): StubAnswer {
  const found = stubAnswer(operations, method, url, accept);
  if (found === undefined) throw new Error(`nothing answers ${method} ${url}`);
  return found;
}

test("the example of a schema, with the status, type and fields that are described", () => {
  expect(answer("GET", "/v1/orders/7")).toEqual({
    operation: "getOrder",
    status: 200,
    headers: { "content-type": "application/json", etag: '"7"' },
    body: '{"id":1,"at":"2026-01-01T00:00:00Z"}',
  });
});

test("the type that is asked for, of a path without what its server stands for", () => {
  expect(answer("GET", "/orders/7", "text/csv;q=1, */*")).toMatchObject({
    headers: { "content-type": "text/csv" },
    body: "id\n7",
  });
  expect(answer("GET", "/orders/7", "image/png")).toMatchObject({ headers: { "content-type": "application/json" } });
});

test("the path with fewer parameters goes first; examples by reference; a range of statuses", () => {
  expect(answer("GET", "/v1/orders/latest")).toMatchObject({
    operation: "GET /orders/latest",
    status: 200,
    body: '{"id":9}',
  });
});

test("204 has no content", () => {
  expect(answer("DELETE", "/v1/orders/7")).toMatchObject({ status: 204, body: "" });
});

test("a schema without end ends", () => {
  const body = JSON.parse(answer("GET", "/v1/endless").body);
  expect(body.name).toBe("textxx");
  expect(body.next.next.name).toBe("textxx");
});

test("kinds of schemas", () => {
  expect(answer("POST", "/v1/kinds")).toMatchObject({ status: 201 });
  expect(JSON.parse(answer("POST", "/v1/kinds").body)).toEqual({
    id: 1,
    at: "2026-01-01T00:00:00Z",
    kind: "b",
    n: 3,
    u: "00000000-0000-4000-8000-000000000000",
    l: [true, true],
    o: "x",
  });
});

test.each([
  ["GET", "/v1/orders/7/items"],
  ["PUT", "/v1/orders/7"],
  ["GET", "/v2/orders/7"],
])("%s %s is described nowhere", (method, url) => {
  expect(stubAnswer(operations, method, url, undefined)).toBeUndefined();
});
