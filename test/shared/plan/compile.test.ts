import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { stringify } from "yaml";
import { checkDocument } from "../../../shared/config/check-document.ts";
import { loadDocument } from "../../../shared/config/load.ts";
import type { Document } from "../../../shared/config/schema.ts";
import { limits } from "../../../shared/limits.ts";
import { agentPlan } from "../../../shared/plan/agent-face.ts";
import { canonicalJson } from "../../../shared/plan/canonical-json.ts";
import { compile } from "../../../shared/plan/compile.ts";

const shopText = readFileSync(new URL("../../../examples/shop/selvage.yaml", import.meta.url), "utf8");

function documentOf(text: string): Document {
  const { document, problems } = loadDocument(text, "f", () => undefined);
  if (document === undefined) throw new Error(JSON.stringify(problems));
  return document;
}

const shop = documentOf(shopText);
const bytes = (document: Document): string => canonicalJson(compile(document));

describe("canonical JSON", () => {
  test("members are sorted, undefined ones left out", () => {
    expect(canonicalJson({ b: [1, { d: null, c: "é\n" }], a: undefined, "\u{1f600}": 1, Z: true })).toBe(
      '{"Z":true,"b":[1,{"c":"é\\n","d":null}],"\u{1f600}":1}',
    );
  });
  test("it is JSON, and depends on the meaning alone", () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const text = canonicalJson(value);
        expect(JSON.parse(text)).toEqual(JSON.parse(JSON.stringify(value)));
        expect(canonicalJson(shuffled(value))).toBe(text);
      }),
    );
  });
  test.each([[Number.NaN], [Number.POSITIVE_INFINITY], [() => 1], [1n], [Symbol("x")]])(
    "%s has no JSON form",
    (value) => {
      expect(() => canonicalJson({ value })).toThrow(TypeError);
    },
  );
});

/** The same value with the members of every mapping in another order, but for `aggregate`, where it has a meaning. */
function shuffled(value: unknown, seed = 1, key = ""): unknown {
  if (Array.isArray(value)) return value.map((item) => shuffled(item, seed + 1));
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).map(([name, member]) => [name, shuffled(member, seed + 1, name)] as const);
  if (key === "aggregate") return Object.fromEntries(entries);
  const rank = ([key]: readonly [string, unknown]): number =>
    [...key].reduce((sum, c) => (sum * 31 + c.charCodeAt(0) * seed) % 997, 7);
  return Object.fromEntries(entries.sort((a, b) => rank(a) - rank(b)));
}

function withPartsTurned<Route extends { aggregate?: object | undefined }>(route: Route): Route {
  const { aggregate } = route;
  return aggregate === undefined
    ? route
    : { ...route, aggregate: Object.fromEntries(Object.entries(aggregate).reverse()) };
}

describe("same meaning, same bytes", () => {
  test("order of keys, comments, white space and spelling of YAML change nothing", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 900 }), fc.constantFrom(1, 2, 4, 8), fc.boolean(), (seed, indent, flow) => {
        const other = shuffled(shop, seed);
        const text = flow
          ? JSON.stringify(other, null, indent)
          : stringify(other, { indent, lineWidth: 20 + (seed % 100) });
        const commented = flow ? text : text.replaceAll(/\n(?=\S)/g, `\n# ${"x".repeat(seed % 7)}\n\n`);
        expect(bytes(documentOf(commented))).toBe(bytes(shop));
      }),
      { numRuns: 60 },
    );
  });
  test("sets in another order, defaults written out, other units and cases change nothing", () => {
    const text = stringify(shop)
      .replace("- api.shop.example\n    - localhost", "- LOCALHOST\n    - API.shop.example\n    - localhost")
      .replace("timeout: 10s", "timeout: 10000ms")
      .replace("v1: 90", "v1: 9")
      .replace("v2: 10", "v2: 1")
      .replace("audience: shop-api", "audience:\n          - shop-api\n        clockSkew: 1m")
      .replace("x-request-source", "X-Request-Source")
      .replace(
        "- limit: 100/minute\n          by: identity",
        "- limit: 100/60s\n          by: identity\n          onFailure: closed",
      );
    expect(text).toContain("LOCALHOST");
    expect(text).toContain("onFailure: closed");
    expect(bytes(documentOf(text))).toBe(bytes(shop));
  });
  test("compiling is pure: the document is not touched, twice is the same", () => {
    const before = JSON.stringify(shop);
    expect(bytes(shop)).toBe(bytes(shop));
    expect(JSON.stringify(shop)).toBe(before);
  });
  test("what travels as JSON compiles to the same", () => {
    const { document } = checkDocument(JSON.parse(JSON.stringify(shop)));
    expect(document && bytes(document)).toBe(bytes(shop));
  });
  test("another meaning has other bytes", () => {
    const changed = (from: string, to: string): string => bytes(documentOf(shopText.replace(from, to)));
    for (const [from, to] of [
      ["timeout: 10s", "timeout: 11s"],
      ["v1: 90", "v1: 91"],
      ["100/minute, by: identity, mode", "101/minute, by: identity, mode"],
      ["optional: true, ", ""],
      ["methods: [GET, POST, PUT] }", "methods: [GET, POST] }"],
    ] as const)
      expect(changed(from, to)).not.toBe(bytes(shop));
  });
});

