import { describe, expect, test } from "vitest";
import { logoutTokenEndMs, readLogoutClaims, refuseLogoutHeader } from "../../../shared/auth/logout-token.ts";
import type { OidcProvider } from "../../../shared/auth/providers.ts";
import { limits } from "../../../shared/limits.ts";

const provider = {
  issuer: "i",
  clientId: "web",
  algorithms: ["ES256"],
  clockSkewMs: 10_000,
} as unknown as OidcProvider;
const NOW = 1_000_000_000;
const EVENT = "http://schemas.openid.net/event/backchannel-logout";
const good = {
  iss: "i",
  aud: ["web"],
  iat: NOW / 1000,
  exp: NOW / 1000 + 60,
  jti: "j",
  sid: "s",
  events: { [EVENT]: {} },
};

describe("the claims of a logout token", () => {
  test("say which session or subject is over", () => {
    expect(readLogoutClaims(good, provider, NOW)).toEqual({ jti: "j", sid: "s" });
    const { sid: _, ...others } = good;
    expect(readLogoutClaims({ ...others, sub: "alice" }, provider, NOW)).toEqual({ jti: "j", sub: "alice" });
  });

  test("are taken until the token is too old, and its jti is remembered for longer", () => {
    const long = { ...good, exp: NOW };
    const last = NOW + limits.login.logoutTokenAgeMs + provider.clockSkewMs;
    expect(readLogoutClaims(long, provider, last - 1)).toBeTypeOf("object");
    expect(readLogoutClaims(long, provider, last)).toBeTypeOf("string");
    expect(logoutTokenEndMs(provider, NOW)).toBeGreaterThan(last);
    expect(readLogoutClaims(good, provider, NOW - provider.clockSkewMs)).toBeTypeOf("object");
    expect(readLogoutClaims(good, provider, NOW - provider.clockSkewMs - 1)).toBeTypeOf("string");
  });
});

test.each<[object, boolean]>([
  [{ alg: "ES256", typ: "logout+jwt" }, true],
  [{ alg: "ES256", typ: "application/logout+JWT" }, true],
  [{ alg: "ES256" }, true],
  [{ alg: "ES256", typ: "JWT" }, true],
  [{ alg: "ES256", typ: "at+jwt" }, false],
  [{ alg: "ES256", typ: ["logout+jwt"] }, false],
  [{ alg: "RS256", typ: "logout+jwt" }, false],
  [{ alg: "none", typ: "logout+jwt" }, false],
])("the header %j is taken: %s", (header, taken) => {
  expect(refuseLogoutHeader(header as never, provider) === undefined).toBe(taken);
});
