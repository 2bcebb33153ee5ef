import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { loadDocument } from "../../../shared/config/load.ts";
import { compile } from "../../../shared/plan/compile.ts";
import { explain } from "../../../shared/plan/explain.ts";
import type { Credential, ExplainRequest } from "../../../shared/plan/explain-step.ts";
import type { Plan } from "../../../shared/plan/plan.ts";

const text = readFileSync(new URL("../../../examples/shop/selvage.yaml", import.meta.url), "utf8");
const planOf = (source: string): Plan => {
  const { document, problems } = loadDocument(source, "f", () => undefined);
  if (document === undefined) throw new Error(JSON.stringify(problems));
  return compile(document);
};
const shop = planOf(text);
const NOW = 1_800_000_000_000;

function ask(
  method: string,
  path: string,
  credential: Credential = { kind: "none" },
  headers: Record<string, string> = {},
): ExplainRequest {
  return { method, host: "localhost:8787", path, query: "", headers: Object.entries(headers), credential };
}
const alice = (...scopes: string[]): Credential => ({ kind: "assumed", sub: "alice", scopes });
const token = (claims: object, header: object = { alg: "ES256", kid: "k" }): Credential => ({
  kind: "token",
  header: { ...header },
  claims: {
    iss: "http://127.0.0.1:8789/",
    aud: "shop-api",
    sub: "alice",
    exp: NOW / 1000 + 60,
    scope: "orders:read",
    ...claims,
  },
});
const stages = (request: ExplainRequest, plan = shop) =>
  explain(plan, request, NOW).steps.map(({ part, stage, verdict }) => [part, stage, verdict].filter(Boolean).join(" "));
const outcome = (request: ExplainRequest, plan = shop) => {
  const { result } = explain(plan, request, NOW);
  return result.outcome === "refuse" ? result.code : result.outcome;
};

test("a request that goes through names every decision", () => {
  const explanation = explain(shop, ask("GET", "/api/v2/orders/42", alice("orders:read")), NOW);
  expect(explanation.route).toEqual({ name: "orders", path: ["gateway", "routes", 1], params: { "*": "42" } });
  expect(explanation.otherRoutes.map(({ name }) => name)).toEqual(["profile", "load"]);
  expect(explanation.steps.map(({ stage }) => stage)).toEqual([
    ...[
      "auth",
      "scopes",
      "limit identity",
      "limit ip",
      "request headers",
      "bounds",
      "target",
      "traffic",
      "balance",
      "access",
      "limits",
      "calls",
    ],
  ]);
  expect(explanation.steps.find(({ stage }) => stage === "traffic")).toMatchObject({
    text: "90 % to subset v1, 10 % to subset v2 (rule 2: every request)",
    path: ["mesh", "services", "orders", "traffic", 1],
  });
  expect(explanation.result.outcome).toBe("forward");
});

