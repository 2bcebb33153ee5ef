import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { checkDocument } from "../../../shared/config/check-document.ts";
import { loadDocument } from "../../../shared/config/load.ts";
import { problemCodes } from "../../../shared/config/problem.ts";
import { limits } from "../../../shared/limits.ts";

const shop = readFileSync(new URL("../../../examples/shop/selvage.yaml", import.meta.url), "utf8");
const load = (text: string, env: Record<string, string> = {}) =>
  loadDocument(text, "selvage.yaml", (name) => (Object.hasOwn(env, name) ? env[name] : undefined));

/** The shop with some of its text replaced; each replacement must be there. */
function shopWith(...changes: readonly (readonly [from: string, to: string])[]): string {
  return changes.reduce((text, [from, to]) => {
    if (!text.includes(from)) throw new Error(`the shop has no ${from}`);
    return text.replace(from, to);
  }, shop);
}

/** Line and column, from 1, of the first occurrence. */
function placeOf(text: string, piece: string): { line: number; column: number } {
  const before = text.slice(0, text.indexOf(piece)).split("\n");
  return { line: before.length, column: (before.at(-1) ?? "").length + 1 };
}

test("the shop is valid and has no warnings", () => {
  const { document, problems } = load(shop);
  expect(problems).toEqual([]);
  expect(document?.gateway?.identity?.login?.jwt?.issuer).toBe("http://127.0.0.1:8789/");
});

test("JSON is a document too, with positions", () => {
  const text = '{\n\t"selvage": 1,\n\t"name": "x",\n\t"gateway": {"hosts": ["a"], "routs": [], "routes": []}\n}';
  const { problems } = load(text);
  expect(problems).toMatchObject([{ code: "SLV2003", line: 4, column: 30, length: 7, suggestion: "routes" }]);
});

