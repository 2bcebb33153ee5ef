import { expect } from "vitest";
import { loadDocument } from "../../../../shared/config/load.ts";
import { compile } from "../../../../shared/plan/compile.ts";
import type { GatewayPlan } from "../../../../shared/plan/plan.ts";
import { AUDIENCE, ISSUER } from "./issuer.ts";

/** The plan of a document with these routes (YAML, a list). @param more of the gateway, as YAML */
export function planOf(routes: string, more = ""): GatewayPlan {
  const text = `
selvage: 1
name: shop
gateway:
  hosts: [api.shop.example]
  identity:
    login:
      jwt: { issuer: "${ISSUER}", audience: "${AUDIENCE}", claims: { plan: plan } }
${indented(more, 2)}
  routes:
${indented(routes, 4)}
`;
  const { document, problems } = loadDocument(text, "test.yaml", () => undefined);
  expect(problems.filter(({ severity }) => severity === "error")).toEqual([]);
  if (document === undefined) throw new Error("no document");
  return compile(document).gateway;
}

function indented(text: string, spaces: number): string {
  const lines = text.split("\n").filter((line) => line.trim() !== "");
  const least = Math.min(...lines.map((line) => line.search(/\S/)));
  return lines.map((line) => " ".repeat(spaces) + line.slice(least)).join("\n");
}
