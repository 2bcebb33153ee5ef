/** What an owner could take from others by way of its own parts. */
import { describe, expect, test } from "vitest";
import type { Document } from "../../../../shared/config/schema.ts";
import { refuseForeign } from "../../../../shared/plan/changes/owner-rights.ts";
import { withValue } from "../../../../shared/plan/changes/parts.ts";
import { base, type Edit, edit, more, PAY, refused, valid } from "../../../support/owners-document.ts";

describe("an owner takes nothing from others by way of its own", () => {
  const own = (match: object, name = "mine") => ({ name, owner: "payments", match, auth: "login", to: "payments" });
  test.each<[string, object]>([
    ["the same path before it", { path: "/payments/health", methods: ["GET"] }],
    ["a header more", { path: "/payments/health", headers: { "x-a": "b" } }],
    ["a host", { path: "/payments/health", hosts: ["a.example"] }],
    ["an expression of its literals", { path: { regex: "/payments/health" }, hosts: ["a.example"] }],
    ["a host and a wider path", { path: "/payments/*", hosts: ["a.example"] }],
  ])("a path that lies in what it is granted, by %s", (_name, match) => {
    expect(refused(edit(more(own(match))))).toEqual([
      "SLV3236 gateway.routes[6].match: route mine would take requests of the route health, which is not the owner's",
    ]);
  });

  test.each<[string, object]>([
    ["a sibling path", { path: "/payments/healthy" }],
    ["a wider path that comes after", { path: "/payments/{any}" }],
    ["a path below", { path: "/payments/health/deep" }],
  ])("but has what is beside it: %s", (_name, match) => expect(refused(edit(more(own(match))))).toEqual([]));

  test("by the place of its routes, where they match alike", () => {
    const live = withValue(
      base,
      ["gateway", "routes"],
      [
        { name: "theirs", match: { path: "/payments/x", headers: { a: "1" } }, to: "payments" },
        own({ path: "/payments/x", headers: { b: "1" } }),
      ],
    );
    const turned = withValue(live, ["gateway", "routes"], (live as typeof base).gateway.routes.toReversed());
    const trim = (document: unknown): Document =>
      valid(withValue(withValue(document, ["gateway", "limits"], undefined), ["gateway", "upstreams"], undefined));
    const problems = refuseForeign({ document: trim(live) }, { document: trim(turned) }, ["payments"]);
    expect(problems.map(({ code, message }) => `${code} ${message}`)).toEqual([
      "SLV3236 route mine would take requests of the route theirs, which is not the owner's",
    ]);
    expect(refuseForeign({ document: trim(turned) }, { document: trim(live) }, ["payments"])).toEqual([]);
  });

  test("not even when it has only hosts", () => {
    const live = edit(more({ name: "status", match: { path: "/status", hosts: ["free.example"] }, to: "orders" }));
    const next = valid(
      withValue(
        live,
        ["gateway", "routes"],
        [
          ...(live.gateway?.routes ?? []),
          {
            name: "mine",
            owner: "free",
            match: { path: "/status", hosts: ["free.example"], methods: ["GET"] },
            auth: "login",
            to: "orders",
          },
        ],
      ),
    );
    expect(refuseForeign({ document: live }, { document: next }, ["free"]).map(({ code }) => code)).toEqual([
      "SLV3236",
    ]);
  });

  test("its service goes on to let the gateway in while routes of others lead there", () => {
    expect(refused(edit([["mesh", "services", "payments", "access"], [{ from: "orders" }]]))).toEqual([
      "SLV3236 mesh.services.payments.access: service payments would no longer let the gateway in, and the route health of others leads there",
    ]);
  });

  test("a header that it tells upstreams is none that clients of all routes lose", () => {
    const next = edit([[...PAY, "identityHeaders"], { "x-user": "{identity.sub}" }]);
    expect(refused(next)).toEqual([
      "SLV3236 gateway: the change makes another `identityHeaders` for all routes of the gateway",
    ]);
  });

  test("files of contracts that others are held to stay as they are", () => {
    const held = (name: string, contract: string) =>
      base.gateway.routes.map((one) => (one.name === name ? { ...one, validate: { contract } } : one));
    const contracts: Edit = [["gateway", "contracts"], { api: { openapi: "api.yaml" } }];
    const version = (name: string, digest: string) => ({
      document: edit(contracts, [["gateway", "routes"], held(name, "api")]),
      artifacts: { "contracts.api": digest },
    });
    const A = "A".repeat(43);
    const B = `${"B".repeat(42)}A`;
    expect(refuseForeign(version("pay", A), version("pay", B), ["payments"])).toEqual([]);
    expect(
      refuseForeign(version("orders", A), version("orders", B), ["payments"]).map(({ message }) => message),
    ).toEqual(["contract api: content is used by others, too"]);
  });

  describe("what routes of others are held to stays", () => {
    const A = "A".repeat(43);
    const contracts: Edit = [["gateway", "contracts"], { api: { openapi: "a.yaml" }, lax: { openapi: "b.yaml" } }];
    const held = (validate: unknown): Edit => [["mesh", "services", "orders", "validate"], validate];
    const live = { document: edit(contracts, held({ contract: "api" })), artifacts: { "contracts.api": A } };
    test.each<[string, unknown, Record<string, string>, string]>([
      ["no longer", undefined, live.artifacts, "service orders: validate is of the owner orders"],
      ["by another", { contract: "lax" }, live.artifacts, "service orders: validate.contract is of the owner orders"],
      ["without its file", { contract: "api" }, {}, "contract api: content is used by others, too"],
      [
        "beside a file of nothing",
        { contract: "api" },
        { ...live.artifacts, "contracts.none": A },
        "document: file contracts.none is for administrators",
      ],
    ])("%s", (_name, validate, artifacts, message) => {
      const next = { document: edit(contracts, held(validate)), artifacts };
      expect(refuseForeign(live, next, ["payments"]).map((problem) => problem.message)).toEqual([message]);
    });
    test("a file that was lacking", () => {
      const lacking = { ...live, artifacts: {} };
      expect(refuseForeign(lacking, live, ["payments"]).map(({ message }) => message)).toEqual([
        "contract api: content is used by others, too",
      ]);
    });
  });
});