describe("one fault, one problem at its place", () => {
  const cases: [name: string, from: string, to: string, mark: string, expected: object][] = [
    ["unknown key", "to: orders #", "too: orders #", "too:", { code: "SLV2003", suggestion: "to" }],
    ["number as duration", "timeout: 10s", "timeout: 10", "10\n", { code: "SLV2001", suggestion: "10s" }],
    [
      "method in lower case",
      "methods: [GET, POST, PUT] }",
      "methods: [get] }",
      "get]",
      { code: "SLV2001", suggestion: "GET" },
    ],
    ["bad rate", "10/second", "10 per second", "10 per", { code: "SLV2001", suggestion: "10/second" }],
    ["wrong choice", "mode: exact", "mode: exat", "exat", { code: "SLV2001", suggestion: "exact" }],
    ["retry reason", "5xx, reset", "5xx, rest", "rest,", { code: "SLV2001", suggestion: "reset" }],
    ["port too large", "port: 8080\n      protocol", "port: 70000\n      protocol", "70000", { code: "SLV2001" }],
    ["service of a route", "to: orders #", "to: ordres #", "ordres", { code: "SLV3001", suggestion: "orders" }],
    ["service of a part", '"users:/users', '"user:/users', '"user:/', { code: "SLV3001", suggestion: "users" }],
    ["service of access", "from: orders", "from: order", "order }", { code: "SLV3001", suggestion: "orders" }],
    ["identity provider", "any: [login]", "any: [logn]", "logn", { code: "SLV3002", suggestion: "login" }],
    ["subset of a rule", "to: v2 }", "to: v3 }", "v3 }", { code: "SLV3003", suggestion: "v1" }],
    ["subset of a split", "v1: 90", "v9: 90", "v9: 90", { code: "SLV3003", suggestion: "v1" }],
    ["template member", "users/{identity.sub}", "users/{identity.subject}", '"users:', { code: "SLV3004" }],
    [
      "template part",
      "{user.lastOrderId}",
      "{usr.lastOrderId}",
      '"orders:/',
      { code: "SLV3004", suggestion: "{user.lastOrderId}" },
    ],
    ["template parameter", "{user.lastOrderId}", "{path.id}", '"orders:/', { code: "SLV3004" }],
    ["cycle of parts", "users/{identity.sub}", "users/{lastOrder.id}", '"users:/users/{last', { code: "SLV3005" }],
    ["route name twice", "name: load", "name: orders", "orders # for", { code: "SLV3006" }],
    ["weights of zero", "v1: 90, v2: 10", "v1: 0, v2: 0", "{ v1: 0", { code: "SLV3008" }],
    [
      "host of a route",
      "path: /load/orders/*",
      "path: /load/orders/*, hosts: [localhst]",
      "localhst",
      { code: "SLV3010", suggestion: "localhost" },
    ],
    ["fixed header", "x-request-source", "Connection", "Connection", { code: "SLV3009" }],
    ["secret at a wrong place", "audience: shop-api", 'audience: "${secret:AUD}"', '"${secret', { code: "SLV4003" }],
    [
      "unknown reference",
      "${env:SHOP_ISSUER:-http://127.0.0.1:8789/}",
      "http://${identity.sub}/",
      '"http://${',
      { code: "SLV4003", suggestion: "{identity.sub}" },
    ],
    ["missing variable", "shop-api", '"${env:SHOP_AUDIENCE}"', '"${env:SHOP_AUDIENCE', { code: "SLV4002" }],
    ["reserved service", "inventory:\n", "gateway:\n", "gateway:\n      port", { code: "SLV2004" }],
    [
      "both targets",
      "to: orders #",
      "aggregate: { a: { get: 'users:/x' } }\n      to: orders #",
      "- name: orders",
      { code: "SLV2005" },
    ],
    [
      "credentials for all",
      '["https://app.shop.example"]',
      '["*"], credentials: true',
      "true, methods",
      { code: "SLV3009" },
    ],
    [
      "key twice",
      "  trustDomain: shop.internal",
      "  trustDomain: a\n  trustDomain: b",
      "trustDomain: b",
      { code: "SLV1002" },
    ],
  ];
  test.each(cases)("%s", (_, from, to, mark, expected) => {
    const text = shopWith([from, to]);
    const { document, problems } = load(text);
    expect(document).toBeUndefined();
    const at = mark.startsWith("- name")
      ? { ...placeOf(text, mark), column: placeOf(text, mark).column + 2 }
      : placeOf(text, mark);
    expect(problems.filter(({ severity }) => severity === "error")).toMatchObject([{ ...expected, ...at }]);
  });
});

test("every fault is found at once, in the order of the text", () => {
  const text = shopWith(
    ["name: shop", "name: Shop"],
    ["maxAge: 10m", "maxAge: 10"],
    ["to: orders #", "to: ordres #"],
    ["from: orders", "form: orders"],
    ["v1: 90", "v3: 90"],
  );
  const { problems } = load(text);
  const codes = problems.map(({ code, line }) => [code, line]);
  expect(codes.map(([code]) => code)).toEqual(["SLV2001", "SLV2001", "SLV3001", "SLV3003", "SLV2003"]);
  expect(codes.map(([, line]) => line)).toEqual(
    [...codes.map(([, line]) => line)].sort((a, b) => Number(a) - Number(b)),
  );
});