describe("what the plan says", () => {
  const plan = compile(shop);
  test("defaults come from the limits", () => {
    const [profile] = plan.gateway.routes;
    expect(profile).toMatchObject({
      timeoutMs: limits.gateway.requestTimeoutMs,
      bodyBytesMax: limits.http.bodyBytesMax,
    });
    expect(plan.mesh.services.users?.breaker).toEqual({
      consecutiveFailures: limits.breaker.consecutiveFailures,
      intervalMs: limits.breaker.intervalMs,
      ejectForMs: limits.breaker.ejectForMs,
      ejectForMsMax: 60_000,
      successRate: { percent: 80, windowMs: 10_000, requestsMin: 10 },
      ejectedPercentMax: 50,
      panicPercent: 0,
      maxConnections: limits.agent.connectionsPerEndpointMax,
      maxRequests: limits.breaker.inFlightMax,
      maxPending: limits.agent.pendingMax,
    });
    expect(plan.mesh.services.users?.balance).toEqual({ policy: "peak-ewma" });
  });
  test("parts stay in the order of the document, whatever they wait for", () => {
    const target = plan.gateway.routes[0]?.target;
    const names = target?.kind === "aggregate" ? target.parts.map(({ name }) => name) : [];
    expect(names).toEqual(["user", "preferences", "lastOrder"]);
    const { gateway } = shop;
    if (gateway === undefined) throw new Error("the shop has a gateway");
    const turned = compile({ ...shop, gateway: { ...gateway, routes: gateway.routes.map(withPartsTurned) } });
    expect(turned.gateway.routes[0]?.target).toMatchObject({
      parts: [{ name: "lastOrder", dependsOn: ["user"] }, { name: "preferences" }, { name: "user" }],
    });
  });
  test("limits without a name are told apart", () => {
    const text = shopText.replace("{ limit: 10/second, by: ip, burst: 20 }", "{ limit: 10/second, by: identity }");
    expect(compile(documentOf(text)).gateway.routes[1]?.rateLimits.map(({ name }) => name)).toEqual([
      "identity",
      "identity-2",
    ]);
  });
  test("a document without a mesh, and one without a gateway", () => {
    const edge = compile(
      documentOf(
        "selvage: 1\nname: edge\ngateway: { hosts: [a], routes: [{ name: r, match: { path: /* }, to: 'https://u.example:443/' }] }\n",
      ),
    );
    expect(edge.gateway.trustDomain).toBe("edge.internal");
    expect(edge.gateway.routes[0]?.target).toEqual({ kind: "forward", to: { origin: "https://u.example" } });
    const mesh = compile(
      documentOf("selvage: 1\nname: m\nmesh: { trustDomain: t, services: { s: { port: 1, access: [] } } }\n"),
    );
    expect(mesh.gateway).toEqual({ format: 1, hosts: [], trustDomain: "t", identity: {}, routes: [] });
    expect(mesh.mesh.services.s?.access).toEqual([]);
  });
});

describe("the face of an agent", () => {
  const plan = compile(shop);
  test("a service sees itself and what it may call", () => {
    expect(agentPlan(plan, "orders")).toMatchObject({
      service: "orders",
      trustDomain: "shop.internal",
      inbound: { port: 8080 },
    });
    expect(Object.keys(agentPlan(plan, "orders")?.outbound ?? {})).toEqual(["inventory"]);
    expect(Object.keys(agentPlan(plan, "inventory")?.outbound ?? {})).toEqual([]);
  });
  test("the ingress agent has no inbound and calls what access or routes name", () => {
    const face = agentPlan(plan, "gateway");
    expect(face?.inbound).toBeUndefined();
    expect(Object.keys(face?.outbound ?? {})).toEqual(["orders", "preferences", "users"]);
  });
  test("a routed service that refuses the edge is known to it, so that the refusal is told", () => {
    const text = shopText.replace(
      "users: { port: 8080, access: [{ from: gateway }] }",
      "users: { port: 8080, access: [] }",
    );
    expect(Object.keys(agentPlan(compile(documentOf(text)), "gateway")?.outbound ?? {})).toContain("users");
  });
  test("services without access, and those open to all, are called by everyone", () => {
    const open = shopText
      .replace("access: [{ from: orders }]", 'access: [{ from: "*" }]')
      .replace("users: { port: 8080, access: [{ from: gateway }] }", "users: { port: 8080 }");
    expect(Object.keys(agentPlan(compile(documentOf(open)), "preferences")?.outbound ?? {})).toEqual([
      "inventory",
      "users",
    ]);
  });
  test("unknown services have none, whatever objects inherit", () => {
    for (const name of ["nobody", "constructor", "__proto__", ""]) expect(agentPlan(plan, name)).toBeUndefined();
  });
  test("access is not told to callers", () => {
    expect(JSON.stringify(agentPlan(plan, "gateway")?.outbound)).not.toContain("access");
  });
});
