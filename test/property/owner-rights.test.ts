/** Whatever an owner may apply leaves all that is not its own as it was, as hosts get it. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { checkDocument } from "../../shared/config/check-document.ts";
import type { Document } from "../../shared/config/schema.ts";
import { refuseForeign } from "../../shared/plan/changes/owner-rights.ts";
import { withValue } from "../../shared/plan/changes/parts.ts";
import { compile } from "../../shared/plan/compile.ts";
import { type Edit, base as plain, valid } from "../support/owners-document.ts";

const base = { ...plain, gateway: { ...plain.gateway, contracts: { api: { openapi: "api.yaml" } } } };
const at = (index: number, ...path: string[]): (string | number)[] => ["gateway", "routes", index, ...path];
const route = fc.integer({ min: 0, max: base.gateway.routes.length - 1 });
const edit: fc.Arbitrary<Edit> = fc.oneof(
  fc
    .tuple(route, fc.constantFrom("15s", "3s", "15000ms", undefined))
    .map(([index, value]): Edit => [at(index, "timeout"), value]),
  fc
    .tuple(route, fc.constantFrom(undefined, "payments", "orders", "free"))
    .map(([index, value]): Edit => [at(index, "owner"), value]),
  fc
    .tuple(route, fc.constantFrom<unknown>(undefined, "pay-limit", "all-limit", "new"))
    .map(([index, value]): Edit => [at(index, "rateLimit"), value]),
  fc
    .tuple(route, fc.constantFrom("payments", "orders", "psp", "crm"))
    .map(([index, value]): Edit => [at(index, "to"), value]),
  fc
    .tuple(route, fc.constantFrom("/payments/health", "/payments/*", "/payments/{a}", "/orders/*", "/*"))
    .map(([index, value]): Edit => [at(index, "match", "path"), value]),
  fc
    .tuple(
      fc.constantFrom("pay-limit", "all-limit", "new"),
      fc.constantFrom<unknown>(undefined, { limit: "7/second", by: "ip" }, { limit: "10/second", by: "ip" }),
    )
    .map(([name, value]): Edit => [["gateway", "limits", name], value]),
  fc
    .tuple(fc.constantFrom("orders", "payments", "inventory"), fc.constantFrom<unknown>("1s", "15s", undefined))
    .map(([name, value]): Edit => [["mesh", "services", name, "timeout"], value]),
  fc
    .tuple(fc.constantFrom("orders", "inventory"), fc.constantFrom<unknown>({ contract: "api" }, undefined))
    .map(([name, value]): Edit => [["mesh", "services", name, "validate"], value]),
  fc
    .tuple(
      fc.constantFrom("orders", "payments", "inventory"),
      fc.constantFrom<unknown>(undefined, "payments", "orders"),
    )
    .map(([name, value]): Edit => [["mesh", "services", name, "owner"], value]),
  fc.constantFrom<Edit>(
    [
      ["gateway", "hosts"],
      ["free.example", "a.example"],
    ],
    [["gateway", "hosts"], ["a.example"]],
  ),
  fc.constant<Edit>([at(2, "identityHeaders"), { "x-user": "{identity.sub}" }]),
);

/** What hosts get of all that is not the owner's. */
function others(document: Document): unknown {
  const { gateway, mesh } = compile(document);
  const { routes, limitRows: _rows, format: _format, upstreams, ...rest } = gateway;
  const isOther = ({ owner }: { owner?: string | undefined }): boolean => owner !== "payments";
  const named = <T>(all: Readonly<Record<string, T>> = {}, of: Record<string, { owner?: string | undefined }> = {}) =>
    Object.fromEntries(Object.entries(all).filter(([name]) => isOther(of[name] ?? {})));
  return {
    ...rest,
    routes: routes.filter(isOther),
    upstreams: named(upstreams, document.gateway?.upstreams),
    services: named(mesh.services, document.mesh?.services),
    owners: document.owners,
  };
}

test("what an owner may apply changes nothing else", () => {
  const live = valid(base);
  let [allowed, refused] = [0, 0];
  fc.assert(
    fc.property(fc.array(edit, { minLength: 1, maxLength: 3 }), (edits) => {
      const made = edits.reduce((document: unknown, [path, value]) => withValue(document, path, value), base);
      const next = checkDocument(made).document;
      if (next === undefined) return;
      const problems = refuseForeign({ document: live }, { document: next }, ["payments"]);
      if (problems.length > 0) refused++;
      else {
        allowed++;
        expect(others(next)).toEqual(others(live));
      }
    }),
    { numRuns: 400 },
  );
  expect(Math.min(allowed, refused)).toBeGreaterThan(20);
});