describe("routes that take each other's requests", () => {
  const routes = (...list: string[]): string =>
    `selvage: 1\nname: x\ngateway:\n  hosts: [a, b]\n  routes:\n${list.map((match, at) => `    - { name: r${at}, match: ${match}, to: "http://u" }\n`).join("")}`;
  const overlaps = (...list: string[]) =>
    load(routes(...list)).problems.map(({ code, severity }) => `${severity} ${code}`);

  test("equal ones are an error, whatever their parameters are called", () => {
    expect(overlaps("{ path: '/u/{id}' }", "{ path: '/u/{name}' }")).toEqual(["error SLV3007"]);
    expect(overlaps("{ path: /u, methods: [GET, PUT] }", "{ path: /u, methods: [PUT, GET] }")).toEqual([
      "error SLV3007",
    ]);
    for (const [first, second] of [
      ["headers: { X-A: b }", "headers: { x-a: b }"],
      ["query: { a: [x, y] }", "query: { a: [y, x] }"],
      ["cookies: { a: { regex: b+ } }", "cookies: { a: { regex: b+ } }"],
      ["ip: [10.0.0.0/8]", "ip: [10.0.0.0/8]"],
    ])
      expect(overlaps(`{ path: /u, ${first} }`, `{ path: /u, ${second} }`)).toEqual(["error SLV3007"]);
    expect(overlaps("{ path: '/u/{a:x+}' }", "{ path: '/u/{b:x+}' }")).toEqual(["error SLV3007"]);
    expect(overlaps("{ path: { regex: /u/x+ } }", "{ path: { regex: /u/x+ } }")).toEqual(["error SLV3007"]);
  });
  test("hidden ones are a warning", () => {
    for (const [first, second] of [
      ["headers: { a: [x, y] }", "headers: { A: y }"],
      ["headers: { a: { present: true } }", "headers: { a: { prefix: v } }"],
      ["query: { a: { prefix: v } }", "query: { a: [v1, v2] }"],
      ["cookies: { a: { prefix: v } }", "cookies: { a: { prefix: v1 } }"],
      ["ip: [10.0.0.0/8]", "ip: [10.1.0.0/16, 10.9.9.9]"],
    ])
      expect(overlaps(`{ path: /u, ${first} }`, `{ path: /u, ${second} }`)).toEqual(["warning SLV3012"]);
    expect(overlaps("{ path: /u, hosts: [a, b] }", "{ path: /u, hosts: [a] }")).toEqual(["warning SLV3012"]);
    expect(overlaps("{ path: /u, methods: [GET, PUT] }", "{ path: /u, methods: [PUT, POST] }")).toEqual([
      "warning SLV3012",
    ]);
  });
  test("others are neither", () => {
    expect(overlaps("{ path: /u, methods: [GET] }", "{ path: /u }")).toEqual([]);
    expect(overlaps("{ path: /u }", "{ path: /u, hosts: [a] }")).toEqual([]);
    expect(overlaps("{ path: /u }", "{ path: /u, methods: [GET] }")).toEqual([]);
    for (const [first, second] of [
      ["headers: { a: y }", "headers: { a: [x, y] }"],
      ["headers: { a: { prefix: v1 } }", "headers: { a: { prefix: v } }"],
      ["headers: { a: { present: false } }", "headers: { a: x }"],
      ["query: { a: { present: true } }", "query: { b: x }"],
      ["query: { a: { not: x } }", "query: { a: x }"],
      ["ip: [10.1.0.0/16]", "ip: [10.0.0.0/8]"],
      ["ip: [10.1.0.0/16]", "query: { a: x }"],
    ])
      expect(overlaps(`{ path: /u, ${first} }`, `{ path: /u, ${second} }`)).toEqual([]);
    expect(overlaps("{ path: /u/* }", "{ path: '/u/{id}' }", "{ path: /u/x }")).toEqual([]);
    expect(overlaps("{ path: /u, methods: [GET] }", "{ path: /u, methods: [PUT] }")).toEqual([]);
    expect(overlaps("{ path: /u }", "{ path: /u, headers: { a: b } }")).toEqual([]);
  });
});

