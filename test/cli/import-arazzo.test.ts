import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { objectOf } from "../../cli/import-arazzo/loose.ts";
import { importArazzo } from "../../cli/import-arazzo/workflow.ts";
import { checkDocument } from "../../shared/config/check-document.ts";

const OPENAPI = objectOf(
  parse(`
openapi: 3.1.0
servers: [{ url: "https://shop.example/v1/" }]
paths:
  /users/{id}: { get: { operationId: getUser } }
  /orders: { get: { operationId: findOrders }, post: { operationId: placeOrder } }
`),
);

const arazzo = (steps: string, more = "") =>
  parse(`
arazzo: 1.1.0
info: { title: Buy, version: "1" }
sourceDescriptions: [{ name: shop, url: ./shop.yaml, type: openapi }]
workflows:
  - workflowId: buy
    steps:
${steps.replace(/^\n/, "").replaceAll(/^/gm, "      ")}
${more}
components:
  parameters: { limit: { name: limit, in: query, value: 10 } }
`);

const BUY = arazzo(
  `
- stepId: user
  operationId: getUser
  parameters: [{ name: id, in: path, value: $inputs.userId }]
  successCriteria: [{ condition: $statusCode == 200 }, { condition: "$response.body#/active == true" }]
  outputs: { id: $response.body#/id, first: { context: $response.body, selector: "$.tags[0]", type: jsonpath } }
- stepId: orders
  operationPath: "{$sourceDescriptions.shop.url}#/paths/~1orders/get"
  timeout: 700
  parameters:
    - reference: $components.parameters.limit
    - { name: owner, in: query, value: $steps.user.outputs.id }
    - { name: x-tag, in: header, value: "t-{$steps.user.outputs.first}" }
    - { name: who, in: cookie, value: me }
  onFailure: [{ name: again, type: retry, retryLimit: 2 }]
- stepId: place
  operationId: placeOrder
  requestBody: { payload: { user: $steps.user.outputs.id, note: "for {$inputs.userId}", count: 2 } }
  outputs: { order: $response.body }
`,
  `    inputs: { type: object, properties: { userId: { type: integer } } }
    outputs: { order: $steps.place.outputs.order, tag: $steps.user.outputs.first }`,
);

const shop = { name: "shop", openapi: OPENAPI };

