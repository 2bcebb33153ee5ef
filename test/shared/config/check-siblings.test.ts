/** Routes that match the same requests but for who asks: what is checked, compiled, and explained of them. */
import { describe, expect, test } from "vitest";
import { loadDocument } from "../../../shared/config/load.ts";
import { quarantineBroken } from "../../../shared/config/quarantine.ts";
import type { Identity } from "../../../shared/identity/identity.ts";
import { compile } from "../../../shared/plan/compile.ts";
import { explain } from "../../../shared/plan/explain.ts";
import { siblingFor, siblingsOf } from "../../../shared/plan/siblings.ts";

const load = (routes: string, expose = "") =>
  loadDocument(
    `selvage: 1
name: a
gateway:
  hosts: [localhost]
  identity:
    login: { jwt: { issuer: "https://login.example", audience: a, claims: { plan: tier } } }
    other: { jwt: { issuer: "https://other.example", audience: a } }
    keys: { apiKey: { header: x-api-key } }
  routes:
${routes
  .trim()
  .split("\n")
  .map((line, at) => `    - { name: r${at}, to: orders, ${line.trim()} }`)
  .join("\n")}
mesh:
  trustDomain: a.internal
  services: { orders: { port: 1, access: [{ from: gateway }]${expose} } }
`,
    "f",
    () => undefined,
  );
const codes = (routes: string, expose?: string): string[] =>
  load(routes, expose)
    // How answers of each identity are kept is not what this is about.
    .problems.filter(({ code }) => code !== "SLV3040")
    .map(({ severity, code, path }) => `${severity} ${code} ${path.slice(2).join(".")}`);
const planOf = (routes: string) => {
  const { document, problems } = load(routes);
  if (document === undefined) throw new Error(JSON.stringify(problems));
  return compile(document);
};

const GOLD = "match: { path: '/o/{id}', identity: { plan: gold } }, auth: login";
const REST = "match: { path: '/o/{id}' }, auth: login";

describe("check", () => {
  test.each<[string, string, string[]]>([
    ["one for some, one for the rest", `${GOLD}\n${REST}`, []],
    [
      "the spelling of a match does not matter",
      "match: { path: /o, methods: [PUT, GET], headers: { X-A: [b] }, identity: { plan: gold } }, auth: login\nmatch: { headers: { x-a: b }, methods: [GET, PUT], path: /o }, auth: login",
      [],
    ],
    [
      "nor does that of what it does not want",
      "match: { path: /o, headers: { x-a: { not: [b] } }, identity: { plan: gold } }, auth: login\nmatch: { path: /o, headers: { x-a: { not: b } } }, auth: other",
      ["error SLV3175 1.auth"],
    ],
    [
      "each asks for something else",
      "match: { path: /o, identity: { claims: { a: 1 } } }, auth: login\nmatch: { path: /o, identity: { claims: { a: '1' } } }, auth: login",
      [],
    ],
    ["behind the one for the rest", `${REST}\n${GOLD}`, ["warning SLV3012 1.match"]],
    ["twice the same", `${GOLD}\n${GOLD.replace("gold", "[gold]")}`, ["error SLV3007 1.match"]],
    [
      "one that asks for more, behind",
      `${GOLD}\n${GOLD.replace("plan: gold", "plan: gold, groups: [a]")}`,
      ["warning SLV3012 1.match"],
    ],
    ["one that asks for more, before", `${GOLD.replace("plan: gold", "plan: gold, groups: [a]")}\n${GOLD}`, []],
    ["more values, behind", `${GOLD}\n${GOLD.replace("gold", "[gold, silver]")}`, []],
    [
      "a scope and a claim that is called like it",
      "match: { path: /o, identity: { scopes: [a] } }, auth: login\nmatch: { path: /o, identity: { claims: { 'scope a': 1 } } }, auth: login",
      [],
    ],
    ["other names of parameters", `${GOLD}\n${REST.replace("{id}", "{x}")}`, ["error SLV3007 1.match"]],
    [
      "a wider route behind it gets nothing of these methods",
      "match: { path: /o, methods: [GET], identity: { plan: gold } }, auth: login\nmatch: { path: /o, methods: [GET, PUT] }, auth: login",
      ["warning SLV3012 1.match"],
    ],
    ["another provider", `${GOLD}\n${REST.replace("login", "keys")}`, ["error SLV3175 1.auth"]],
    [
      "the same, written in another order",
      `${GOLD.replace("login", "{ any: [login], scopes: [a] }")}\n${REST.replace("login", "{ scopes: [a], any: [login] }")}`,
      [],
    ],
    ["a public route for the rest", `${GOLD}\nmatch: { path: '/o/{id}' }`, ["error SLV3175 1.auth"]],
    ["bodies", `${GOLD}, maxBody: 1KiB\n${REST}`, ["error SLV3175 1.maxBody"]],
    ["time", `${GOLD}\n${REST}, timeout: 1s`, ["error SLV3175 1.timeout"]],
    ["tunnels", `${GOLD}, upgrades: [websocket]\n${REST}`, ["error SLV3175 1.upgrades"]],
    [
      "names of what is kept",
      `${GOLD}, cache: { ttl: 1s, key: { query: { ignore: [a] } } }\n${REST}, cache: { ttl: 1s }`,
      ["error SLV3175 1.cache.key.query"],
    ],
    [
      "only one keeps answers",
      `${GOLD}, cache: false\n${REST}, cache: { ttl: 1s, key: { query: { ignore: [a] } } }`,
      [],
    ],
    ["nobody is known", "match: { path: /o, identity: { plan: gold } }", ["error SLV3176 0.match.identity"]],
    [
      "nobody is anonymous",
      `${GOLD.replace("plan: gold", "method: [anonymous]")}`,
      ["error SLV3176 0.match.identity.method.0"],
    ],
    [
      "somebody may be",
      "match: { path: /o, identity: { method: anonymous } }, auth: { any: [login], optional: true }",
      [],
    ],
    ["asks for nothing", GOLD.replace("plan: gold", ""), ["error SLV2001 0.match.identity"]],
    ["asks for empty lists", GOLD.replace("plan: gold", "scopes: [], claims: {}"), ["error SLV2001 0.match.identity"]],
    ["an unknown key", `${GOLD.replace("plan:", "plans:")}\n${REST}`, ["error SLV2003 0.match.identity.plans"]],
    ["an unknown proof", GOLD.replace("plan: gold", "method: basic"), ["error SLV2001 0.match.identity.method"]],
  ])("%s", (_, routes, expected) => expect(codes(routes)).toEqual(expected));

  test("as many as are asked one after the other", () => {
    const some = (count: number): string =>
      Array.from({ length: count }, (_, at) => GOLD.replace("gold", `p${at}`)).join("\n");
    expect(codes(some(64))).toEqual([]);
    expect(codes(some(65))).toEqual(["error SLV3177 64.match"]);
  });

  test("an agent finds its routes before it knows who asks", () => {
    const expose = `, expose: { hosts: [a.example], routes: [{ name: e, ${GOLD} }] }`;
    expect(codes(REST, expose)).toEqual(["error SLV3064 orders.expose.routes.0.match.identity"]);
  });
});

