/** Services as agents serve them: access lists, instances told apart, trouble on purpose, and a second service behind the first. */
import type { Draw } from "./draw.ts";
import { drawRule, METHODS } from "./draw-document.ts";
import { HEADERS, SCOPES, SEGMENTS, TENANTS, VALUES } from "./words.ts";

type Json = Record<string, unknown>;

/** Statuses that no application of the tests has. */
const FAULTS = [418, 503] as const;

export function drawMesh(draw: Draw, trustDomain: string): Json {
  return {
    trustDomain,
    services: {
      orders: {
        port: 8080,
        ...draw.maybe(90, "access", () => drawAccess(draw)),
        subsets: { v1: { version: "v1" }, v2: { version: "v2" } },
        ...draw.maybe(70, "traffic", () => Array.from({ length: 1 + draw.below(3) }, () => drawTraffic(draw))),
        ...draw.maybe(50, "faults", () => Array.from({ length: 1 + draw.below(2) }, () => drawFault(draw))),
      },
      users: { port: 8081, ...draw.maybe(80, "access", () => drawAccess(draw, "orders")) },
    },
  };
}

/** @param caller named by some of the rules */
function drawAccess(draw: Draw, caller = "gateway"): Json[] {
  const rules = Array.from({ length: draw.below(4) }, () => drawRule(draw));
  return draw.chance(40) ? [...rules, { from: caller, ...draw.maybe(30, "methods", () => ["GET"]) }] : rules;
}

function drawMatch(draw: Draw): Json {
  return draw.one<Json>([
    { headers: { [draw.one(HEADERS)]: draw.one(VALUES) } },
    { path: draw.one([`/${draw.one(SEGMENTS)}/*`, `/${draw.one(SEGMENTS)}`, "/"]) },
    { methods: draw.some(METHODS) },
    { scopes: [draw.one(SCOPES)] },
    { claims: draw.one<Json>([{ sub: "alice" }, { "tctx.tenant": draw.one(TENANTS) }, { "tctx.route": "r1" }]) },
  ]);
}

function drawTraffic(draw: Draw): Json {
  return {
    ...draw.maybe(80, "match", () => drawMatch(draw)),
    ...draw.one<Json>([{ to: "v1" }, { to: "v2" }, { split: { v1: 0, v2: 5 } }, { split: { v1: 1, v2: 1 } }]),
  };
}

function drawFault(draw: Draw): Json {
  return {
    match: drawMatch(draw),
    until: draw.chance(85) ? "2100-01-01T00:00:00Z" : "2025-01-01T00:00:00Z",
    abort: { percent: draw.one([100, 100, 50]), status: draw.one(FAULTS) },
  };
}
