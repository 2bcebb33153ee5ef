/** What differs between two documents: no phantoms, and every change by its own words. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { checkDocument } from "../../../../shared/config/check-document.ts";
import type { Document } from "../../../../shared/config/schema.ts";
import { canonicalJson } from "../../../../shared/plan/canonical-json.ts";
import { findChanges } from "../../../../shared/plan/changes/find-changes.ts";
import { withValue } from "../../../../shared/plan/changes/parts.ts";
import { describeSummary, summaryOf } from "../../../../shared/plan/changes/summary.ts";
import { compile } from "../../../../shared/plan/compile.ts";

const base = {
  selvage: 1,
  name: "shop",
  owners: { payments: { paths: ["/payments/*"], to: ["payments"] } },
  gateway: {
    hosts: ["a.example", "b.example"],
    identity: {
      login: { jwt: { issuer: "https://login.example/", audience: "shop" } },
    },
    limits: { "by-ip": { limit: "10/second", by: "ip" } },
    routes: [
      { name: "orders", match: { path: "/orders/*" }, auth: "login", rateLimit: "by-ip", to: "orders", timeout: "5s" },
      { name: "payments", owner: "payments", match: { path: "/payments/*" }, auth: "login", to: "payments" },
    ],
  },
  mesh: {
    trustDomain: "shop.internal",
    services: {
      orders: { port: 8080, access: [{ from: "gateway" }] },
      payments: { port: 8080, access: [{ from: "gateway" }, { from: "orders" }] },
    },
  },
};

function valid(document: unknown): Document {
  const checked = checkDocument(document);
  const errors = checked.problems.filter(({ severity }) => severity === "error");
  if (checked.document === undefined) throw new Error(errors.map(({ message }) => message).join("; "));
  return checked.document;
}
const edited = (...edits: [path: (string | number)[], value: unknown][]): Document =>
  valid(edits.reduce((document: unknown, [path, value]) => withValue(document, path, value), base));
const changes = (next: Document, was: unknown = base) => findChanges({ document: valid(was) }, { document: next });
const lines = (next: Document, was: unknown = base): string[] =>
  changes(next, was).map(({ kind, name, place, was, is, effect, text }) => {
    const values = `${JSON.stringify(was) ?? "-"} -> ${JSON.stringify(is) ?? "-"}`;
    return `${kind} ${name}: ${place}: ${values}${effect === undefined ? "" : ` [${effect}]`}${text === undefined ? "" : ` ${text}`}`;
  });

describe("is no change", () => {
  test.each<[string, [(string | number)[], unknown][]]>([
    ["nothing", []],
    ["a default that is written out", [[["gateway", "routes", 1, "timeout"], "15s"]]],
    ["another unit", [[["gateway", "routes", 0, "timeout"], "5000ms"]]],
    [
      "a list that is a set in another order",
      [
        [
          ["gateway", "hosts"],
          ["b.example", "a.example"],
        ],
      ],
    ],
    [
      "a name in upper case that is compared without case",
      [
        [
          ["gateway", "hosts"],
          ["A.example", "b.example"],
        ],
      ],
    ],
    [
      "a mapping in another order",
      [[["mesh", "services"], Object.fromEntries(Object.entries(base.mesh.services).reverse())]],
    ],
    ["a note for editors", [[["$schema"], "https://example.com/selvage.json"]]],
    ["a trust domain that is the default", [[["mesh", "trustDomain"], "shop.internal"]]],
    [
      "a grant in another order",
      [
        [
          ["owners", "payments", "paths"],
          ["/payments/*", "/payments/*"],
        ],
      ],
    ],
  ])("%s", (_name, edits) => {
    const next = edited(...edits);
    expect(canonicalJson(compile(next))).toBe(canonicalJson(compile(valid(base))));
    expect(changes(next)).toEqual([]);
  });

  test("the phantom beside a real change", () => {
    const next = edited(
      [["gateway", "routes", 0, "timeout"], "7s"],
      [["gateway", "routes", 1, "timeout"], "15s"],
      [["gateway", "routes", 0, "maxBody"], "10MiB"],
    );
    expect(lines(next)).toEqual(['route orders: timeout: "5s" -> "7s"']);
  });
});

describe("is told in the document's words, with what it means", () => {
  const orders = ["gateway", "routes", 0];
  const payments = ["mesh", "services", "payments"];
  test.each<[string, [(string | number)[], unknown][], string[]]>([
    [
      "auth away",
      [[[...orders, "auth"], undefined]],
      ['route orders: auth: "login" -> - [widens] public: nobody has to prove who they are'],
    ],
    [
      "scopes asked for",
      [[[...orders, "auth"], { any: ["login"], scopes: ["orders:read"] }]],
      ['route orders: auth: "login" -> {"any":["login"],"scopes":["orders:read"]} who may call'],
    ],
    [
      "auth in shadow",
      [[[...orders, "auth"], { any: ["login"], mode: "shadow" }]],
      [
        'route orders: auth: "login" -> {"any":["login"],"mode":"shadow"} [widens] in shadow: refuses nobody, and is counted',
      ],
    ],
    [
      "access in shadow",
      [[[...payments, "access", 0, "mode"], "shadow"]],
      ['service payments: access[0].mode: - -> "shadow" [widens] in shadow: refuses nobody, and is counted'],
    ],
    [
      "a limit away",
      [[[...orders, "rateLimit"], undefined]],
      ['route orders: rateLimit: "by-ip" -> - [widens] no longer limited'],
    ],
    [
      "another target",
      [[[...orders, "to"], "payments"]],
      ['route orders: to: "orders" -> "payments" [moves] requests go elsewhere'],
    ],
    [
      "another path",
      [[[...orders, "match", "path"], "/o/*"]],
      ['route orders: match.path: "/orders/*" -> "/o/*" [moves] other requests are this route\'s'],
    ],
    [
      "out of service",
      [[[...orders, "quarantine"], "broken"]],
      ['route orders: quarantine: - -> "broken" [narrows] out of service: 503'],
    ],
    [
      "a caller more",
      [
        [
          [...payments, "access"],
          [{ from: "gateway" }, { from: "orders" }, { from: "*" }],
        ],
      ],
      ['service payments: access[2]: - -> {"from":"*"} [widens] lets every workload in'],
    ],
    [
      "a caller less",
      [[[...payments, "access"], [{ from: "orders" }]]],
      ['service payments: access[0]: {"from":"gateway"} -> - [narrows] no longer lets gateway in'],
    ],
    [
      "everybody",
      [[[...payments, "access"], undefined]],
      [
        'service payments: access: [{"from":"gateway"},{"from":"orders"}] -> - [widens] every workload of the mesh may call it',
      ],
    ],
    [
      "another host",
      [
        [
          ["gateway", "hosts"],
          ["a.example", "b.example", "c.example"],
        ],
      ],
      [
        'gateway : hosts: ["a.example","b.example"] -> ["a.example","b.example","c.example"] [widens] the hosts that are served',
      ],
    ],
    [
      "a grant",
      [
        [
          ["owners", "payments", "to"],
          ["payments", "orders"],
        ],
      ],
      ['owner payments: to: ["payments"] -> ["payments","orders"] what the owner may do'],
    ],
    [
      "a limit by name",
      [[["gateway", "limits", "by-ip", "limit"], "20/second"]],
      ['limit by-ip: limit: "10/second" -> "20/second" how much the routes that name it let pass'],
    ],
    [
      "a service more",
      [[["mesh", "services", "users"], { port: 1 }]],
      ['service users: : - -> {"port":1} [widens] a new service: every workload of the mesh may call it'],
    ],
  ])("%s", (_name, edits, expected) => expect(lines(edited(...edits))).toEqual(expected));

  test("a route more and one less", () => {
    const [orders, payments] = base.gateway.routes;
    const next = edited([
      ["gateway", "routes"],
      [payments, { name: "health", match: { path: "/health" }, to: "orders" }],
    ]);
    expect(lines(next).map((line) => line.replace(/\{.*\}/, "{}"))).toEqual([
      "route health: : - -> {} [widens] a new route, public: nobody has to prove who they are",
      "route orders: : {} -> - [moves] its requests go to another route, or to none",
    ]);
    expect(
      lines(
        edited([
          ["gateway", "routes"],
          [payments, orders],
        ]),
      ),
    ).toEqual([
      'gateway : order of routes: ["orders","payments"] -> ["payments","orders"] of routes that match alike, another comes first',
    ]);
  });

  test("the first version is all new", () => {
    const found = findChanges({}, { document: valid(base) });
    expect(found.map(({ kind, name }) => `${kind} ${name}`.trim())).toEqual(
      expect.arrayContaining(["route orders", "service payments", "owner payments", "gateway", "document"]),
    );
  });

  test("another content of a file", () => {
    const document = valid(withValue(base, ["gateway", "contracts"], { api: { openapi: "api.yaml" } }));
    const [was, is] = ["A", "B"].map((digest) => ({ document, artifacts: { "contracts.api": digest } }));
    expect(findChanges(was ?? {}, is ?? {})).toMatchObject([
      { kind: "contract", name: "api", place: "content", was: "A", is: "B" },
    ]);
  });
});

test("a summary names what widens first where there is no room for all, and tells the number", () => {
  const routes = Array.from({ length: 80 }, (_, at) => ({
    name: `r${at}`,
    match: { path: `/r${at}` },
    auth: "login",
    to: "orders",
  }));
  const was = withValue(base, ["gateway", "routes"], routes);
  const next = valid(
    withValue(
      was,
      ["gateway", "routes"],
      routes.map(({ auth, ...route }, at) => (at === 79 ? route : { ...route, auth, timeout: "2s" })),
    ),
  );
  const summary = summaryOf(changes(next, was));
  expect([summary.count, summary.places.length, summary.places[0]?.place]).toEqual([80, 50, "route r79: auth"]);
  expect(describeSummary(summary)).toBe(
    "80 changes, 1 widens: route r79: auth, route r0: timeout, route r1: timeout, 77 more",
  );
});

test("property: no change is found exactly when the plans are equal, and undoing what is found makes them equal", () => {
  const timeout = fc.constantFrom(undefined, "15s", "15000ms", "5s", "5000ms");
  const auth = fc.constantFrom<unknown>(
    undefined,
    "login",
    { any: ["login"] },
    { any: "login", scopes: [] },
    { any: ["login"], scopes: ["a"] },
  );
  const access = fc.constantFrom<unknown>(
    undefined,
    [],
    [{ from: "gateway" }],
    [{ from: "gateway", methods: ["GET"] }],
    [{ from: "gateway", mode: "enforce" }],
  );
  const body = fc.constantFrom(undefined, "10MiB", "1MiB");
  const document = fc.record({ timeout, auth, access, body }).map((one) =>
    [
      [["gateway", "routes", 0, "timeout"], one.timeout],
      [["gateway", "routes", 0, "auth"], one.auth],
      [["gateway", "routes", 0, "maxBody"], one.body],
      [["mesh", "services", "orders", "access"], one.access],
    ].reduce((made: unknown, [path, value]) => withValue(made, path as (string | number)[], value), base),
  );
  fc.assert(
    fc.property(document, document, (was, is) => {
      const [a, b] = [checkDocument(was).document, checkDocument(is).document];
      if (a === undefined || b === undefined) return;
      const found = findChanges({ document: a }, { document: b });
      const isSame = canonicalJson(compile(a)) === canonicalJson(compile(b));
      expect(found.length === 0).toBe(isSame);
      // Of lists that became longer or shorter a single place says nothing.
      if (found.some((one) => typeof one.path.at(-1) === "number" && !("was" in one && "is" in one))) return;
      const undone = found.reduce(
        (made: unknown, { path, was: before }) => withValue(made, path, before),
        b as unknown,
      );
      expect(canonicalJson(compile(undone as Document))).toBe(canonicalJson(compile(a)));
    }),
    { numRuns: 300 },
  );
});
