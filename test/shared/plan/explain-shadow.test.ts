/** What a dry run says of policies in shadow: it goes on, and the result says what would have refused it. */
import { expect, test } from "vitest";
import { checkDocument } from "../../../shared/config/check-document.ts";
import type { Document } from "../../../shared/config/schema.ts";
import { compile } from "../../../shared/plan/compile.ts";
import { explain } from "../../../shared/plan/explain.ts";
import { explainExposed } from "../../../shared/plan/explain-expose.ts";
import type { ExplainRequest } from "../../../shared/plan/explain-step.ts";

const NOW = Date.UTC(2026, 10, 21);
const auth = { any: ["login"], scopes: ["read"], mode: "shadow" };

function documentOf(route: object, service: object = {}): Document {
  const json = {
    ...{ selvage: 1, name: "shop" },
    gateway: {
      hosts: ["api.shop.example"],
      identity: { login: { jwt: { issuer: "https://login.example", audience: "shop" } } },
      routes: [{ name: "orders", match: { path: "/orders" }, to: "orders", ...route }],
    },
    mesh: {
      trustDomain: "shop.internal",
      services: { orders: { port: 8080, access: [{ from: "gateway" }], ...service } },
    },
  };
  const { document, problems } = checkDocument(json);
  if (document === undefined) throw new Error(JSON.stringify(problems));
  return document;
}

const asked: ExplainRequest = {
  ...{ method: "POST", host: "api.shop.example", path: "/orders", query: "", headers: [], clientIp: "192.0.2.1" },
  credential: { kind: "none" },
};
const said = (route: object, service: object = {}, request: Partial<ExplainRequest> = {}) => {
  const { steps, result, wouldRefuse } = explain(compile(documentOf(route, service)), { ...asked, ...request }, NOW);
  const shadows = steps.flatMap(({ verdict, stage, code }) => (verdict === "would-deny" ? [`${stage} ${code}`] : []));
  return { shadows, outcome: result.outcome, text: result.text, wouldRefuse };
};

test.each<[string, object, string[]]>([
  ["nobody is known", { auth }, ["auth credentials_missing"]],
  ["no key", { idempotency: { required: true, mode: "shadow" } }, ["idempotency idempotency_key_missing"]],
  ["an end", { lifecycle: { sunset: "2025-01-01T00:00:00Z", mode: "shadow" } }, ["life cycle route_ended"]],
  [
    "a brownout",
    { lifecycle: { brownouts: [{ from: "2025-01-01T00:00:00Z", until: "2030-01-01T00:00:00Z" }], mode: "shadow" } },
    ["brownout brownout"],
  ],
  [
    "what a limit counts by is not there",
    { rateLimit: { limit: "9/minute", by: { header: "x-a" }, missing: "refuse", mode: "shadow" } },
    ["limit header bad_request"],
  ],
])("%s", (_, route, expected) => {
  expect(said(route)).toMatchObject({ shadows: expected, outcome: "forward" });
});

test("the result names all of them, and the identity is no more than was proven", () => {
  const assumed = { kind: "assumed", sub: "ann", scopes: ["write"] } as const;
  const access = [{ from: "gateway", scopes: ["admin"], mode: "shadow" }];
  expect(said({ auth }, { access }, { credential: assumed })).toMatchObject({
    shadows: ["scopes scope_missing", "access access_denied"],
    text: "would be forwarded; shadow: would be refused by scopes (403 scope_missing), access (403 access_denied)",
    wouldRefuse: [
      { stage: "scopes", code: "scope_missing", status: 403 },
      { stage: "access", code: "access_denied", status: 403 },
    ],
  });
});

test("what refuses for real behind it still does", () => {
  const refused = said({ auth }, { access: [{ from: "gateway", scopes: ["read"] }] });
  expect(refused).toMatchObject({ outcome: "refuse", shadows: ["auth credentials_missing"] });
  expect(refused.text).not.toContain("shadow:");
  expect(refused.wouldRefuse).toHaveLength(1);
});

test("an exposed route says the same", () => {
  const routes = [{ name: "tried", match: { path: "/orders" }, auth }];
  const plan = compile(documentOf({}, { expose: { hosts: ["orders.shop.example"], routes } }));
  expect(explainExposed(plan, "orders", { ...asked, host: "orders.shop.example" }, NOW)?.result.text).toBe(
    "would be passed to the application; shadow: would be refused by auth (401 credentials_missing)",
  );
});
