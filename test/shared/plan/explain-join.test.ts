import { expect, test } from "vitest";
import { explainJoin } from "../../../shared/plan/explain-join.ts";
import type { JoinPlan } from "../../../shared/policy/join-rules.ts";
import { kubernetesClaims } from "../../support/workload-tokens.ts";

const join: JoinPlan = {
  issuers: { cluster: { issuer: "https://k", audiences: ["a"], tokenLifetimeMsMax: 3_600_000, clockSkewMs: 0 } },
  rules: [
    { issuer: "cluster", claims: { "kubernetes.io.namespace": ["ops"] }, service: "gateway" },
    { issuer: "cluster", claims: { "kubernetes.io.namespace": ["shop"] }, service: "orders" },
  ],
};
const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString("base64url");
const token = (change: object = {}, header: object = { alg: "RS256" }): string =>
  `${part(header)}.${part({ ...kubernetesClaims, iss: "https://k", aud: "a", iat: 1, exp: 100, ...change })}.AAAA`;

test("says which rule a token matches, why those before do not, and what is not known offline", () => {
  expect(explainJoin(join, token(), 50_000)).toEqual({
    service: "orders",
    rules: [
      { issuer: "cluster", rule: 0, verdict: { reason: 'kubernetes.io.namespace is "shop", expected ops' } },
      { issuer: "cluster", rule: 1, verdict: { service: "orders" } },
    ],
    unknown: [expect.stringContaining("signed"), expect.stringContaining("used before")],
  });
});

test.each([
  ["no rules", undefined, token(), /lets nobody join/],
  ["garbage", join, "x", /not three base64url/],
  ["alg none", join, token({}, { alg: "none" }), /alg is not allowed/],
  ["another issuer", join, token({ iss: "https://x" }), /no issuer/],
  ["an end in the past", join, token({ exp: 20 }), /expired/],
])("says why nobody joins: %s", (_, plan, text, reason) => {
  expect(explainJoin(plan, text, 50_000)).toMatchObject({ refused: expect.stringMatching(reason), rules: [] });
});
