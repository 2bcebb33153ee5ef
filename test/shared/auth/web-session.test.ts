import { describe, expect, test } from "vitest";
import type { OidcProvider } from "../../../shared/auth/providers.ts";
import {
  cookieLifeMs,
  identityOfSession,
  judgeSession,
  livePending,
  sessionClaims,
  sessionId,
  shardOfSession,
  shardOfSubject,
} from "../../../shared/auth/web-session.ts";
import { limits } from "../../../shared/limits.ts";

const provider: OidcProvider = {
  kind: "oidc",
  name: "web",
  issuer: "https://id.example/",
  clientId: "web",
  clientAuth: "none",
  scopes: ["openid"],
  algorithms: ["ES256"],
  clockSkewMs: 0,
  path: "/.selvage/web",
  afterLogin: "/",
  afterLogout: "/",
  idleMs: 1_000,
  absoluteMs: 5_000,
  origins: [],
};
const session = (startedAtMs: number, renewedAtMs: number, claims = {}) => ({
  id: "0a",
  startedAtMs,
  renewedAtMs,
  claims,
});

describe("the times of a session", () => {
  test.each<[number, number, number, { due: boolean } | "over"]>([
    [0, 0, 0, { due: false }],
    [0, 0, 99, { due: false }],
    [0, 0, 100, { due: true }],
    [0, 0, 999, { due: true }],
    [0, 0, 1_000, "over"],
    [0, 4_500, 4_999, { due: true }],
    [0, 4_950, 4_999, { due: false }],
    [0, 4_999, 5_000, "over"],
    // Renewed by an isolate whose clock is ahead.
    [0, 2_000, 1_500, { due: false }],
  ])("begun at %i, renewed at %i, is at %i %j", (started, renewed, nowMs, expected) => {
    const verdict = judgeSession(session(started, renewed), provider, nowMs);
    if (expected === "over") expect(verdict).toBeTypeOf("string");
    else expect(verdict).toEqual(expected);
  });

  test("its cookie lives as long as the session can", () => {
    expect(cookieLifeMs(session(0, 0), provider, 0)).toBe(1_000);
    expect(cookieLifeMs(session(0, 4_500), provider, 4_500)).toBe(500);
    expect(cookieLifeMs(session(0, 0), provider, 9_000)).toBe(0);
  });

  test("a login has its time", () => {
    const pending = { state: "s", nonce: "n", verifier: "v", returnTo: "/", startedAtMs: 10 };
    expect(livePending(pending, 9 + limits.login.pendingMs)).toBe(pending);
    expect(livePending(pending, 10 + limits.login.pendingMs)).toBeUndefined();
  });
});

describe("what a session keeps", () => {
  const stated = {
    ...{ iss: provider.issuer, sub: "alice", iat: 1, sid: "s1", aud: "web", exp: 2, nonce: "n", at_hash: "h" },
    ...{ name: "Alice", roles: ["admin"], scope: "forged", tier: "gold" },
  };

  test("everything about the person, nothing about the token, and the scopes that were granted", () => {
    expect(sessionClaims(stated, ["openid", "a"], provider)).toEqual({
      ...{ iss: provider.issuer, sub: "alice", iat: 1, sid: "s1", name: "Alice", roles: ["admin"], tier: "gold" },
      scope: "openid a",
    });
  });

  test("or what is named, with what the identity is read from", () => {
    const claims = { groups: "roles", plan: "tier" };
    const kept = sessionClaims(stated, [], { ...provider, keep: ["email"], claims });
    expect(Object.keys(kept).sort()).toEqual(["iat", "iss", "roles", "scope", "sid", "sub", "tier"]);
    expect(identityOfSession(session(0, 0, kept), { ...provider, claims })).toMatchObject({
      ...{ sub: "alice", issuer: provider.issuer, groups: ["admin"], plan: "gold", scopes: [], method: "oidc" },
    });
  });

  test("names nobody without a subject", () => {
    expect(identityOfSession(session(0, 0, { iss: "i" }), provider)).toBeTypeOf("string");
  });
});

test("the shard of a session is in its id", () => {
  for (let first = 0; first < 256; first++) {
    const shard = shardOfSubject(new Uint8Array([first]));
    expect(shard).toBeLessThan(limits.login.shards);
    expect(shardOfSession(sessionId(shard, "xyz"))).toBe(shard);
  }
});
