/** `expose` and `rateLimit` of a service: what is refused and where, what becomes of the rest. */
import { describe, expect, test } from "vitest";
import { loadDocument } from "../../../shared/config/load.ts";
import { agentPlan } from "../../../shared/plan/agent-face.ts";
import { compile } from "../../../shared/plan/compile.ts";
import { explain } from "../../../shared/plan/explain.ts";
import { explainExposed } from "../../../shared/plan/explain-expose.ts";
import type { Credential } from "../../../shared/plan/explain-step.ts";

const load = (route: string, service = "", expose = "") =>
  loadDocument(
    `selvage: 1
name: a
gateway:
  hosts: [localhost]
  identity:
    login: { jwt: { issuer: "https://i.example/", audience: a } }
    other: { jwt: { issuer: "https://o.example/", audience: a } }
    bound: { jwt: { issuer: "https://i.example/", audience: a, dpop: required } }
    shared: { jwt: { issuer: "https://i.example/", audience: a, secret: "\${secret:S}" } }
    keys: { apiKey: { header: x-api-key } }
    people: { oidc: { issuer: "https://i.example/", clientId: c, clientSecret: "\${secret:S}" } }
  limits: { shared: { limit: 1/second, by: ip } }
  routes: [{ name: g, match: { path: /g }, to: "https://o.example", rateLimit: { limit: 1/second, by: ip, onFailure: open } }]
mesh:
  trustDomain: a.internal
  services:
    other: { port: 1, access: [] }
    orders:
      port: 8080
      access: [{ from: gateway }]
      ${service}
      expose:
        hosts: [api.example.com]
        ${expose}
        routes:
          - { name: r, match: { path: /r/* }, ${route} }
`,
    "f",
    () => undefined,
  );

/** Without those of the gateway's own limit, which nothing names here. */
const found = (...given: Parameters<typeof load>): string[] =>
  load(...given)
    .problems.filter(({ path }) => path[0] === "mesh")
    .map(({ severity, code, path }) => `${severity} ${code} ${path.slice(2).join(".")}`);

const planOf = (...given: Parameters<typeof load>) => {
  const { document, problems } = load(...given);
  if (document === undefined) throw new Error(JSON.stringify(problems));
  return compile(document);
};

const at = "orders.expose.routes.0";

