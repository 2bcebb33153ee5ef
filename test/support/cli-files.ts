/** Files for commands that read some: a description, a workflow, a document that needs a system, cases. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** One operation with an example, which `dev --stub` answers by. */
export const OPENAPI = `openapi: 3.1.0
info: { title: Orders, version: "1" }
servers: [{ url: https://api.shop.example/v1 }]
paths:
  /orders/{id}:
    get:
      operationId: getOrder
      parameters: [{ name: id, in: path, required: true, schema: { type: integer } }]
      responses:
        "200":
          description: found
          content: { application/json: { example: { id: 7, state: open } } }
`;

const DOCUMENT = `selvage: 1
name: shop
gateway:
  hosts: [localhost, "127.0.0.1"]
  identity: { partners: { apiKey: { header: x-api-key } } }
  plans: [gold]
  contracts: { api: { openapi: openapi.yaml } }
  routes:
    - name: api
      match: { path: /v1/* }
      rateLimit: { limit: 100/minute, by: ip, onFailure: open }
      validate: { contract: api }
      to: "http://127.0.0.1:9"
    - name: old
      match: { path: /old/* }
      auth: partners
      lifecycle: { deprecated: "2026-01-01T00:00:00Z" }
      rateLimit: { limit: 10/minute, by: identity, plans: { gold: 20/minute } }
      cache: { ttl: 30s, shared: false, tags: [old] }
      to: orders
mesh:
  trustDomain: shop.internal
  services:
    orders: { port: 8080, access: [{ from: gateway }] }
`;

const ARAZZO = `arazzo: 1.0.1
info: { title: Look, version: "1" }
sourceDescriptions: [{ name: shop, url: ./openapi.yaml, type: openapi }]
workflows:
  - workflowId: look
    inputs: { type: object, properties: { id: { type: integer } } }
    steps:
      - stepId: order
        operationId: getOrder
        parameters: [{ name: id, in: path, value: $inputs.id }]
        outputs: { order: $response.body }
    outputs: { order: $steps.order.outputs.order }
`;

const CASES = `cases:
  - name: orders are passed on
    request: { url: /v1/orders/7 }
    expect: { outcome: forward, route: api }
`;

const FILES = {
  "api/openapi.yaml": OPENAPI,
  "openapi.yaml": OPENAPI,
  "selvage.yaml": DOCUMENT,
  "changed.yaml": DOCUMENT.replace("100/minute", "200/minute").replace("30s", "1m"),
  "wrong.yaml": DOCUMENT.replace("rateLimit:", "rateLimt:"),
  "look.arazzo.yaml": ARAZZO,
  "keys.jsonl": '{"owner":"partner-9"}\n',
  "selvage.test.yaml": CASES,
  "wrong.test.yaml": CASES.replace("forward", "refuse"),
} as const;

/** Writes them into a folder; `api` has a description alone, as somebody has who is new. */
export function writeCliFiles(folder: string): void {
  mkdirSync(join(folder, "api"), { recursive: true });
  for (const [name, text] of Object.entries(FILES)) writeFileSync(join(folder, name), text);
}