describe("a workflow of Arazzo", () => {
  test("is a route whose parts follow each other", () => {
    const { route, losses } = importArazzo(BUY, { sources: [shop] });
    expect(route).toEqual({
      name: "buy",
      match: { path: "/workflows/buy", methods: ["GET"] },
      aggregate: {
        user: {
          get: "https://shop.example/v1/users/{query.userId}",
          expect: '(answer.status == 200) && (answer.body["active"] == true)',
        },
        orders: {
          get: "https://shop.example/v1/orders",
          query: { limit: 10, owner: "{user.id}" },
          headers: { "x-tag": "t-{user.tags.0}", cookie: "who=me" },
          after: ["user"],
          timeout: "700ms",
          retries: { attempts: 2 },
        },
        place: {
          post: "https://shop.example/v1/orders",
          body: { user: "{user.id}", note: "for {query.userId}", count: 2 },
          after: ["orders"],
        },
      },
      answer: { output: { order: "{place}", tag: "{user.tags.0}" } },
    });
    expect(losses.map(({ place }) => place)).toEqual(["workflows[0].inputs"]);
    const json = { selvage: 1, name: "shop", gateway: { hosts: ["localhost"], routes: [route] } };
    expect(checkDocument(json).problems.filter(({ severity }) => severity === "error")).toEqual([]);
  });

  test("calls a service of the mesh where one is named, and runs in parallel where it says so", () => {
    const parallel = structuredClone(BUY);
    parallel.workflows[0]["x-selvage-execution"] = "parallel";
    const { route } = importArazzo(parallel, { sources: [{ ...shop, service: "users" }] });
    const { user, orders } = route.aggregate as Record<string, Record<string, unknown>>;
    expect(user?.get).toBe("users:/v1/users/{query.userId}");
    expect(orders?.after).toBeUndefined();
    expect(orders?.retries).toBeUndefined();
  });

  const one = (step: string) => arazzo(`- stepId: s\n  operationId: placeOrder\n${step.replaceAll(/^/gm, "  ")}`);
  test.each([
    ["another workflow", arazzo("- { stepId: s, workflowId: other }"), "steps[0]", "another workflow"],
    ["a channel", arazzo("- { stepId: s, channelPath: x, action: send }"), "steps[0]", "not through a channel"],
    ["an unknown operation", arazzo("- { stepId: s, operationId: nope }"), "steps[0]", "nope"],
    [
      "an operation of another source",
      arazzo("- { stepId: s, operationId: $sourceDescriptions.other.getUser }"),
      "steps[0]",
      "getUser",
    ],
    [
      "a path that leads nowhere",
      arazzo('- { stepId: s, operationPath: "{$sourceDescriptions.shop.url}#/paths/~1x/get" }'),
      "steps[0]",
      "leads to no",
    ],
    ["a path parameter without a value", arazzo("- { stepId: s, operationId: getUser }"), "steps[0]", "{id}"],
    ["goto", one("onSuccess: [{ name: jump, type: goto, stepId: s }]"), "onSuccess[0]", "jump"],
    [
      "a conditional end",
      one("onFailure: [{ name: stop, type: end, criteria: [{ condition: $statusCode == 404 }] }]"),
      "onFailure[0]",
      "stop",
    ],
    [
      "retries of POST in the mesh",
      one("onFailure: [{ name: r, type: retry, retryAfter: 1 }]"),
      "onFailure[0].retryAfter",
      "pauses",
    ],
    [
      "a regex",
      one("successCriteria: [{ context: $statusCode, type: regex, condition: '^2' }]"),
      "successCriteria[0]",
      "simple",
    ],
    [
      "a condition over others",
      one("successCriteria: [{ condition: $inputs.a == 1 }]"),
      "successCriteria[0]",
      "own answer",
    ],
    [
      "a condition that is none",
      one("successCriteria: [{ condition: 'a ~ b' }]"),
      "successCriteria[0]",
      "no simple condition",
    ],
    [
      "a form",
      one("requestBody: { contentType: application/x-www-form-urlencoded, payload: a=1 }"),
      "requestBody",
      "bodies are JSON",
    ],
    [
      "replacements",
      one("requestBody: { payload: {}, replacements: [{ target: /a, value: 1 }] }"),
      "requestBody.replacements",
      "payload",
    ],
    [
      "a query as one text",
      one("parameters: [{ name: q, in: querystring, value: a=1 }]"),
      "parameters[0]",
      "querystring",
    ],
    [
      "an output of nobody",
      one("parameters: [{ name: q, in: query, value: $steps.x.outputs.y }]"),
      "parameters[0]",
      "no output",
    ],
    [
      "a header of an answer",
      arazzo(
        "- { stepId: s, operationId: placeOrder, outputs: { l: $response.header.location } }\n- { stepId: t, operationId: placeOrder, requestBody: { payload: { l: $steps.s.outputs.l } } }",
      ),
      "payload.l",
      "$response.header.location",
    ],
    [
      "a selector that filters",
      one("parameters: [{ name: q, in: query, value: { context: $inputs.a, selector: '$[?@.b]', type: jsonpath } }]"),
      "parameters[0]",
      "more than a path",
    ],
    ["a dependency on nobody", one("dependsOn: [x]"), "dependsOn[0]", "no step"],
    [
      "actions of the workflow",
      arazzo("- { stepId: s, operationId: placeOrder }", "    failureActions: [{ name: a, type: end }]"),
      "failureActions",
      "whole route",
    ],
  ])("%s is lost with its place and reason", (_, document, place, reason) => {
    const { losses } = importArazzo(document, { sources: [shop] });
    expect(losses).toContainEqual({
      place: expect.stringContaining(place),
      reason: expect.stringContaining(reason),
    });
  });

  test.each([[null], [7], [{}], [{ workflows: [] }], [{ workflows: [{ workflowId: "a" }, { workflowId: "b" }] }]])(
    "%j: no workflow to choose",
    (document) => expect(() => importArazzo(document, { sources: [] })).toThrow("choose one"),
  );

  test.each([[{ workflows: [{ steps: 7 }] }], [{ workflows: [{ steps: [null, { stepId: 7, parameters: [7] }] }] }]])(
    "%j: no crash",
    (document) => expect(importArazzo(document, { sources: [] }).route).toBeDefined(),
  );
});
