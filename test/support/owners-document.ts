/** A document of several owners, and how tests change it. */
import { checkDocument } from "../../shared/config/check-document.ts";
import { formatPath } from "../../shared/config/problem.ts";
import type { Document } from "../../shared/config/schema.ts";
import { refuseForeign } from "../../shared/plan/changes/owner-rights.ts";
import { withValue } from "../../shared/plan/changes/parts.ts";

export const base = {
  selvage: 1,
  name: "shop",
  owners: {
    payments: {
      paths: ["/payments/*", "/pay/*"],
      to: ["payments", "ledger", "psp", "https://psp.example"],
      services: ["payments", "ledger", "psp"],
      secrets: ["PSP_KEY"],
    },
    orders: { paths: ["/orders/*"], to: ["orders", "payments"], services: ["orders"] },
    free: { hosts: ["free.example"] },
  },
  gateway: {
    hosts: ["a.example", "free.example"],
    identity: { login: { jwt: { issuer: "https://login.example/", audience: "shop" } } },
    limits: {
      "pay-limit": { limit: "10/second", by: "ip" },
      "all-limit": { limit: "100/second", by: "ip" },
    },
    upstreams: {
      psp: { owner: "payments", targets: ["https://psp.example"] },
      crm: { targets: ["https://crm.example"] },
    },
    routes: [
      { name: "health", match: { path: "/payments/health" }, rateLimit: "all-limit", to: "payments" },
      { name: "web", match: { path: "/*" }, auth: "login", rateLimit: "all-limit", to: "crm" },
      {
        name: "pay",
        owner: "payments",
        match: { path: "/payments/*" },
        auth: "login",
        rateLimit: ["pay-limit", "all-limit"],
        to: "payments",
      },
      { name: "psp", owner: "payments", match: { path: "/pay/psp/*" }, auth: "login", to: "psp" },
      { name: "orders", owner: "orders", match: { path: "/orders/*" }, auth: "login", to: "orders" },
      { name: "open", owner: "free", match: { path: "/*", hosts: ["free.example"] }, auth: "login", to: "orders" },
    ],
  },
  mesh: {
    trustDomain: "shop.internal",
    services: {
      orders: { owner: "orders", port: 8080, access: [{ from: "gateway" }] },
      payments: { owner: "payments", port: 8080, access: [{ from: "gateway" }, { from: "orders" }] },
      inventory: { port: 8080, access: [{ from: "orders" }] },
    },
  },
};
export const PAY = ["gateway", "routes", 2];
export type Edit = [path: (string | number)[], value: unknown];

export function valid(document: unknown): Document {
  const checked = checkDocument(document);
  const errors = checked.problems.filter(({ severity }) => severity === "error");
  if (checked.document === undefined) throw new Error(errors.map(({ message }) => message).join("; "));
  return checked.document;
}
export const edit = (...edits: Edit[]): Document =>
  valid(edits.reduce((made: unknown, [path, value]) => withValue(made, path, value), base));
export const route = (at: number) => base.gateway.routes[at];
export const routes = (...list: unknown[]): Edit => [["gateway", "routes"], list];
export const more = (...list: unknown[]): Edit => routes(...base.gateway.routes, ...list);
export const refused = (next: Document, owners: string[] = ["payments"]): string[] =>
  refuseForeign({ document: valid(base) }, { document: next }, owners).map(
    ({ code, path, message }) => `${code} ${formatPath(path)}: ${message}`,
  );
