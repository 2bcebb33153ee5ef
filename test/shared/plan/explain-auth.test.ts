import { describe, expect, test } from "vitest";
import { loadDocument } from "../../../shared/config/load.ts";
import { compile } from "../../../shared/plan/compile.ts";
import { explain } from "../../../shared/plan/explain.ts";
import type { Credential } from "../../../shared/plan/explain-step.ts";

const NOW = 1_800_000_000_000;
const { document, problems } = loadDocument(
  `
selvage: 1
name: t
gateway:
  hosts: [h]
  identity:
    staff: { jwt: { issuer: "urn:staff", audience: api, jwks: "https://i.example/keys", maxTokenAge: 1h, claims: { groups: roles } } }
    billing: { jwt: { issuer: "urn:staff", audience: billing, jwks: "https://i.example/keys" } }
    partner: { jwt: { issuer: "urn:partner", audience: api, secret: "\${secret:P}" } }
  routes:
    - { name: any, match: { path: /any }, auth: { any: [staff, partner], groups: [ops] }, to: "https://o.example" }
    - { name: all, match: { path: /all }, auth: { all: [staff, billing] }, to: "https://o.example" }
    - { name: opt, match: { path: /opt }, auth: { any: [staff], optional: true }, to: "https://o.example" }
    - { name: claims, match: { path: /claims }, auth: { any: [staff], claims: { tier: gold } }, to: "https://o.example" }
    - { name: when, match: { path: /when }, auth: { any: [staff], when: 'request.headers["x-a"] == "1" && identity.claims.level > 2' }, to: "https://o.example" }
`,
  "f",
  () => undefined,
);
if (document === undefined) throw new Error(JSON.stringify(problems));
const plan = compile(document);

const token = (claims: object, alg = "ES256"): Credential => ({
  kind: "token",
  header: { alg },
  claims: { iss: "urn:staff", aud: "api", sub: "alice", exp: NOW / 1000 + 60, iat: NOW / 1000, ...claims },
});
const ask = (path: string, credential: Credential, headers: [string, string][] = []) => {
  const found = explain(plan, { method: "GET", host: "h", path, query: "", headers, credential }, NOW);
  const { result, steps } = found;
  return { outcome: result.outcome === "refuse" ? result.code : result.outcome, steps, text: steps[0]?.text ?? "" };
};

test("the provider that accepts is named, and that nobody looked at the signature", () => {
  expect(ask("/any", token({ roles: ["ops"] }))).toMatchObject({
    outcome: "forward",
    text: expect.stringMatching(/^alice by staff .*NOT CHECKED.*groups: ops/),
  });
});

describe("outcomes", () => {
  test.each<[string, string, Credential, string, [string, string][]?]>([
    ["of another issuer", "/any", token({ iss: "urn:else" }), "credentials_invalid"],
    ["of a secret, by a public key", "/any", token({ iss: "urn:partner" }), "credentials_invalid"],
    ["of a secret", "/any", token({ iss: "urn:partner", groups: ["ops"] }, "HS256"), "forward"],
    ["too old", "/any", token({ iat: NOW / 1000 - 3_700 }), "credentials_invalid"],
    ["without the group", "/any", token({ roles: ["users"] }), "not_permitted"],
    ["for both", "/all", token({ aud: ["api", "billing"] }), "forward"],
    ["for one of both", "/all", token({}), "credentials_invalid"],
    ["assumed, for both", "/all", { kind: "assumed", sub: "a", scopes: [] }, "forward"],
    ["nobody, where that is allowed", "/opt", { kind: "none" }, "forward"],
    ["garbage, where nobody is allowed", "/opt", { kind: "malformed", reason: "x" }, "credentials_invalid"],
    ["assumed with a claim", "/claims", { kind: "assumed", sub: "a", scopes: [], claims: { tier: "gold" } }, "forward"],
    ["assumed without", "/claims", { kind: "assumed", sub: "a", scopes: [] }, "not_permitted"],
    ["a condition that is true", "/when", token({ level: 3 }), "forward", [["x-a", "1"]]],
    ["a condition that is false", "/when", token({ level: 2 }), "not_permitted", [["x-a", "1"]]],
    ["a condition without its header", "/when", token({ level: 3 }), "not_permitted"],
  ])("%s", (_, path, credential, outcome, headers) => {
    expect(ask(path, credential, headers).outcome).toBe(outcome);
  });
});

test("each demand is a step, at its place in the document", () => {
  const { steps } = ask("/when", token({ level: 2 }), [["x-a", "1"]]);
  expect(steps.at(-1)).toMatchObject({
    stage: "when",
    verdict: "deny",
    text: "the condition is false",
    path: ["gateway", "routes", 4, "auth", "when"],
  });
});
