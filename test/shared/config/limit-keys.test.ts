/** Whom limits count by, and who is believed on addresses: what `check` finds, what is compiled, what `explain` says. */
import { describe, expect, test } from "vitest";
import { stringify } from "yaml";
import { loadDocument } from "../../../shared/config/load.ts";
import { limits } from "../../../shared/limits.ts";
import { compile } from "../../../shared/plan/compile.ts";
import { explain } from "../../../shared/plan/explain.ts";
import type { ExplainRequest } from "../../../shared/plan/explain-step.ts";

const identity = {
  login: { jwt: { issuer: "https://i.example/", audience: "a", jwks: "https://i.example/keys" } },
  named: {
    jwt: { issuer: "https://n.example/", audience: "a", jwks: "https://n.example/keys", claims: { plan: "p" } },
  },
  partners: { apiKey: { header: "x-api-key" } },
};
const usual = { name: "r", match: { path: "/r/{tenant}" }, to: "https://o.example" };

function load(rateLimit: unknown, more: object = {}, gateway: object = {}) {
  const routes = [{ ...usual, rateLimit, ...more }];
  const text = stringify({ selvage: 1, name: "t", gateway: { hosts: ["h"], identity, routes, ...gateway } });
  return loadDocument(text, "f", () => undefined);
}
const limit = { limit: "9/minute", onFailure: "closed" };
const by = (key: unknown, more: object = {}) => ({ ...limit, by: key, ...more });
const codes = (...given: Parameters<typeof load>): string[] =>
  load(...given).problems.map(({ code, path }) => `${code} ${path.slice(1).join(".")}`);
const planOf = (...given: Parameters<typeof load>) => {
  const { document, problems } = load(...given);
  if (document === undefined) throw new Error(JSON.stringify(problems));
  return compile(document);
};
const limitsOf = (...given: Parameters<typeof load>) => planOf(...given).gateway.routes[0]?.rateLimits ?? [];
const auth = { auth: "partners" };
const BY = "routes.0.rateLimit.by";