describe("a broken route of an owner", () => {
  const auth = "login";
  const part = (name: string, more: object) => ({
    name,
    owner: "team",
    match: { path: "/o" },
    auth,
    to: "orders",
    ...more,
  });
  const gold = { match: { path: "/o", identity: { plan: "gold" } } };
  const outcomeOf = (...routes: object[]) => {
    const { document, quarantined } = quarantineBroken(
      {
        selvage: 1,
        name: "a",
        owners: { team: { paths: ["/*"] } },
        gateway: {
          hosts: ["localhost"],
          identity: {
            login: { jwt: { issuer: "https://login.example", audience: "a" } },
            other: { jwt: { issuer: "https://other.example", audience: "a" } },
          },
          routes,
        },
        mesh: { trustDomain: "a.internal", services: { orders: { port: 1, access: [{ from: "gateway" }] } } },
      },
      () => true,
    );
    const { leading = [], groups } = document === undefined ? {} : siblingsOf(compile(document).gateway.routes);
    const siblings = leading.flatMap((one) => groups?.get(one) ?? []);
    return {
      out: quarantined.map(({ name, reason, answered }) => [name, reason.slice(0, 7), answered]),
      leading: leading.map(({ name }) => name),
      siblings: siblings.map(({ name, quarantine }) => [name, quarantine !== undefined]),
    };
  };
  test("is out of service for whom it asks for, and another one stands for the rest", () =>
    expect(outcomeOf(part("gold", { ...gold, to: "nowhere" }), part("rest", {}))).toEqual({
      out: [["gold", "SLV3001", true]],
      leading: ["rest"],
      siblings: [
        ["gold", true],
        ["rest", false],
      ],
    }));
  test("which is not found by the proof of the one above it", () =>
    expect(outcomeOf(part("gold", gold), part("rest", { auth: "other" }))).toEqual({
      out: [["rest", "SLV3175", true]],
      leading: ["gold"],
      siblings: [
        ["gold", false],
        ["rest", true],
      ],
    }));
  test("gives way to that of the document, also when it comes first", () =>
    expect(outcomeOf(part("gold", { ...gold, timeout: "1s" }), part("rest", { owner: undefined }))).toMatchObject({
      out: [["gold", "SLV3175", true]],
      leading: ["rest"],
    }));
  test("that nobody can be asked for is left out", () =>
    expect(outcomeOf(part("gold", { ...gold, auth: undefined }), part("rest", {}))).toMatchObject({
      out: [["gold", "SLV3176", false]],
      leading: ["rest"],
    }));
});

