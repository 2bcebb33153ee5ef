import { describe, expect, test } from "vitest";
import {
  isPendingCookie,
  loginChallenge,
  loginEndpoints,
  loginPlaceOf,
  loginPlaces,
  pendingCookieName,
} from "../../../shared/auth/login-places.ts";
import type { OidcProvider } from "../../../shared/auth/providers.ts";

const provider = (name: string, path = `/.selvage/${name}`) => ({ kind: "oidc", name, path }) as OidcProvider;
const route = (any: string[], hosts: string[] = []) => ({ match: { hosts }, auth: { any, scopes: [] } });
const [web, staff] = [provider("web"), provider("staff", "/auth")];
const identity = { web, staff };

describe("a login has its endpoints on the hosts of the routes that ask for it", () => {
  test.each<[string, ReturnType<typeof route>[], string, string, string | undefined]>([
    ["everywhere", [route(["web"])], "app.example", "/.selvage/web/login", "web login"],
    ["not on hosts that are not served", [route(["web"])], "evil.example", "/.selvage/web/login", undefined],
    ["on named hosts", [route(["staff"], ["staff.example"])], "staff.example", "/auth/callback", "staff callback"],
    ["not on others", [route(["staff"], ["staff.example"])], "app.example", "/auth/callback", undefined],
    ["on a wildcard's", [route(["web"], ["*.example"])], "x.example", "/.selvage/web/logout", "web logout"],
    ["nowhere without a route", [route(["web"])], "app.example", "/auth/login", undefined],
    ["not below them", [route(["web"])], "app.example", "/.selvage/web/login/x", undefined],
  ])("%s", (_, routes, host, path, expected) => {
    const places = loginPlaces({ hosts: ["app.example", "staff.example"], identity, routes });
    const place = loginPlaceOf(places, host, path);
    expect(place && `${place.provider.name} ${place.endpoint}`).toBe(expected);
  });

  test("a plan without logins has none", () => {
    expect(loginPlaces({ hosts: [], identity: {}, routes: [route(["web"])] }).size).toBe(0);
    expect(loginPlaces({ hosts: [], identity, routes: [route(["web"])] }).size).toBe(loginEndpoints.length);
  });
});

test("the cookie of a login belongs to one provider", () => {
  const name = pendingCookieName(web, "abcdefghijkl");
  expect(name).toBe("__Host-selvage-login-web-abcdefgh");
  expect([isPendingCookie(web, name), isPendingCookie(staff, name), isPendingCookie(web, `${name}x`)]).toEqual([
    true,
    false,
    false,
  ]);
});

test("scripts are told where a login begins", () => {
  expect(loginChallenge("h", web)).toBe('Login realm="h", path="/.selvage/web/login"');
  expect(loginChallenge("h", web, "invalid_session")).toContain(', error="invalid_session"');
});
