/** What looks into requests, or asks others about them: explain says that it does, and not what it finds. */
import type { Draw } from "./draw.ts";

type Json = Record<string, unknown>;

export const DECISIONS = { permit: { authzen: { url: "https://permit.example/access", claims: ["tenant"] } } };
export const CONTRACT = "shop";

export function drawGraphql(draw: Draw): Json {
  return {
    maxDepth: 2,
    ...draw.maybe(30, "introspection", () => true),
    ...draw.maybe(30, "operations", () => ["query"]),
    ...draw.maybe(20, "shadow", () => true),
  };
}

export function drawValidate(draw: Draw): Json {
  return {
    contract: CONTRACT,
    ...draw.maybe(40, "requests", () => draw.one(["shadow", "off", "enforce"])),
    ...draw.maybe(30, "responses", () => "shadow"),
    ...draw.maybe(40, "unknownOperations", () => "pass"),
    ...draw.maybe(30, "basePath", () => draw.one(["", "/v1", "/orders"])),
  };
}

export function drawDecision(draw: Draw): unknown {
  if (draw.chance(50)) return "permit";
  return {
    by: "permit",
    resource: {
      type: "order",
      id: draw.one(["{request.path}", "{query.q}", "{identity.claims.tenant}", "{header.x-a}"]),
    },
  };
}