describe("check", () => {
  test.each<[string, string[]]>([
    ["", []],
    ["auth: login, rateLimit: { limit: 1/second, by: identity }", []],
    ["rateLimit: { limit: 1/second, by: ip, mode: local }", []],
    ["rateLimit: [{ concurrent: 3, by: ip, shadow: true }]", []],
    ["cache: true", [`error SLV3064 ${at}.cache`]],
    ["to: orders", [`error SLV3064 ${at}.to`]],
    ["respond: {}", [`error SLV3064 ${at}.respond`]],
    ["redirect: { scheme: https }", [`error SLV3064 ${at}.redirect`]],
    ["errorPages: [{ on: [404], text: a }]", [`error SLV3064 ${at}.errorPages`]],
    ["securityHeaders: true", [`error SLV3064 ${at}.securityHeaders`]],
    ["rewrite: { regex: a, to: b }", [`error SLV3064 ${at}.rewrite.regex`]],
    ["transform: { request: { method: GET } }", [`error SLV3064 ${at}.transform.request.method`]],
    [
      "transform: { response: { headers: { set: { x-a: '{trace.id}' } } } }",
      [`error SLV3064 ${at}.transform.response.headers.set.x-a`],
    ],
    ['aggregate: { a: { get: "other:/" } }', [`error SLV3064 ${at}.aggregate`]],
    ["auth: login, idempotency: {}", [`error SLV3064 ${at}.idempotency`]],
    ["auth: login, context: { a: b }", [`error SLV3064 ${at}.context`]],
    ["owner: payments", [`error SLV3064 ${at}.owner`]],
    ["auth: { any: [login], decision: pdp }", [`error SLV3064 ${at}.auth.decision`]],
    ["auth: keys", [`error SLV3065 ${at}.auth`]],
    ["auth: { any: [login, people] }", [`error SLV3065 ${at}.auth.any.1`]],
    ["auth: { all: [shared] }", [`error SLV3065 ${at}.auth.all.0`]],
    ["auth: bound", [`error SLV3065 ${at}.auth`]],
    ["auth: nobody", [`error SLV3002 ${at}.auth`]],
    ["rateLimit: shared", [`error SLV3066 ${at}.rateLimit`]],
    ["rateLimit: { limit: 1/second, by: ip, mode: exact }", [`error SLV3066 ${at}.rateLimit.mode`]],
    [
      "rateLimit: { limit: 9/second, by: ip, cost: { estimate: 1, header: x } }",
      [`error SLV3066 ${at}.rateLimit.cost`],
    ],
    ["rateLimit: { limit: 1/second, by: identity }", [`error SLV3009 ${at}.rateLimit.by`]],
    ["rateLimit: { by: ip }", [`error SLV2005 ${at}.rateLimit`]],
    ["rateLimit: { limit: 1/second, by: { header: x-a } }", [`warning SLV3015 ${at}.rateLimit.by`]],
    ["identityHeaders: { x-a: '{identity.sub}' }", [`error SLV3009 ${at}.identityHeaders`]],
    [
      "transform: { request: { headers: { set: { txn-token: a } } } }",
      [`error SLV3009 ${at}.transform.request.headers.set.txn-token`],
    ],
    ["rewrite: '/{id}'", [`error SLV3004 ${at}.rewrite`]],
    ["auth: { any: [login], when: 'nonsense(' }", [`error SLV3013 ${at}.auth.when`]],
  ])("%s", (route, problems) => {
    expect(found(route)).toEqual(problems);
  });

  test.each<[string, string[]]>([
    ["proxyProtocol: [10.0.0.0/8, '2001:db8::/32', 192.0.2.7]", []],
    ["proxyProtocol: ['::/0']", ["warning SLV3015 orders.expose.proxyProtocol.0"]],
    ["proxyProtocol: [here]", ["error SLV2001 orders.expose.proxyProtocol.0"]],
    ["cors: { origins: ['*'], credentials: true }", ["error SLV3009 orders.expose.cors.credentials"]],
    ["clientIp: { trustedProxies: [0.0.0.0/0] }", ["warning SLV3015 orders.expose.clientIp.trustedProxies.0"]],
    ["listen: 'nowhere'", ["error SLV2001 orders.expose.listen"]],
    ["listen: '0.0.0.0:70000'", ["error SLV2001 orders.expose.listen"]],
    ["listen: '[::]:8443'", []],
  ])("%s", (expose, problems) => {
    expect(found("", "", expose)).toEqual(problems);
  });

  test.each<[string, string[]]>([
    ["rateLimit: { limit: 1/second, by: all }", []],
    [
      "rateLimit: [{ limit: 1/second, by: [identity, service], burst: 3 }, { concurrent: 3, by: all, shadow: true }]",
      [],
    ],
    ["rateLimit: { by: all }", ["error SLV2005 orders.rateLimit"]],
    ["rateLimit: { limit: 1/second, by: ip }", ["error SLV2001 orders.rateLimit.by"]],
    ["rateLimit: { limit: 1/second, by: [all, identity] }", ["error SLV3009 orders.rateLimit.by"]],
    ["rateLimit: { limit: 1/second, by: [identity, identity] }", ["error SLV3006 orders.rateLimit.by"]],
    [
      "rateLimit: [{ limit: 1/second, by: all, name: a }, { limit: 2/second, by: all, name: a }]",
      ["error SLV3006 orders.rateLimit.1.name"],
    ],
    ["rateLimit: { limit: 1/second, by: all, missing: refuse }", ["warning SLV3009 orders.rateLimit.missing"]],
    ["rateLimit: { limit: 1/second, by: service }", ["warning SLV3067 orders.rateLimit.by"]],
  ])("%s", (service, problems) => {
    expect(found("", service)).toEqual(problems);
  });
});

describe("compile", () => {
  const plan = planOf(
    "auth: login, rateLimit: { limit: 1/second, by: identity }",
    "rateLimit: [{ limit: 5/second, by: [service, identity] }, { concurrent: 3, by: all, shadow: true }]",
    "listen: '0.0.0.0:8443'",
  );

  test("an agent gets what its own service shows, with the providers that it needs", () => {
    const { inbound } = agentPlan(plan, "orders") ?? {};
    expect(Object.keys(inbound?.expose?.identity ?? {})).toEqual(["login"]);
    expect(inbound?.expose).toMatchObject({ listen: "0.0.0.0:8443", hosts: ["api.example.com"] });
    expect(inbound?.expose?.routes[0]?.rateLimits).toMatchObject([{ name: "identity", mode: "local", limit: 1 }]);
    expect(inbound?.rateLimits).toEqual([
      { name: "identity-service", limit: 5, windowMs: 1000, by: ["identity", "service"] },
      { name: "all", limit: 3, windowMs: 15_000, counts: "concurrent", by: ["all"], shadow: true },
    ]);
    expect(JSON.stringify(agentPlan(plan, "other"))).not.toContain("8443");
    expect(JSON.stringify(agentPlan(plan, "gateway"))).not.toContain("8443");
  });

  test("without either nothing is in the plan", () => {
    const bare = planOf("").mesh.services.other;
    expect(Object.keys(bare ?? {})).not.toContain("expose");
    expect(Object.keys(bare ?? {})).not.toContain("rateLimits");
  });
});