describe("what a limit counts by", () => {
  test.each<[unknown, unknown, string]>([
    ["consumer", "consumer", "consumer"],
    ["plan", "plan", "plan"],
    ["all", "all", "all"],
    [["ip"], "ip", "ip"],
    [{ ip: {} }, "ip", "ip"],
    [{ ip: { v6: 64, v4: 32 } }, "ip", "ip"],
    [{ ip: { v6: 56 } }, { ip: { v4: 32, v6: 56 } }, "ip"],
    [{ header: "X-Tenant" }, { header: "x-tenant" }, "header"],
    [{ claim: "org.id" }, { claim: ["org", "id"] }, "claim"],
    [{ claim: "https://a.example/t" }, { claim: ["https://a.example/t"] }, "claim"],
    [{ path: "tenant" }, { path: "tenant" }, "path"],
    [{ query: "name" }, { query: "name" }, "query"],
    [{ cookie: "name" }, { cookie: "name" }, "cookie"],
    [{ cel: "request.host" }, { cel: "request.host" }, "cel"],
    [
      ["ip", { header: "b" }, { header: "A" }, "consumer"],
      ["consumer", { header: "a" }, { header: "b" }, "ip"],
      "consumer-header-header-ip",
    ],
  ])("%j", (written, compiled, name) => {
    expect(limitsOf(by(written), auth)).toMatchObject([{ by: compiled, name }]);
  });

  test("is the same whatever the order, and says the default of `missing` as none", () => {
    const one = planOf(by([{ header: "a" }, "ip"], { missing: "together" }));
    expect(planOf(by(["ip", { header: "a" }]))).toEqual(one);
    expect(limitsOf(by([{ header: "a" }, "ip"], { missing: "refuse" }))).toMatchObject([{ missing: "refuse" }]);
  });

  test("is the same for a limit that routes name", () => {
    const gateway = { limits: { shared: by([{ path: "tenant" }, "consumer"]) } };
    expect(limitsOf("shared", auth, gateway)).toMatchObject([
      { by: ["consumer", { path: "tenant" }], name: "shared", scope: "gateway" },
    ]);
  });

  test.each<[string, unknown, object, string[]]>([
    ["an unknown word", "adress", {}, [`SLV2001 ${BY}`]],
    ["an unknown source", { heder: "a" }, {}, [`SLV2003 ${BY}.heder`]],
    ["two sources", { header: "a", query: "b" }, {}, [`SLV2005 ${BY}`]],
    ["no source", {}, {}, [`SLV2005 ${BY}`]],
    ["a part that is none", ["ip", 7], {}, [`SLV2001 ${BY}.1`]],
    ["an empty list", [], {}, [`SLV2001 ${BY}`]],
    ["too many parts", Array.from({ length: 9 }, (_, at) => ({ header: `h${at}` })), auth, [`SLV2001 ${BY}`]],
    ["a part twice", ["ip", { header: "a" }, { header: "A" }], auth, [`SLV3006 ${BY}.2`]],
    ["everybody beside others", ["all", "ip"], {}, [`SLV3009 ${BY}.0`]],
    ["an identity without auth", ["ip", "consumer"], {}, [`SLV3009 ${BY}.1`]],
    ["a claim without auth", { claim: "a" }, {}, [`SLV3009 ${BY}`]],
    ["a parameter that is none", { path: "tennant" }, auth, [`SLV3004 ${BY}.path`]],
    ["what is no expression", { cel: "identity.sub +" }, auth, [`SLV3013 ${BY}.cel`]],
    ["an expression of no text", { cel: "identity.scopes" }, auth, [`SLV3013 ${BY}.cel`]],
    ["an expression without bounds", { cel: 'identity.sub.matches("a+") ? "a" : "b"' }, auth, [`SLV3013 ${BY}.cel`]],
    ["a field that is taken away", { header: "X-Forwarded-For" }, auth, [`SLV3009 ${BY}.header`]],
    ["a credential", { header: "X-Api-Key" }, auth, [`SLV3009 ${BY}.header`]],
    ["the other credential", { header: "authorization" }, auth, [`SLV3009 ${BY}.header`]],
    ["a prefix that is none", { ip: { v4: 33 } }, {}, [`SLV2001 ${BY}.ip.v4`]],
    ["a plan that nobody tells", "plan", { auth: "login" }, [`SLV3009 ${BY}`]],
    ["a consumer that nobody tells", "consumer", { auth: { any: ["login", "named"] } }, [`SLV3009 ${BY}`]],
    ["a plan that somebody tells", "plan", { auth: { any: ["login", "named"] } }, []],
    ["only optional identities", "consumer", { auth: { any: ["partners"], optional: true } }, [`SLV3009 ${BY}`]],
    ["optional identities beside others", ["consumer", "ip"], { auth: { any: ["partners"], optional: true } }, []],
  ])("%s", (_, key, route, found) => expect(codes(by(key), route)).toEqual(found));

  test("`missing` decides nothing where all have the key", () => {
    expect(codes(by("all", { missing: "refuse" }))).toEqual(["SLV3009 routes.0.rateLimit.missing"]);
    expect(codes(by("identity", { missing: "refuse" }), auth)).toEqual(["SLV3009 routes.0.rateLimit.missing"]);
    expect(codes(by("consumer", { missing: "refuse" }), auth)).toEqual([]);
  });

  test("a field that the gateway or a proxy says itself is not the client's", () => {
    const gateway = {
      identityHeaders: { "X-User": "{identity.sub}" },
      clientIp: { trustedProxies: ["10.0.0.1"], header: "Fly-Client-Ip" },
    };
    for (const header of ["x-user", "X_User", "fly-client-ip", "Host"])
      expect(codes(by({ header }), auth, gateway)).toEqual([`SLV3009 ${BY}.header`]);
    expect(codes(by({ header: "x-user" }), auth)).toEqual([]);
  });

  test("a limit that routes name is judged once by itself, and on each route", () => {
    const gateway = { limits: { shared: by([{ cel: "1 +" }, { path: "other" }]) } };
    expect(codes("shared", auth, gateway)).toEqual(["SLV3004 routes.0.rateLimit", "SLV3013 limits.shared.by.0.cel"]);
  });
});