describe("what routes match", () => {
  const problems = (match: string, hosts = "[a.example, '*.b.example']") =>
    load(
      `selvage: 1\nname: x\ngateway:\n  hosts: ${hosts}\n  routes:\n    - { name: r, match: ${match}, to: "http://u" }\n`,
    ).problems.map(({ code, severity, path }) => `${severity} ${code} ${path.slice(4).join(".")}`);
  test.each([
    "{ path: '/o/{id:[0-9]+}/*', methods: [QUERY, PURGE] }",
    "{ path: { regex: '/o/[a-z]+(/.*)?' } }",
    "{ path: /o, headers: { a: x, b: [x, y], c: { prefix: v }, d: { regex: 'v[0-9]' }, e: { present: false }, f: { not: [x] } } }",
    "{ path: /o, query: { 'a b': '' }, cookies: { c: { not: { regex: x* } } }, ip: [10.0.0.0/8, '::1'] }",
    "{ path: /o, hosts: [deep.a.b.example, '*.b.example', '*.x.b.example', '*.example'] }",
  ])("%s is fine", (match) => expect(problems(match)).toEqual([]));
  test.each([
    ["{ path: '/o/{id:[0-9}' }", "error SLV3080 path"],
    ["{ path: '/o/{id:(?=a)}' }", "error SLV3080 path"],
    ["{ path: '/o/{id:}' }", "error SLV2001 path"],
    ["{ path: '/o?x' }", "error SLV2001 path"],
    ["{ path: { regex: '/o/(' } }", "error SLV3080 path.regex"],
    ["{ path: { regex: 'o' } }", "error SLV2001 path"],
    ["{ path: { regex: /o, flags: i } }", "error SLV2003 path.flags"],
    ["{ path: /o, headers: { a: { regex: '(a)\\1' } } }", "error SLV3080 headers.a.regex"],
    ["{ path: /o, query: { a: { not: { regex: '[' } } } }", "error SLV3080 query.a.not.regex"],
    ["{ path: /o, headers: { a: x, A: y } }", "error SLV3009 headers.A"],
    ["{ path: /o, headers: { a: [] } }", "error SLV2001 headers.a"],
    ["{ path: /o, cookies: { 'a;b': x } }", "error SLV2004 cookies.a;b"],
    ["{ path: /o, cookies: { a: { prefx: x } } }", "error SLV2003 cookies.a.prefx"],
    ["{ path: /o, ip: [10.0.0.0/33] }", "error SLV2001 ip.0"],
    ["{ path: /o, ip: [] }", "error SLV2001 ip"],
    ["{ path: /o, hosts: [b.example] }", "error SLV3010 hosts.0"],
    ["{ path: /o, hosts: ['*.c.example'] }", "error SLV3010 hosts.0"],
    ["{ path: /o, methods: [LINK] }", "warning SLV3081 methods.0"],
  ])("%s: %s", (match, problem) => expect(problems(match)).toContain(problem));
  test("more expressions than there may be", () => {
    const routes = Array.from({ length: 257 }, (_, at) => ({
      ...{ name: `r${at}`, to: "http://u" },
      match: { path: `/{id:a{${at + 1}}}` },
    }));
    const { problems: found } = load(JSON.stringify({ selvage: 1, name: "x", gateway: { hosts: ["a"], routes } }));
    expect(found.map(({ code, path }) => `${code} ${path.join(".")}`)).toEqual([
      "SLV3080 gateway.routes.256.match.path",
    ]);
  });
});

describe("references", () => {
  test("a variable replaces, a default stands in for one that is empty or missing", () => {
    const issuer = (env: Record<string, string>) => load(shop, env).document?.gateway?.identity?.login?.jwt?.issuer;
    expect(issuer({ SHOP_ISSUER: "https://id.example/" })).toBe("https://id.example/");
    expect(issuer({ SHOP_ISSUER: "" })).toBe("http://127.0.0.1:8789/");
  });
  test("an unquoted reference is read like the value itself", () => {
    const text = shopWith(["port: 8080\n      protocol", "port: ${env:P:-8081}\n      protocol"]);
    expect(load(text).document?.mesh?.services.orders?.port).toBe(8081);
    expect(load(text.replace("${env:P:-8081}", '"${env:P:-8081}"')).problems).toMatchObject([{ code: "SLV2001" }]);
  });
  test("a value from the environment is not read for references again", () => {
    const { problems } = load(shop, { SHOP_ISSUER: "${env:HOME}" });
    expect(problems.map(({ code }) => code)).toContain("SLV4003");
  });
  test("a secret stays a reference, and a missing one is a warning that says where it was looked for", () => {
    const text = shopWith(["x-request-source: external", 'x-request-source: "Bearer ${secret:KEY}"']);
    const found = loadDocument(text, "f", () => undefined, { has: (name) => name === "KEY" });
    expect(found.problems).toEqual([]);
    expect(JSON.stringify(found.document)).toContain("Bearer ${secret:KEY}");
    const missing = loadDocument(text, "f", () => undefined, { has: () => false, lookedIn: "the drawer" });
    expect(missing.problems).toMatchObject([
      { code: "SLV4001", severity: "warning", message: expect.stringContaining("the drawer") },
    ]);
    expect(missing.document).toBeDefined();
  });
});

