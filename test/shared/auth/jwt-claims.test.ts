import { describe, expect, test } from "vitest";
import { acceptedUntilMs, identityOfClaims, refuseClaims } from "../../../shared/auth/jwt-claims.ts";
import type { JwtProvider } from "../../../shared/auth/providers.ts";
import { limits } from "../../../shared/limits.ts";

const provider: JwtProvider = {
  kind: "jwt",
  issuer: "https://i.example/",
  audiences: ["api"],
  algorithms: ["ES256"],
  clockSkewMs: 10_000,
};
const NOW = 1_800_000_000_000;
const now = NOW / 1000;
const good = { iss: "https://i.example/", aud: "api", sub: "alice", exp: now + 60, iat: now };

describe("claims", () => {
  test.each([
    ["as they are", good, {}],
    ["one audience of several", { ...good, aud: ["other", "api"] }, {}],
    ["expired within the tolerance", { ...good, exp: now - 9 }, {}],
    ["begun within the tolerance", { ...good, nbf: now + 10, iat: now + 10 }, {}],
    ["without exp, where that is allowed", { ...good, exp: undefined }, { unexpiring: true }],
    ["young enough", { ...good, iat: now - 69 }, { tokenAgeMsMax: 60_000 }],
  ] as [string, object, Partial<JwtProvider>][])("%s are accepted", (_, claims, more) => {
    expect(refuseClaims({ ...claims }, { ...provider, ...more }, NOW)).toBeUndefined();
  });

  test.each([
    ["of another issuer", { ...good, iss: "https://i.example" }, {}],
    ["of several issuers", { ...good, iss: ["https://i.example/"] }, {}],
    ["for another audience", { ...good, aud: "apis" }, {}],
    ["for an audience in a mapping", { ...good, aud: { 0: "api" } }, {}],
    ["without audience", { ...good, aud: undefined }, {}],
    ["expired", { ...good, exp: now - 10 }, {}],
    ["expired, where exp may lack", { ...good, exp: now - 10 }, { unexpiring: true }],
    ["without exp", { ...good, exp: undefined }, {}],
    ["exp as text", { ...good, exp: String(now + 60) }, {}],
    ["exp beyond numbers", { ...good, exp: Number.POSITIVE_INFINITY }, {}],
    ["not valid yet", { ...good, nbf: now + 11 }, {}],
    ["nbf as text", { ...good, nbf: "0" }, {}],
    ["issued in the future", { ...good, iat: now + 11 }, {}],
    ["too old", { ...good, iat: now - 70 }, { tokenAgeMsMax: 60_000 }],
    ["of unknown age", { ...good, iat: undefined }, { tokenAgeMsMax: 60_000 }],
  ] as [string, object, Partial<JwtProvider>][])("%s are refused", (_, claims, more) => {
    expect(refuseClaims({ ...claims }, { ...provider, ...more }, NOW)).toBeTypeOf("string");
  });

  test("are remembered until they end, by whatever ends first", () => {
    expect(acceptedUntilMs(good, provider, NOW)).toBe(NOW + 70_000);
    expect(acceptedUntilMs(good, { ...provider, tokenAgeMsMax: 30_000 }, NOW)).toBe(NOW + 40_000);
    expect(acceptedUntilMs({}, provider, NOW)).toBe(NOW + limits.identity.rememberedUnexpiringMs);
    const { exp, ...rest } = good;
    const until = acceptedUntilMs(rest, { ...provider, unexpiring: true, tokenAgeMsMax: 1_000 }, NOW);
    expect([exp, until]).toEqual([now + 60, NOW + 11_000]);
  });
});

describe("the identity", () => {
  test("is read from the claims that the document names", () => {
    const claims = {
      ...good,
      azp: "app",
      "https://x/plan": "gold",
      roles: ["admin", 1, "", "admin"],
      perms: ["a", "b"],
    };
    expect(
      identityOfClaims(claims, { consumer: "azp", plan: "https://x/plan", groups: "roles", scopes: "perms" }),
    ).toMatchObject({ consumer: "app", plan: "gold", groups: ["admin"], scopes: ["a", "b"] });
  });

  test("has by default groups and scopes of the usual claims, and neither consumer nor plan", () => {
    const identity = identityOfClaims({ ...good, groups: "staff", scope: "a", consumer: "x", plan: "y" });
    expect(identity).toEqual({
      sub: "alice",
      issuer: good.iss,
      scopes: ["a"],
      groups: ["staff"],
      claims: expect.anything(),
      method: "jwt",
    });
  });

  test("takes no claim from what every object has", () => {
    const identity = identityOfClaims(good, { groups: "constructor", plan: "toString", scopes: "__proto__" });
    expect(identity).toMatchObject({ groups: [], scopes: [] });
    expect(identity).not.toHaveProperty("plan");
  });
});