describe("explain", () => {
  const plan = planOf(
    "auth: { any: [login], scopes: [read] }, rateLimit: { limit: 1/second, by: ip }, rewrite: '/v1/*'",
    "rateLimit: { limit: 5/second, by: identity, missing: refuse }\n      shedding: {}",
  );
  const ask = (path: string, credential: Credential, host = "api.example.com") => {
    const request = { method: "GET", host, path, query: "", headers: [], credential };
    const explanation = explainExposed(plan, "orders", request, 0);
    if (explanation === undefined) throw new Error("nothing is exposed");
    return explanation;
  };
  const ann = (...scopes: string[]): Credential => ({ kind: "assumed", sub: "ann", scopes });

  test("the same tree as of the gateway, with places in the service's own part", () => {
    const { route, steps, result } = ask("/r/1", ann("read"));
    expect(result.text).toBe("would be passed to the application");
    expect(route).toMatchObject({ name: "r", path: ["mesh", "services", "orders", "expose", "routes", 0] });
    const lines = Object.fromEntries(steps.map(({ stage, text }) => [stage, text]));
    expect(lines.expose).toContain("where its agent is told to");
    expect(lines["limit ip"]).toContain("each isolate, or agent, counts for itself");
    expect(lines["limit ip"]).not.toContain("closed");
    expect(lines.target).toBe("GET /v1/1 to http://127.0.0.1:8080");
    expect(lines.shedding).toContain("503");
    const own = steps.filter(({ path }) => path?.[0] === "gateway");
    expect(own).toEqual([]);
  });

  test.each<[string, string, Credential, string | undefined, string]>([
    ["nobody", "/r/1", { kind: "none" }, undefined, "credentials_missing"],
    ["without the scope", "/r/1", ann(), undefined, "scope_missing"],
    ["another host", "/r/1", ann("read"), "localhost", "unknown_host"],
    ["no route", "/x", ann("read"), undefined, "no_route"],
    ["a path that can be read in two ways", "/r/../x", ann("read"), undefined, "ambiguous_path"],
    [
      "a bound token",
      "/r/1",
      {
        kind: "token",
        header: { alg: "ES256" },
        claims: { iss: "https://i.example/", aud: "a", sub: "s", exp: 99, cnf: { jkt: `${"a".repeat(42)}A` } },
      },
      undefined,
      "credentials_invalid",
    ],
  ])("%s", (_, path, credential, host, code) => {
    expect(ask(path, credential, host).result).toMatchObject({ outcome: "refuse", code });
  });

  test("a service that shows nothing has nothing to explain", () => {
    const request = { method: "GET", host: "a", path: "/", query: "", headers: [], credential: ann() };
    for (const name of ["other", "nobody", "constructor"])
      expect(explainExposed(plan, name, request, 0)).toBeUndefined();
  });

  test("calls from the gateway: the service's own limits, and whom they count by", () => {
    const { document } = loadDocument(
      `selvage: 1
name: a
gateway:
  hosts: [localhost]
  identity: { login: { jwt: { issuer: "https://i.example/", audience: a } } }
  routes: [{ name: g, match: { path: /g }, auth: { any: [login], optional: true }, to: orders }]
mesh:
  trustDomain: a.internal
  services:
    orders: { port: 1, access: [{ from: gateway }], rateLimit: { limit: 5/second, by: identity, missing: refuse } }
`,
      "f",
      () => undefined,
    );
    if (document === undefined) throw new Error("no document");
    const asked = (credential: Credential) =>
      explain(
        compile(document),
        { method: "GET", host: "localhost", path: "/g", query: "", headers: [], credential },
        0,
      );
    expect(asked(ann()).steps.find(({ stage }) => stage === "limit identity")?.text).toBe(
      '5 in any window of 1s, local: each instance counts for itself, so up to 5 times their number, counted by end user "ann"; not counted now',
    );
    expect(asked({ kind: "none" }).result).toMatchObject({ outcome: "refuse", code: "not_permitted" });
  });
});