test("a service without access is a warning, a rule after one for all is too", () => {
  const text = shopWith(
    ["inventory:\n      port: 8080\n      access: [{ from: orders }]", "inventory: { port: 8080 }"],
    ["- { split: { v1: 90, v2: 10 } }", "- { to: v1 }\n        - { to: v2 }"],
  );
  const { problems, document } = load(text);
  expect(problems.map(({ code }) => code).sort()).toEqual(["SLV3011", "SLV3012"]);
  expect(document).toBeDefined();
});

test("after a syntax error only what stands before it is reported", () => {
  const { problems } = load("selvage: 1\nname: x\ngatewy: {}\nmesh:\n  services: [\nother: 1\n");
  expect(problems.map(({ code }) => code)).toContain("SLV1001");
  expect(problems).toContainEqual(expect.objectContaining({ code: "SLV2003", line: 3, suggestion: "gateway" }));
  expect(problems.map(({ code }) => code)).not.toContain("SLV2002");
});

test("anchors and aliases are expanded", () => {
  const text = shopWith(
    ["users: { port: 8080, access: [{ from: gateway }] }", "users: &s { port: 8080, access: [{ from: gateway }] }"],
    ["preferences: { port: 8080, access: [{ from: gateway }] }", "preferences: *s"],
  );
  expect(load(text).document?.mesh?.services.preferences).toEqual({ port: 8080, access: [{ from: "gateway" }] });
});

describe("checkDocument", () => {
  test("finds the same problems as loading, without positions", () => {
    const text = shopWith(["to: orders #", "to: ordres #"], ["timeout: 10s", "timeout: 10"]);
    const json = JSON.parse(JSON.stringify(load(shop).document)) as Record<string, unknown>;
    expect(checkDocument(json).problems).toEqual([]);
    expect(checkDocument(json).document).toEqual(json);
    const strip = ({ code, path, message }: { code: string; path: unknown; message: string }) => ({
      code,
      path,
      message,
    });
    const broken = structuredClone(json) as {
      gateway: { routes: { to?: string }[] };
      mesh: { services: Record<string, { timeout?: unknown }> };
    };
    Object.assign(broken.gateway.routes[1] ?? {}, { to: "ordres" });
    Object.assign(broken.mesh.services.orders ?? {}, { timeout: 10 });
    const byCode = (a: { code: string }, b: { code: string }): number => a.code.localeCompare(b.code);
    expect(checkDocument(broken).problems.map(strip).sort(byCode)).toEqual(load(text).problems.map(strip).sort(byCode));
  });
  test("refuses variables that nobody replaced", () => {
    const json = { selvage: 1, name: "x", gateway: { hosts: ["${env:H}"], routes: [] } };
    expect(checkDocument(json).problems.map(({ code }) => code)).toContain("SLV4003");
  });
  test.each([[undefined], [null], [1], ["x"], [[]], [{}]])("says what is wrong with %j", (json) => {
    const { document, problems } = checkDocument(json);
    expect(document).toBeUndefined();
    expect(problems.length).toBeGreaterThan(0);
  });
});

test("at most so many problems are listed, and the rest is counted", () => {
  const keys = Array.from({ length: 300 }, (_, at) => `k${at}: 1`).join("\n");
  const { problems } = load(keys);
  expect(problems).toHaveLength(limits.document.problemsMax + 1);
  expect(problems.at(-1)?.message).toMatch(/^\d+ more problems/);
});

test("every code that a problem can have is documented", () => {
  const docs = readFileSync(new URL("../../../docs/document.md", import.meta.url), "utf8");
  const rows = docs.split("\n").map((line) => line.replaceAll(/\s+/g, " ").replace(/^\| | \|$/g, ""));
  for (const [code, meaning] of Object.entries(problemCodes)) expect(rows).toContain(`${code} | ${meaning}`);
});
