import { expect, test } from "vitest";
import type { Document } from "../../../shared/config/schema.ts";
import { compile } from "../../../shared/plan/compile.ts";
import { explain } from "../../../shared/plan/explain.ts";
import { differencesOf } from "../../../shared/plan/explain-differences.ts";
import { isAsExpected } from "../../../shared/plan/explain-expected.ts";
import { fixOf } from "../../../shared/plan/explain-fix.ts";
import type { Explanation } from "../../../shared/plan/explain-step.ts";

function explained(...routes: object[]): Explanation {
  const services = { orders: { port: 1, access: [{ from: "gateway" }] }, closed: { port: 2, access: [] } };
  const gateway = { hosts: ["localhost"], routes };
  const document = { selvage: 1, name: "shop", gateway, mesh: { trustDomain: "shop.internal", services } };
  const request = { method: "GET", host: "localhost", path: "/a", query: "", headers: [] };
  return explain(compile(document as unknown as Document), { ...request, credential: { kind: "none" } }, 0);
}

const all = { name: "all", match: { path: "/*" }, to: "orders" };

test("a route that only moves in the document makes no difference", () => {
  const other = { name: "other", match: { path: "/b" }, to: "orders" };
  expect(differencesOf(explained(all), explained(other, all))).toEqual({ steps: [] });
});

test("another route, its steps and its end are told", () => {
  const differences = differencesOf(explained(all), explained({ ...all, name: "a", to: "closed" }));
  expect(differences.route).toEqual({ before: "all", after: "a" });
  expect(differences.result?.before).toBe("would be forwarded");
  expect(differences.result?.after).toContain("refused: 403");
  expect(differences.steps.filter(({ step }) => step.stage === "access")).toMatchObject([
    { of: "before", step: { verdict: "pass" } },
    { of: "after", step: { verdict: "deny" } },
  ]);
});

test("what is expected is held against every way that a request may go", () => {
  const forward = explained(all);
  expect([200, 204, "forward", 403].map((one) => isAsExpected(forward, one as number))).toEqual([
    true,
    true,
    true,
    false,
  ]);
  const refused = explained({ ...all, to: "closed" });
  expect([403, 200, "forward"].map((one) => isAsExpected(refused, one as number))).toEqual([true, false, false]);
  const drawn = explained({ ...all, traffic: [{ split: { orders: 90, closed: 10 } }] });
  expect(drawn.result).toMatchObject({
    outcome: "drawn",
    among: [
      { name: "closed", percent: 10, result: { outcome: "refuse", status: 403 } },
      { name: "orders", percent: 90, result: { outcome: "forward", sent: { to: { service: "orders" } } } },
    ],
  });
  expect([200, 403].map((one) => isAsExpected(drawn, one))).toEqual([false, false]);
  const same = explained({ ...all, to: "closed", traffic: [{ split: { closed: 1 } }] });
  expect(isAsExpected(same, 403)).toBe(true);
});

test("a fault that answers every request decides before what comes after it", () => {
  const faults = [{ match: { path: "/a" }, until: "2100-01-01T00:00:00Z", abort: { percent: 100, status: 503 } }];
  expect(explained({ ...all, to: "closed", faults }).result).toMatchObject({ outcome: "answer", status: 503 });
  const half = [{ until: "2100-01-01T00:00:00Z", abort: { percent: 50, status: 503 } }];
  expect(explained({ ...all, faults: half }).result).toMatchObject({
    outcome: "drawn",
    among: [
      { percent: 50, result: { status: 503 } },
      { percent: 50, result: { outcome: "forward" } },
    ],
  });
});

test("a refusal that somebody can mend says how", () => {
  expect(fixOf(explained({ ...all, to: "closed" }))).toContain("`access`");
  expect(fixOf(explained(all))).toBeUndefined();
});