describe("a key that clients choose", () => {
  const chosen = [
    ...[{ header: "x-tenant" }, { query: "q" }, { cookie: "c" }, { path: "tenant" }, { cel: "request.path" }],
    ["ip", { header: "x-tenant" }],
  ];
  test.each(chosen)("%j is a warning where it is the only one of a public route", (key) => {
    const [found, ...others] = codes(by(key));
    expect([found?.split(" ")[0], others]).toEqual(["SLV3015", []]);
    expect(codes(by(key), { auth: { any: ["partners"], optional: true } })).toHaveLength(1);
    expect(codes(by(key), auth)).toEqual([]);
    expect(codes([by(key), by("ip")])).toEqual([]);
    expect(codes([by(key), by("all")])).toEqual([]);
    expect(codes([by(key), by("ip", { shadow: true })])).toHaveLength(1);
  });

  test("is found in a limit that the route names, too", () => {
    const gateway = { limits: { shared: by({ header: "x-tenant" }), other: by("ip") } };
    expect(codes("shared", {}, { limits: { shared: gateway.limits.shared } })).toEqual(["SLV3015 routes.0.rateLimit"]);
    expect(codes(["shared", "other"], {}, gateway)).toEqual([]);
  });

  test("has few values where an expression chooses from them", () => {
    for (const cel of ['request.path == "/r/a"', 'request.path == "/r/a" ? "a" : request.host == "h" ? "b" : "c"'])
      expect(codes(by({ cel }))).toEqual([]);
    expect(codes(by({ cel: 'request.path == "/r/a" ? "a" : request.path' }))).toHaveLength(1);
  });
});

describe("clientIp", () => {
  const trusted = { trustedProxies: ["10.0.0.0/8", "FD00::/8"] };
  test("is compiled with its default", () => {
    expect(planOf(by("ip"), {}, { clientIp: trusted }).gateway.clientIp).toEqual({
      trustedProxies: ["10.0.0.0/8", "fd00::/8"],
      header: "x-forwarded-for",
    });
    expect(planOf(by("ip")).gateway).not.toHaveProperty("clientIp");
  });

  test.each<[object, string[]]>([
    [{ trustedProxies: ["10.0.0.0/8"], header: "Forwarded" }, []],
    [{ trustedProxies: [] }, ["SLV2001 clientIp.trustedProxies"]],
    [{ trustedProxies: ["10.0.0.0/33"] }, ["SLV2001 clientIp.trustedProxies.0"]],
    [{ trustedProxies: ["proxy.example"] }, ["SLV2001 clientIp.trustedProxies.0"]],
    [{ trustedProxies: ["010.0.0.1"] }, ["SLV2001 clientIp.trustedProxies.0"]],
    [{ header: "forwarded" }, ["SLV2002 clientIp.trustedProxies"]],
    [
      { trustedProxies: ["0.0.0.0/0", "::/0"] },
      ["SLV3015 clientIp.trustedProxies.0", "SLV3015 clientIp.trustedProxies.1"],
    ],
    [{ trustedProxies: ["10.0.0.1"], header: "Host" }, ["SLV3009 clientIp.header"]],
    [{ trustedProxies: ["10.0.0.1"], header: "Selvage-Plan" }, ["SLV3009 clientIp.header"]],
    [{ trustedProxies: ["10.0.0.1"], hops: 2 }, ["SLV2003 clientIp.hops"]],
  ])("%j", (clientIp, found) => expect(codes(by("ip"), {}, { clientIp })).toEqual(found));

  test("is missed where whoever terminates TLS is everybody's address", () => {
    const tlsTerminator = { addresses: ["10.0.0.5"] };
    expect(codes(by("ip"), {}, { tlsTerminator })).toEqual([`SLV3009 ${BY}`]);
    expect(codes("shared", {}, { tlsTerminator, limits: { shared: by({ ip: { v6: 48 } }) } })).toEqual([
      "SLV3009 limits.shared.by",
    ]);
    expect(codes(by("ip"), {}, { tlsTerminator, clientIp: trusted })).toEqual([]);
  });

  test("has a bound", () => {
    const of = (count: number) => ({
      trustedProxies: Array.from({ length: count }, (_, at) => `10.0.${at >> 8}.${at & 255}`),
    });
    expect(codes(by("ip"), {}, { clientIp: of(limits.clientIp.proxiesMax) })).toEqual([]);
    expect(codes(by("ip"), {}, { clientIp: of(limits.clientIp.proxiesMax + 1) })).toEqual([
      "SLV2001 clientIp.trustedProxies",
    ]);
  });
});

