import { expect, test } from "vitest";
import { checkDocument } from "../../../shared/config/check-document.ts";
import { compile } from "../../../shared/plan/compile.ts";
import { explain } from "../../../shared/plan/explain.ts";
import type { ExplainRequest } from "../../../shared/plan/explain-step.ts";
import type { RecordedIdentity } from "../../../shared/policy/request-record.ts";
import { HIDDEN } from "../../../shared/policy/tap-entry.ts";

const NOW = Date.UTC(2026, 10, 20);
const ISSUER = "https://login.example/";
const jwt = (more: object = {}) => ({ jwt: { issuer: ISSUER, audience: "shop", ...more } });
const partners = { apiKey: { header: "x-api-key" } };
const login = jwt();

/** What a route with these providers says of a record. */
function said(
  identity: object,
  auth: unknown,
  recorded: RecordedIdentity | undefined,
  headers: readonly string[],
  more: { readonly refused?: string; readonly missing?: true } = {},
): string {
  const route = { name: "all", match: { path: "/*" }, to: "orders", ...(auth !== undefined && { auth }) };
  const { document, problems } = checkDocument({
    ...{ selvage: 1, name: "shop", gateway: { hosts: ["localhost"], identity, routes: [route] } },
    mesh: { trustDomain: "shop.internal", services: { orders: { port: 1, access: [{ from: "gateway" }] } } },
  });
  if (document === undefined) throw new Error(JSON.stringify(problems));
  const request: ExplainRequest = {
    ...{ method: "GET", host: "localhost", path: "/a", query: "" },
    headers: headers.map((name) => [name, '"hidden"']),
    credential: { kind: "recorded", ...(recorded !== undefined && { identity: recorded }), ...more },
  };
  const { steps, result } = explain(compile(document), request, NOW);
  const { facts = {} } = steps.find(({ stage }) => stage === "auth") ?? {};
  if (result.outcome === "refuse") return result.code;
  const { sub, scopes, plan, groups } = facts as unknown as RecordedIdentity;
  return [sub, ...(scopes ?? []), plan && `plan ${plan}`, ...(groups ?? [])].filter(Boolean).join(" ");
}

const alice: RecordedIdentity = {
  ...{ provider: "login", method: "jwt", sub: "alice", issuer: ISSUER, scopes: ["read"], groups: ["staff"] },
  ...{ plan: "gold", claims: { aud: "shop", exp: 1, tier: "silver", kind: HIDDEN } },
};
const acme: RecordedIdentity = {
  ...{ provider: "partners", method: "api-key", sub: "acme", issuer: "slv", scopes: ["read"], groups: [] },
  ...{ consumer: "acme", plan: "gold", claims: {} },
};
const token = ["authorization"];
const UNSEEN = "whoever was recorded without login having been asked";

test.each<[string, string, string]>([
  ["the same provider, long after the token's end", said({ login }, "login", alice, token), "alice read staff"],
  ["a provider of another name, and the same issuer", said({ web: login }, "web", alice, token), "alice read staff"],
  ["another issuer", said({ login: jwt({ issuer: "https://b/" }) }, "login", alice, token), "credentials_invalid"],
  ["another audience", said({ login: jwt({ audience: "other" }) }, "login", alice, token), "credentials_invalid"],
  [
    "a plan from a claim that the record shows",
    said({ login: jwt({ claims: { plan: "tier" } }) }, "login", alice, token),
    "alice read plan silver staff",
  ],
  [
    "a plan from a claim that is hidden",
    said({ login: jwt({ claims: { plan: "kind" } }) }, "login", alice, token),
    "alice read plan gold staff",
  ],
  ["a scope that is missing", said({ login }, { any: ["login"], scopes: ["write"] }, alice, token), "scope_missing"],
  ["a key", said({ partners }, "partners", acme, ["x-api-key"]), "acme read plan gold"],
  ["a key where a token is asked for", said({ login }, "login", acme, ["x-api-key"]), "credentials_missing"],
  ["a key in the place of a token", said({ login }, "login", acme, token), "credentials_missing"],
  ["a token where a key is asked for", said({ partners }, "partners", alice, token), "credentials_missing"],
  ["nobody had asked: nothing was there", said({ login }, "login", undefined, []), "credentials_missing"],
  ["nobody had asked, and something was there", said({ login }, "login", undefined, token), UNSEEN],
  [
    "what was not seen has the scopes that are asked for",
    said({ login }, { any: ["login"], scopes: ["write"] }, undefined, token),
    `${UNSEEN} write`,
  ],
  ["it was refused then", said({ login }, "login", undefined, token, { refused: "expired" }), "credentials_invalid"],
  ["it was no credential then", said({ login }, "login", undefined, token, { missing: true }), "credentials_missing"],
  ["nobody asks", said({ login }, undefined, alice, token), ""],
])("%s", (_, is, expected) => expect(is).toBe(expected));
