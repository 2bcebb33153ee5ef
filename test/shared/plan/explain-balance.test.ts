import { expect, test } from "vitest";
import { checkDocument } from "../../../shared/config/check-document.ts";
import { compile } from "../../../shared/plan/compile.ts";
import { explain } from "../../../shared/plan/explain.ts";

/** What is said of a request to a service with these settings. */
function said(service: object, method: string, route: object = {}): { stage: string; verdict: string; text: string }[] {
  const { document } = checkDocument({
    selvage: 1,
    name: "shop",
    gateway: { hosts: ["h"], routes: [{ name: "r", match: { path: "/" }, to: "orders", ...route }] },
    mesh: {
      trustDomain: "shop.internal",
      services: { orders: { port: 1, access: [{ from: "gateway" }], ...service } },
    },
  });
  if (document === undefined) throw new Error("the document has errors");
  const request = { method, host: "h", path: "/", query: "", headers: [], credential: { kind: "none" } } as const;
  return explain(compile(document), request, 0).steps.filter(({ stage }) => stage === "hedge" || stage === "balance");
}

test("whether a request may be hedged, and what only the agent knows", () => {
  const hedge = { after: "p95" };
  expect(said({ hedge }, "GET").at(-1)).toMatchObject({ stage: "hedge", verdict: "note" });
  expect(said({ hedge }, "GET").at(-1)?.text).toMatch(
    /p95 of the service's latency.*another instance, for 10 %.*agent knows/,
  );
  expect(said({ hedge }, "POST").at(-1)).toMatchObject({
    verdict: "skip",
    text: "a request by POST is not sent twice at a time",
  });
  expect(said({ hedge, shedding: {} }, "GET", { priority: "low" }).at(-1)).toMatchObject({
    verdict: "skip",
    text: expect.stringContaining("low priority"),
  });
  expect(said({}, "GET").map(({ stage }) => stage)).toEqual(["balance"]);
});

test("the order of zones", () => {
  const zones = { failover: { a1: ["c1", "b1"] } };
  expect(said({ balance: { zones } }, "GET")[0]?.text).toContain(
    "those of the caller's zone first while 70 % of them are healthy (from a1 a1, c1, b1; then all others)",
  );
});