describe("the plan", () => {
  test("is of a newer format, which others keep without it", () => {
    expect(planOf(`${GOLD}\n${REST}`).gateway.format).toBe(4);
    expect(planOf(REST).gateway.format).toBe(1);
  });
  test("everything stated, in one form", () => {
    const asked = "scopes: [b, a, b], claims: { t: [2, '1', 2], v: true }, groups: [z, y], issuer: [y, x], consumer: c";
    const [route] = planOf(GOLD.replace("plan: gold", asked)).gateway.routes;
    expect(route?.match.identity).toEqual({
      scopes: ["a", "b"],
      claims: { t: [2, "1"], v: [true] },
      groups: ["y", "z"],
      issuer: ["x", "y"],
      consumer: ["c"],
    });
  });
});

describe("which is chosen", () => {
  const { routes } = planOf(
    [
      "match: { path: /o, identity: { consumer: [shop], issuer: a } }, auth: login",
      "match: { path: /other }",
      "match: { path: /o, identity: { method: api-key } }, auth: login",
      "match: { path: /o }, auth: login",
    ].join("\n"),
  ).gateway;
  const who: Identity = { sub: "s", issuer: "a", scopes: [], claims: {}, groups: [], method: "jwt" };
  const chosen = (identity: Partial<Identity>, all = routes): string | undefined => {
    const [group = []] = siblingsOf(all).groups?.values() ?? [];
    return siblingFor(group, { ...who, ...identity })?.name;
  };
  test.each<[Partial<Identity>, string]>([
    [{ consumer: "shop" }, "r0"],
    [{ consumer: "shop", issuer: "b" }, "r3"],
    [{ consumer: "shops" }, "r3"],
    [{ method: "api-key" }, "r2"],
    [{ consumer: "shop", method: "api-key" }, "r0"],
    [{}, "r3"],
  ])("%j: %s", (identity, name) => expect(chosen(identity)).toBe(name));
  test("one of them is found, which is not out of service unless all are", () => {
    const broken = routes.map((route, at) => (at === 0 ? { ...route, quarantine: "x" } : route));
    expect(siblingsOf(routes).leading.map(({ name }) => name)).toEqual(["r0", "r1"]);
    expect(siblingsOf(broken).leading.map(({ name }) => name)).toEqual(["r2", "r1"]);
    expect(chosen({ consumer: "shop" }, broken)).toBe("r0");
    const all = routes.map((route) => ({ ...route, quarantine: "x" }));
    expect(siblingsOf(all).leading.map(({ name }) => name)).toEqual(["r0", "r1"]);
    expect(siblingsOf(routes.slice(1, 2))).toEqual({ leading: routes.slice(1, 2) });
  });
});

describe("explain", () => {
  const plan = planOf(
    `${GOLD}\n${GOLD.replace("plan: gold", "groups: [ops], scopes: [x]")}\n${REST}\nmatch: { path: /p }`,
  );
  const ask = (claims?: Readonly<Record<string, unknown>>, of = plan) => {
    const credential =
      claims === undefined
        ? ({ kind: "none" } as const)
        : ({ kind: "assumed", sub: "ann", scopes: ["x"], claims } as const);
    return explain(of, { method: "GET", host: "localhost", path: "/o/7", query: "", headers: [], credential }, 0);
  };
  test.each<[Record<string, unknown>, string, string, string[]]>([
    [
      { tier: "gold" },
      "r0",
      "ann is as its match asks for",
      ["r3: path does not match /p", "r1: identity: in none of the groups ops", "r2: the same match as r0, but later"],
    ],
    [
      { groups: ["ops"] },
      "r1",
      "ann is as its match asks for",
      ["r3: path does not match /p", "r0: identity: plan is none, not gold", "r2: the same match as r1, but later"],
    ],
    [
      {},
      "r2",
      "ann is whom no other one takes",
      ["r3: path does not match /p", "r0: identity: plan is none, not gold", "r1: identity: in none of the groups ops"],
    ],
  ])("%j is taken by %s", (claims, name, told, others) => {
    const { route, otherRoutes, steps } = ask(claims);
    expect(route).toMatchObject({ name, params: { id: "7" } });
    expect(steps.find(({ stage }) => stage === "identity")?.text).toBe(told);
    expect(otherRoutes.map(({ name: other, why }) => `${other}: ${why}`)).toEqual(others);
  });
  test("who did not say who it is gets no further", () =>
    expect(ask().result).toMatchObject({ outcome: "refuse", code: "credentials_missing" }));
  test("none of them takes it", () =>
    expect(ask({}, planOf(GOLD)).result).toMatchObject({ outcome: "refuse", code: "no_route", status: 404 }));
});