describe("explain", () => {
  const request: ExplainRequest = {
    ...{ method: "GET", host: "h", path: "/r/acme", query: "?q=1&q=2", credential: { kind: "none" } },
    ...{
      clientIp: "10.0.0.1",
      headers: [
        ["x-forwarded-for", "192.0.2.66, 203.0.113.9"],
        ["x-tenant", 'a"b'],
      ],
    },
  };
  const clientIp = { trustedProxies: ["10.0.0.0/8"] };
  const explained = (key: object, more: Partial<ExplainRequest> = {}, route: object = {}) =>
    explain(planOf(key, route, { clientIp }), { ...request, ...more }, 0);
  const texts = (...given: Parameters<typeof explained>): string[] =>
    explained(...given)
      .steps.filter(({ stage }) => /limit|client/.test(stage))
      .map(({ text }) => text);

  test("names the client, each part of a key, and what is lacking", () => {
    const [client, counted] = texts(by(["ip", { header: "x-tenant" }, { path: "tenant" }]));
    expect(client).toBe("203.0.113.9, by x-forwarded-for of the trusted proxy 10.0.0.1");
    expect(counted).toContain('counted by header x-tenant "a\\"b" and ip "203.0.113.9" and path tenant "acme";');
    expect(texts(by(["ip", { query: "q" }]))[1]).toContain(
      'counted by ip "203.0.113.9" and query q: none, together with all that lack the same;',
    );
    expect(texts(by("all"))[1]).toContain("counted by nothing: everybody together;");
  });

  test("refuses what the gateway refuses", () => {
    const refused = explained(by(["ip", { query: "q" }], { missing: "refuse" }));
    expect(refused.result).toMatchObject({ outcome: "refuse", code: "bad_request", status: 400 });
    const cel = explained(by(["ip", { cel: "identity.claims.a" }], { missing: "refuse" }));
    expect(cel.result).toMatchObject({ outcome: "refuse", code: "not_permitted", status: 403 });
  });

  test.each<Partial<ExplainRequest>>([{ headers: [["x-forwarded-for", "unknown"]] }, { clientIp: "proxy.example" }])(
    "refuses as the gateway does, or counts together, where it is told who connects and that is no address: %j",
    (more) => {
      expect(explained(by("ip", { missing: "refuse" }), more).result).toMatchObject({ code: "not_permitted" });
      expect(texts(by("ip"), more)[1]).toContain("counted by ip: none, together with all that lack the same;");
    },
  );

  test("refuses nothing by a limit in shadow", () => {
    const shadowed = explained(by(["ip", { query: "q" }], { missing: "refuse", shadow: true }));
    expect(shadowed.result.outcome).toBe("forward");
    expect(shadowed.steps.map(({ text }) => text).join()).toContain(
      "would refuse this, since the request lacks query q",
    );
  });

  test("says what it does not know", () => {
    const { clientIp: _, ...unknown } = request;
    const plan = planOf(by("ip", { missing: "refuse" }), {}, { clientIp });
    const found = explain(plan, unknown, 0);
    expect(found.steps.map(({ text }) => text).join("\n")).toMatch(
      /--from[\s\S]*counted by the client's address \(say which/,
    );
    expect(found.result.outcome).toBe("forward");
    const key = `slv_${"a".repeat(16)}`;
    const headers: ExplainRequest["headers"] = [["x-api-key", key]];
    const steps = explained(by("plan", { missing: "refuse" }), { headers }, auth).steps.map(({ text }) => text);
    expect(steps.join("\n")).not.toContain("missing: refuse");
  });

  test.each([
    [{ clientIp: "192.0.2.1" }, "192.0.2.1, which connects and is not in `trustedProxies`"],
    [{ clientIp: "proxy.example" }, "unknown: proxy.example is no address"],
    [{ headers: [] }, "10.0.0.1: a trusted proxy, which names nobody in x-forwarded-for"],
    [
      { headers: [["x-forwarded-for", "a"]] as const },
      "unknown: what the trusted proxy 10.0.0.1 says in x-forwarded-for is no address",
    ],
  ])("%j", (more, text) => expect(texts(by("ip"), more)[0]).toBe(text));
});
