import { describe, expect, test } from "vitest";
import { stringify } from "yaml";
import { loadDocument } from "../../../shared/config/load.ts";
import { compile } from "../../../shared/plan/compile.ts";

const oidc = (more: object = {}) => ({ issuer: "https://id.example/", clientId: "web", ...more });

function load(providers: Record<string, object>, more: { paths?: string[]; auth?: unknown } = {}) {
  const identity = Object.fromEntries(Object.entries(providers).map(([name, one]) => [name, { oidc: one }]));
  const routes = (more.paths ?? ["/app/*"]).map((path, at) => ({
    name: `r${at}`,
    match: { path },
    to: "https://o.example",
    auth: more.auth ?? { any: Object.keys(providers) },
  }));
  const text = stringify({
    selvage: 1,
    name: "t",
    gateway: { hosts: ["h"], identity, routes },
  });
  return loadDocument(text, "f", () => undefined, { has: (name) => name !== "LOST" });
}
const problems = (...given: Parameters<typeof load>): string[] =>
  load(...given).problems.map(({ severity, code, path }) => `${severity} ${code} ${path.slice(1).join(".")}`);
function planOf(...given: Parameters<typeof load>) {
  const { document, problems: found } = load(...given);
  if (document === undefined) throw new Error(JSON.stringify(found));
  return compile(document).gateway.identity;
}

test("the shortest login is a public client with the usual times", () => {
  expect(planOf({ web: oidc() })).toEqual({
    web: {
      kind: "oidc",
      name: "web",
      issuer: "https://id.example/",
      clientId: "web",
      clientAuth: "none",
      scopes: ["openid"],
      algorithms: ["ES256", "EdDSA", "PS256", "RS256"],
      clockSkewMs: 60_000,
      path: "/.selvage/web",
      afterLogin: "/",
      afterLogout: "/",
      idleMs: 1_800_000,
      absoluteMs: 43_200_000,
      origins: [],
    },
  });
});

test("everything that can be said is in the plan", () => {
  const full = oidc({
    clientSecret: "${secret:WEB_CLIENT}",
    clientAuth: "post",
    scopes: ["profile", "openid"],
    algorithms: ["RS256"],
    clockSkew: "10s",
    path: "/auth",
    afterLogin: "/start?x=1",
    afterLogout: "/bye",
    session: { idle: "5m", absolute: "1h" },
    origins: ["https://spa.example"],
    keep: ["email"],
    userinfo: true,
    claims: { groups: "roles" },
  });
  expect(load({ web: full }).problems).toEqual([]);
  expect(planOf({ web: full }).web).toMatchObject({
    clientSecret: "WEB_CLIENT",
    clientAuth: "post",
    scopes: ["openid", "profile"],
    algorithms: ["RS256"],
    clockSkewMs: 10_000,
    path: "/auth",
    afterLogin: "/start?x=1",
    afterLogout: "/bye",
    idleMs: 300_000,
    absoluteMs: 3_600_000,
    origins: ["https://spa.example"],
    keep: ["email"],
    userinfo: true,
    claims: { groups: "roles" },
  });
});

test("a client with a secret shows it by basic; a short life shortens the idle time", () => {
  const one = planOf({ web: oidc({ clientSecret: "${secret:S}", session: { absolute: "5m" } }) }).web;
  expect(one).toMatchObject({ clientAuth: "basic", idleMs: 300_000, absoluteMs: 300_000 });
});

describe("what is wrong is named", () => {
  const at = "identity.web.oidc";
  test.each<[string, object, string[]]>([
    ["an issuer that is no place", { issuer: "id.example" }, [`error SLV2001 ${at}.issuer`]],
    ["an issuer without TLS", { issuer: "http://id.example/" }, [`warning SLV3014 ${at}.issuer`]],
    ["no client", { clientId: undefined }, [`error SLV2002 ${at}.clientId`]],
    ["a secret in clear", { clientSecret: "hush" }, [`error SLV2001 ${at}.clientSecret`]],
    ["a secret that nobody has", { clientSecret: "${secret:LOST}" }, [`warning SLV4001 ${at}.clientSecret`]],
    ["a secret elsewhere", { clientId: "${secret:S}" }, [`error SLV4003 ${at}.clientId`]],
    ["a way to show no secret", { clientAuth: "post" }, [`error SLV2005 ${at}.clientAuth`]],
    [
      "a secret that is never shown",
      { clientAuth: "none", clientSecret: "${secret:S}" },
      [`error SLV3009 ${at}.clientAuth`],
    ],
    ["scopes without openid", { scopes: ["profile"] }, [`error SLV3009 ${at}.scopes`]],
    ["an algorithm with a shared secret", { algorithms: ["HS256"] }, [`error SLV2001 ${at}.algorithms.0`]],
    ["a path with a slash at its end", { path: "/auth/" }, [`error SLV2001 ${at}.path`]],
    ["a path that no browser sends", { path: "/auth/.." }, [`error SLV2001 ${at}.path`]],
    ["a page elsewhere after a login", { afterLogin: "//evil.example" }, [`error SLV2001 ${at}.afterLogin`]],
    ["a login after a login", { afterLogin: "/.selvage/web/login?x" }, [`error SLV3009 ${at}.afterLogin`]],
    ["its own end after a login", { path: "/auth", afterLogin: "/auth/callback" }, [`error SLV3009 ${at}.afterLogin`]],
    ["a page beside its endpoints after a login", { path: "/auth", afterLogin: "/auth/loginx" }, []],
    ["a page elsewhere after a logout", { afterLogout: "https://evil.example" }, [`error SLV2001 ${at}.afterLogout`]],
    ["an idle time beyond the life", { session: { idle: "2h", absolute: "1h" } }, [`error SLV3009 ${at}.session.idle`]],
    ["a time that is too long", { session: { absolute: "1000d" } }, [`error SLV2001 ${at}.session.absolute`]],
    ["an origin with a path", { origins: ["https://spa.example/"] }, [`error SLV2001 ${at}.origins.0`]],
    ["an origin that is none", { origins: ["https://[x"] }, [`error SLV2001 ${at}.origins.0`]],
    ["an origin in another spelling", { origins: ["https://SPA.example:443"] }, [`error SLV2001 ${at}.origins.0`]],
    ["an origin without TLS", { origins: ["http://spa.example"] }, [`warning SLV3014 ${at}.origins.0`]],
    ["a key that there is not", { clientsecret: "x" }, [`error SLV2003 ${at}.clientsecret`]],
  ])("%s", (_, more, expected) => {
    expect(problems({ web: oidc(more) })).toEqual(expected);
  });

  test("loopback needs no TLS", () => {
    expect(problems({ web: oidc({ issuer: "http://127.0.0.1:8789/", origins: ["http://localhost:3000"] }) })).toEqual(
      [],
    );
  });

  test("two logins at one path", () => {
    expect(problems({ web: oidc({ path: "/auth" }), staff: oidc({ path: "/auth" }) })).toEqual([
      "error SLV3006 identity.staff.oidc.path",
    ]);
  });

  test("a route at one of the login's own paths", () => {
    expect(problems({ web: oidc() }, { paths: ["/.selvage/web/login", "/.selvage/*"] })).toEqual([
      "warning SLV3012 routes.0.match.path",
    ]);
  });

  test("a login that no route asks for", () => {
    expect(problems({ web: oidc(), staff: oidc() }, { auth: "web" })).toEqual(["warning SLV3012 identity.staff"]);
    expect(problems({ web: oidc() }, { auth: { all: ["web"] } })).toEqual([]);
  });
});
