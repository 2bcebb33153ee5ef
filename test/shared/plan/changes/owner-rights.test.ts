/** What whoever acts for an owner may change, and what not: each refusal with its place. */
import { describe, expect, test } from "vitest";
import { refuseForeign } from "../../../../shared/plan/changes/owner-rights.ts";
import { withValue } from "../../../../shared/plan/changes/parts.ts";
import { base, type Edit, edit, more, PAY, refused, route, routes, valid } from "../../../support/owners-document.ts";

describe("an owner may change", () => {
  const own = {
    name: "refunds",
    owner: "payments",
    match: { path: "/payments/refunds/*" },
    auth: "login",
    to: "payments",
  };
  test.each<[string, Edit[]]>([
    ["nothing", []],
    [
      "settings of its routes",
      [
        [[...PAY, "timeout"], "3s"],
        [[...PAY, "auth"], undefined],
      ],
    ],
    ["where its routes lead", [[[...PAY, "to"], "https://psp.example"]]],
    ["its routes by more", [more(own)]],
    ["its routes by less", [routes(...base.gateway.routes.filter(({ name }) => name !== "psp"))]],
    [
      "the name of a route",
      [routes(...base.gateway.routes.map((one) => (one.name === "pay" ? { ...one, name: "payments" } : one)))],
    ],
    ["the place of its routes", [routes(route(2), route(0), route(1), route(4), route(3), route(5))]],
    ["that a route of its is out of service", [[[...PAY, "quarantine"], "broken"]]],
    ["its service", [[["mesh", "services", "payments", "timeout"], "1s"]]],
    [
      "who may call its service",
      [
        [
          ["mesh", "services", "payments", "access"],
          [{ from: "gateway" }, { from: "inventory" }],
        ],
      ],
    ],
    [
      "its services by one that it is granted",
      [[["mesh", "services", "ledger"], { owner: "payments", port: 1, access: [{ from: "payments" }] }]],
    ],
    ["a limit that only its routes name", [[["gateway", "limits", "pay-limit", "limit"], "20/second"]]],
    [
      "a limit more, for its routes",
      [
        [["gateway", "limits", "new"], { limit: "1/second", by: "ip" }],
        [[...PAY, "rateLimit"], "new"],
        [["gateway", "limits", "pay-limit"], undefined],
      ],
    ],
    [
      "its upstream",
      [[["gateway", "upstreams", "psp"], { owner: "payments", targets: ["https://psp.example/v2"], timeout: "1s" }]],
    ],
    [
      "a secret that it is granted",
      [[[...PAY, "transform"], { request: { headers: { set: { "x-key": "${secret:PSP_KEY}" } } } }]],
    ],
    ["what its path gives it, before a wider route of others", [more({ ...own, match: { path: "/pay/{any}" } })]],
    ["how defaults of others are written", [[["gateway", "routes", 4, "timeout"], "15s"]]],
  ])("%s", (_name, edits) => expect(refused(edit(...edits))).toEqual([]));

  test("what several owners have, when it acts for them", () => {
    const next = edit([[...PAY, "timeout"], "3s"], [["gateway", "routes", 4, "timeout"], "4s"]);
    expect(refused(next, ["payments", "orders"])).toEqual([]);
    expect(refused(next, ["payments"])).toEqual([
      "SLV3235 gateway.routes[4].timeout: route orders: timeout is of the owner orders",
    ]);
  });
});