describe("outcomes", () => {
  test.each<[string, ExplainRequest, string]>([
    ["no credentials", ask("GET", "/api/v2/orders/42"), "credentials_missing"],
    ["no scope", ask("GET", "/api/v2/orders/42", alice()), "scope_missing"],
    ["scope of the service", ask("PUT", "/api/v2/orders/42", alice("orders:read")), "access_denied"],
    ["method of the route", ask("DELETE", "/api/v2/orders/42", alice("orders:read")), "method_not_allowed"],
    ["method of the service", ask("DELETE", "/load/orders/42", alice("orders:read")), "access_denied"],
    ["no route", ask("GET", "/nope"), "no_route"],
    ["other host", { ...ask("GET", "/user/profile"), host: "evil.example" }, "unknown_host"],
    ["ambiguous path", ask("GET", "/load/orders/%2e%2e/x"), "ambiguous_path"],
    ["large head", ask("GET", "/load/orders/1", alice(), { a: "x".repeat(70_000) }), "header_too_large"],
    ["token", ask("GET", "/api/v2/orders/42", token({})), "forward"],
    ["expired token", ask("GET", "/api/v2/orders/42", token({ exp: NOW / 1000 - 61 })), "credentials_invalid"],
    ["token within the clock skew", ask("GET", "/api/v2/orders/42", token({ exp: NOW / 1000 - 59 })), "forward"],
    ["token of the future", ask("GET", "/api/v2/orders/42", token({ nbf: NOW / 1000 + 61 })), "credentials_invalid"],
    ["token for others", ask("GET", "/api/v2/orders/42", token({ aud: ["other"] })), "credentials_invalid"],
    ["token of others", ask("GET", "/api/v2/orders/42", token({ iss: "http://evil/" })), "credentials_invalid"],
    ["token without expiry", ask("GET", "/api/v2/orders/42", token({ exp: undefined })), "credentials_invalid"],
    ["token of nobody", ask("GET", "/api/v2/orders/42", token({ sub: "" })), "credentials_invalid"],
    ["alg none", ask("GET", "/api/v2/orders/42", token({}, { alg: "none" })), "credentials_invalid"],
    ["required part refused", ask("GET", "/user/profile", alice()), "aggregate_part_failed"],
    [
      "preflight",
      ask(
        "OPTIONS",
        "/user/profile",
        { kind: "none" },
        { origin: "https://app.shop.example", "access-control-request-method": "GET" },
      ),
      "answer",
    ],
  ])("%s", (_, request, expected) => expect(outcome(request)).toBe(expected));
});

test("a refused optional part is left out and does not end the request", () => {
  const plan = planOf(
    text.replace("preferences: { port: 8080, access: [{ from: gateway }] }", "preferences: { port: 8080, access: [] }"),
  );
  const request = ask("GET", "/user/profile", alice("orders:read"));
  expect(stages(request, plan)).toContain("preferences access deny");
  expect(outcome(request, plan)).toBe("forward");
});

test("routing sees headers as the gateway sends them on", () => {
  const traffic = (plan: Plan, headers: Record<string, string>) =>
    explain(plan, ask("GET", "/api/v2/orders/1", alice("orders:read"), headers), NOW).steps.find(
      ({ stage }) => stage === "traffic",
    )?.text;
  expect(traffic(shop, { "x-canary": "true" })).toContain("100 % to subset v2 (rule 1");
  const removed = planOf(
    text.replace("headers: { add: { x-request-source: external } }", "headers: { remove: [X-Canary] }"),
  );
  expect(traffic(removed, { "x-canary": "true" })).toContain("rule 2");
  const added = planOf(text.replace("{ x-request-source: external }", '{ x-canary: "true" }'));
  expect(traffic(added, {})).toContain("rule 1");
});

test("values of secrets and tokens are not shown", () => {
  const plan = planOf(text.replace("x-request-source: external", 'x-request-source: "${secret:KEY}"'));
  const shown = JSON.stringify(
    explain(plan, ask("GET", "/api/v2/orders/1", token({}), { authorization: "Bearer abc.def.ghi" }), NOW),
  );
  expect(shown).toContain("${secret:KEY}");
  expect(shown).not.toContain("abc.def.ghi");
  expect(shown).toContain("SIGNATURE WAS NOT CHECKED");
});

test("a part's path has the query member that the gateway takes: the last of its name, whole", () => {
  const plan = planOf(`
selvage: 1
name: q
gateway:
  hosts: [localhost]
  routes:
    - name: find
      match: { path: /find }
      aggregate: { found: { get: "things:/things/{query.id}" } }
mesh: { trustDomain: q.internal, services: { things: { port: 80 } } }
`);
  const explained = (query: string) => explain(plan, { ...ask("GET", "/find"), query }, NOW).steps;
  const told = (query: string) => explained(query).find(({ stage }) => stage === "call")?.text;
  expect(told("?id=1&id=2")).toContain("/things/2 ");
  expect(told("?id=a=b")).toContain("/things/a%3Db ");
});
