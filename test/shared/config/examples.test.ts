/** Every document in `examples/` is one that users can copy. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { withIncluded } from "../../../cli/included-files.ts";
import { loadDocument } from "../../../shared/config/load.ts";
import { compile } from "../../../shared/plan/compile.ts";
import { explain } from "../../../shared/plan/explain.ts";
import type { Credential } from "../../../shared/plan/explain-step.ts";

const examples = new URL("../../../examples/", import.meta.url);
const names = readdirSync(examples).filter((name) => existsSync(new URL(`${name}/selvage.yaml`, examples)));
const readText = (file: string): string => readFileSync(file, "utf8");
const textOf = (file: string): string => withIncluded(readText(file), file, readText);
const load = (name: string) =>
  loadDocument(textOf(new URL(`${name}/selvage.yaml`, examples).pathname), name, () => undefined, {
    has: () => true,
    bytes: () => 64,
  });

test.each(names)("%s has no error and no warning", (name) => {
  const { document, problems } = load(name);
  expect(problems).toEqual([]);
  expect(document).toBeDefined();
});

describe("identity-jwt", () => {
  const { document } = load("identity-jwt");
  const plan = document === undefined ? undefined : compile(document);
  const ask = (path: string, credential: Credential, method = "GET") => {
    if (plan === undefined) throw new Error("no plan");
    const request = { method, host: "localhost", path, query: "", headers: [], credential };
    const { result } = explain(plan, request, 0);
    return result.outcome === "refuse" ? result.code : result.outcome;
  };
  const ann = (claims: object, ...scopes: string[]): Credential => ({
    kind: "assumed",
    sub: "ann",
    scopes,
    claims: { ...claims },
  });

  test.each<[string, string, Credential, string, string?]>([
    ["orders with their scope", "/orders/1", ann({}, "orders:read"), "forward"],
    ["orders without", "/orders/1", ann({}), "scope_missing"],
    ["reports of a plan that has them", "/reports/1", ann({ "https://shop.example/plan": "gold" }), "forward"],
    ["reports of another", "/reports/1", ann({ "https://shop.example/plan": "free" }), "not_permitted"],
    ["administration by an operator, reading", "/admin/1", ann({ groups: ["operators"] }), "forward"],
    ["administration by an operator, writing", "/admin/1", ann({ groups: ["operators"] }), "not_permitted", "POST"],
    ["administration by an administrator, writing", "/admin/1", ann({ groups: ["admins"] }), "forward", "POST"],
    ["the catalogue by nobody", "/catalogue/1", { kind: "none" }, "forward"],
  ])("%s", (_, path, credential, outcome, method) => {
    expect(ask(path, credential, method)).toBe(outcome);
  });
  test.each<[Credential, string]>([
    [{ kind: "none" }, "catalogue"],
    [ann({ "https://shop.example/plan": "free" }), "catalogue"],
    [ann({ "https://shop.example/plan": "gold" }), "catalogue-gold"],
  ])("the catalogue of %j is %s", (credential, name) => {
    const request = { method: "GET", host: "localhost", path: "/catalogue/1", query: "", headers: [], credential };
    expect(plan && explain(plan, request, 0).route?.name).toBe(name);
  });
});
