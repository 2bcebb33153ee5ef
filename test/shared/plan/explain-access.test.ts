import { expect, test } from "vitest";
import type { Document } from "../../../shared/config/schema.ts";
import { compile } from "../../../shared/plan/compile.ts";
import { explain } from "../../../shared/plan/explain.ts";

function explained(access: object[], path = "/a", context: object = {}, services: object = {}) {
  const document = {
    selvage: 1,
    name: "shop",
    gateway: { hosts: ["localhost"], context, routes: [{ name: "all", match: { path: "/*" }, to: "orders" }] },
    mesh: { trustDomain: "shop.internal", services: { orders: { port: 1, access }, ...services } },
  };
  const credential = { kind: "none" } as const;
  const request = { method: "GET", host: "localhost", path, query: "", headers: [], credential };
  const { steps, result } = explain(compile(document as unknown as Document), request, 0);
  const calls = steps.find(({ stage }) => stage === "calls")?.text;
  return { steps: steps.filter(({ stage }) => stage === "access"), result, calls };
}

test("a rule of paths is held against the path that the service gets", () => {
  const access = [{ from: "gateway", paths: ["/public/*"] }];
  expect(explained(access, "/public/x").result.outcome).toBe("forward");
  expect(explained(access).result).toMatchObject({ outcome: "refuse", code: "access_denied" });
});

test("what shadow lets through passes, and is told with what it would be answered", () => {
  const { steps, result } = explained([{ from: "gateway", methods: ["PUT"], mode: "shadow", audit: true }]);
  expect(result).toMatchObject({
    outcome: "forward",
    text: "would be forwarded; shadow: would be refused by access (403 access_denied)",
  });
  expect(steps).toMatchObject([
    {
      verdict: "would-deny",
      code: "access_denied",
      text: expect.stringContaining("only in shadow: no rule lets gateway use GET"),
    },
    { verdict: "note", text: expect.stringContaining("audit") },
  ]);
});

test("claims of the token are those that the document gives it", () => {
  const { steps } = explained([{ from: "gateway", claims: { "tctx.tier": "gold", "tctx.route": "all" } }]);
  expect(steps).toMatchObject([{ verdict: "deny", text: expect.stringContaining("lacks claim tctx.tier") }]);
  const known = explained([{ from: "gateway", claims: { "tctx.tier": "gold" } }], "/a", { tier: "gold" });
  expect(known.result.outcome).toBe("forward");
});

test("which calls of the service itself would be let in is said, with what they need", () => {
  const services = {
    open: { port: 1 },
    closed: { port: 2, access: [] },
    narrow: { port: 3, access: [{ from: "orders", methods: ["GET"], scopes: ["read"] }] },
  };
  const { calls } = explained([{ from: "gateway" }], "/a", {}, services);
  expect(calls).toBe("orders may itself call narrow (GET scope read), open; not closed");
});