describe("an owner may not change", () => {
  const gateway = (key: string, value: unknown): Edit[] => [[["gateway", key], value]];
  test.each<[string, Edit[], string[]]>([
    [
      "a route of another",
      [[["gateway", "routes", 4, "to"], "payments"]],
      ["SLV3235 gateway.routes[4].to: route orders: to is of the owner orders"],
    ],
    [
      "a route of nobody",
      [[["gateway", "routes", 1, "auth"], undefined]],
      ["SLV3235 gateway.routes[1].auth: route web: auth has no owner: it is for administrators"],
    ],
    [
      "that a route of another is there",
      [routes(...base.gateway.routes.filter(({ name }) => name !== "orders"))],
      ["SLV3235 gateway.routes[4]: route orders is of the owner orders"],
    ],
    [
      "a route of nobody into its own",
      [[["gateway", "routes", 0, "owner"], "payments"]],
      ["SLV3235 gateway.routes[0].owner: route health: owner has no owner: it is for administrators"],
    ],
    [
      "a route of its own into nobody's",
      [[[...PAY, "owner"], undefined]],
      ["SLV3235 gateway.routes[2].owner: route pay: owner has no owner: it is for administrators"],
    ],
    [
      "its routes by one of nobody",
      [more({ name: "x", match: { path: "/x" }, to: "orders" })],
      ["SLV3235 gateway.routes[6]: route x has no owner: it is for administrators"],
    ],
    [
      "its routes by one of another",
      [more({ name: "x", owner: "orders", match: { path: "/orders/x" }, auth: "login", to: "orders" })],
      ["SLV3235 gateway.routes[6]: route x is of the owner orders"],
    ],
    [
      "the order of routes of others",
      [routes(route(1), route(0), route(2), route(3), route(4), route(5))],
      ["SLV3235 gateway.routes: gateway: order of routes is for administrators, where routes of others change places"],
    ],
    [
      "its grants",
      [[["owners", "payments", "paths"], ["/*"]]],
      ["SLV3235 owners.payments.paths: owner payments: paths is for administrators"],
    ],
    [
      "its grants by their absence",
      [[["owners", "payments", "to"], undefined]],
      ["SLV3235 owners.payments.to: owner payments: to is for administrators"],
    ],
    [
      "who owners are",
      [[["owners", "mine"], { paths: ["/*"] }]],
      ["SLV3235 owners.mine: owner mine is for administrators"],
    ],
    [
      "the hosts",
      gateway("hosts", ["a.example", "free.example", "evil.example"]),
      ["SLV3235 gateway.hosts: gateway: hosts is for administrators"],
    ],
    [
      "which pages may read",
      gateway("cors", { origins: ["*"] }),
      ["SLV3235 gateway.cors: gateway: cors is for administrators"],
    ],
    [
      "whose credentials are believed",
      [[["gateway", "identity", "login", "jwt", "issuer"], "https://evil.example/"]],
      ["SLV3235 gateway.identity.login.jwt.issuer: identity provider login: jwt.issuer is for administrators"],
    ],
    [
      "by more whose credentials are believed",
      [[["gateway", "identity", "mine"], { jwt: { issuer: "https://evil.example/", audience: "x" } }]],
      ["SLV3235 gateway.identity.mine: identity provider mine is for administrators"],
    ],
    [
      "the trust domain",
      [[["mesh", "trustDomain"], "evil.internal"]],
      ["SLV3235 mesh.trustDomain: mesh: trustDomain is for administrators"],
    ],
    ["the name", [[["name"], "mine"]], ["SLV3235 name: document: name is for administrators"]],
    [
      "a service of another",
      [[["mesh", "services", "orders", "timeout"], "1s"]],
      ["SLV3235 mesh.services.orders.timeout: service orders: timeout is of the owner orders"],
    ],
    [
      "who may call a service of another",
      [
        [
          ["mesh", "services", "inventory", "access"],
          [{ from: "orders" }, { from: "gateway" }],
        ],
      ],
      [
        "SLV3235 mesh.services.inventory.access[1]: service inventory: access[1] has no owner: it is for administrators",
      ],
    ],
    [
      "the services by one that it is not granted",
      [[["mesh", "services", "mine"], { port: 1, access: [] }]],
      ["SLV3235 mesh.services.mine: service mine has no owner: it is for administrators"],
    ],
    [
      "a limit that others use",
      [[["gateway", "limits", "all-limit", "limit"], "1/second"]],
      ["SLV3235 gateway.limits.all-limit.limit: limit all-limit: limit is used by others, too"],
    ],
    [
      "the limits by one that nobody uses",
      [[["gateway", "limits", "spare"], { limit: "1/second", by: "ip" }]],
      ["SLV3235 gateway.limits.spare: limit spare is used by nothing of the owner's"],
    ],
    [
      "an upstream of others",
      [[["gateway", "upstreams", "crm", "targets"], ["https://psp.example"]]],
      ["SLV3235 gateway.upstreams.crm.targets: upstream crm: targets has no owner: it is for administrators"],
    ],
  ])("%s", (_name, edits, expected) => expect(refused(edit(...edits))).toEqual(expected));

  test("everything at once is refused place by place, its own part not", () => {
    const next = edit(
      [[...PAY, "timeout"], "3s"],
      [["gateway", "hosts"], ["a.example"]],
      [["gateway", "routes", 5, "match", "hosts"], ["a.example"]],
      [["owners", "free", "hosts"], ["a.example"]],
    );
    expect(refused(next).map((line) => line.split(":")[0])).toEqual([
      "SLV3235 gateway.routes[5].match.hosts[0]".replace("[0]", ""),
      "SLV3235 owners.free.hosts",
      "SLV3235 gateway.hosts",
    ]);
  });

  test("anything before there is a version, or for owners that are none", () => {
    expect(refuseForeign({}, { document: valid(base) }, ["payments"])).toHaveLength(1);
    expect(refused(edit([[...PAY, "timeout"], "3s"]), ["nobody"])).toHaveLength(1);
    expect(refused(edit([["mesh", "services", "payments", "timeout"], "3s"]), ["constructor"])).toHaveLength(1);
    expect(refused(edit([["mesh", "services", "inventory", "timeout"], "3s"]), ["undefined"])).toHaveLength(1);
  });
});

test("a route to a service that does not let the gateway in may be written, and opens nothing", () => {
  const next = edit(
    more({
      name: "peek",
      owner: "free",
      match: { path: "/peek", hosts: ["free.example"] },
      auth: "login",
      to: "inventory",
    }),
  );
  expect(refused(next, ["free"])).toEqual([]);
  const both = valid(
    withValue(next, ["mesh", "services", "inventory", "access"], [{ from: "orders" }, { from: "gateway" }]),
  );
  expect(refused(both, ["free"])).toHaveLength(1);
});
