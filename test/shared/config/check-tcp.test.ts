import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { checkDocument } from "../../../shared/config/check-document.ts";
import { loadDocument } from "../../../shared/config/load.ts";
import type { Document, ServiceConfig } from "../../../shared/config/schema.ts";
import { agentPlan } from "../../../shared/plan/agent-face.ts";
import { compile } from "../../../shared/plan/compile.ts";

const documentOf = (services: Record<string, object>, routes: object[] = []): unknown => ({
  selvage: 1,
  name: "shop",
  gateway: { hosts: ["localhost"], routes },
  mesh: { trustDomain: "shop.internal", services },
});
const access = [{ from: "orders" }];
const orders = { port: 8080, access: [{ from: "gateway" }] };
const problems = (services: Record<string, object>, routes?: object[]): string[] =>
  checkDocument(documentOf({ orders, ...services }, routes)).problems.map(
    ({ code, path }) => `${code} ${path.join(".")}`,
  );
const planOf = (services: Record<string, Partial<ServiceConfig>>) =>
  compile(documentOf({ orders, ...services }) as Document);

describe("a service of TCP", () => {
  test("may say where its callers listen, and how long it may stand still", () => {
    expect(problems({ db: { port: 5432, protocol: "tcp", outboundPort: 15432, streamIdle: "1h", access } })).toEqual(
      [],
    );
    expect(problems({ db: { port: 5432, protocol: "tcp", streamIdle: "off", access } })).toEqual([]);
  });

  test.each([
    ["upgrades", { upgrades: ["websocket"] }, "upgrades"],
    ["mirror", { subsets: { a: {} }, mirror: [{ to: "a" }] }, "mirror"],
    ["shedding", { shedding: {} }, "shedding"],
    ["match", { subsets: { a: {} }, traffic: [{ match: { path: "/x" }, to: "a" }] }, "traffic.0.match"],
    ["hash", { balance: { policy: "consistent-hash", hash: { header: "x" } } }, "balance.hash"],
    ["methods", { access: [{ from: "orders", methods: ["GET"] }] }, "access.0.methods"],
    ["claims", { access: [{ from: "orders", claims: { sub: "a" } }] }, "access.0.claims"],
  ])("has no %s, which goes by requests", (_name, more, at) => {
    expect(problems({ db: { port: 5432, protocol: "tcp", access, ...more } })).toContain(
      `SLV3055 mesh.services.db.${at}`,
    );
  });

  test("alone has a port for its callers, and none that another has", () => {
    expect(problems({ db: { port: 1, outboundPort: 5432, access } })).toEqual([
      "SLV3055 mesh.services.db.outboundPort",
    ]);
    const one = { port: 5432, protocol: "tcp", outboundPort: 15432, access };
    expect(problems({ one, two: one })).toEqual(["SLV3056 mesh.services.two.outboundPort"]);
  });

  test("is no target of a route", () => {
    const db = { port: 5432, protocol: "tcp", access };
    const routes = [
      { name: "a", match: { path: "/a" }, to: "db" },
      { name: "b", match: { path: "/b" }, aggregate: { part: { get: "db:/x" } } },
    ];
    expect(problems({ db }, routes)).toEqual([
      "SLV3057 gateway.routes.0.to",
      "SLV3057 gateway.routes.1.aggregate.part.get",
    ]);
  });

  test("is told to those who may call it, and balanced by open connections", () => {
    const plan = planOf({ db: { port: 5432, protocol: "tcp", outboundPort: 15432, streamIdle: "off", access } });
    expect(agentPlan(plan, "orders")?.outbound.db).toMatchObject({
      protocol: "tcp",
      outboundPort: 15432,
      streamIdleMs: 0,
      balance: { policy: "least-request" },
    });
    expect(agentPlan(plan, "db")?.inbound).toMatchObject({ protocol: "tcp", streamIdleMs: 0 });
    expect(agentPlan(plan, "gateway")?.outbound.db).toBeUndefined();
  });
});

describe("upgrades", () => {
  test.each(["h2c", "TLS/1.0", "HTTP/2.0", "a b", ""])("cannot be %j", (name) => {
    expect(problems({ chat: { port: 1, upgrades: [name], access } })).toEqual([
      "SLV2001 mesh.services.chat.upgrades.0",
    ]);
  });

  test("are told to both sides in lower case, and by default nothing is", () => {
    const plan = planOf({ chat: { port: 1, upgrades: ["WebSocket", "Echo"], access }, plain: { port: 1, access } });
    expect(agentPlan(plan, "orders")?.outbound.chat?.upgrades).toEqual(["echo", "websocket"]);
    expect(agentPlan(plan, "chat")?.inbound?.upgrades).toEqual(["echo", "websocket"]);
    expect(agentPlan(plan, "orders")?.outbound.plain).not.toHaveProperty("upgrades");
  });
});

describe("access", () => {
  test("that refuses nobody is a warning", () => {
    const shadow = { from: "orders", mode: "shadow" };
    expect(problems({ a: { port: 1, access: [shadow] } })).toEqual(["SLV3058 mesh.services.a.access.0.mode"]);
    expect(problems({ a: { port: 1, access: [{ from: "gateway" }, { from: "*", mode: "shadow" }] } })).toEqual([
      "SLV3058 mesh.services.a.access.1.mode",
    ]);
    expect(problems({ a: { port: 1, access: [{ from: "gateway" }, shadow] } })).toEqual([]);
  });

  test("by paths or claims makes a plan that agents of before refuse, other lists do not", () => {
    const formatOf = (rule: object): number | undefined =>
      agentPlan(planOf({ a: { port: 1, access: [{ from: "orders", ...rule }] } }), "a")?.format;
    expect(formatOf({ paths: ["/x/*"] })).toBe(2);
    expect(formatOf({ claims: { sub: "alice" } })).toBe(2);
    expect(formatOf({ mode: "shadow", audit: true, scopes: ["a"] })).toBe(1);
  });
});

test("the example of all this has no problem", () => {
  const text = readFileSync(new URL("../../../examples/mesh-protocols/selvage.yaml", import.meta.url), "utf8");
  expect(loadDocument(text, "mesh-protocols", () => undefined).problems).toEqual([]);
});
