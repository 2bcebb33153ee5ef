import { expect, test } from "vitest";
import { checkDocument } from "../../../shared/config/check-document.ts";
import { compile } from "../../../shared/plan/compile.ts";

const documentWith = (service: object): object => ({
  selvage: 1,
  name: "shop",
  mesh: { services: { orders: { port: 1, access: [], ...service } }, trustDomain: "shop.internal" },
});

/** Code and place of every problem. */
const problemsOf = (service: object): string[] =>
  checkDocument(documentWith(service)).problems.map(
    ({ code, path, severity }) => `${severity} ${code} ${path.slice(3).join(".")}`,
  );

test.each([
  ["p95", { hedge: { after: "p95" } }, []],
  ["a duration", { hedge: { after: "50ms", max: 2, budget: 20, methods: ["GET", "PUT"] } }, []],
  ["POST", { hedge: { after: "p95", methods: ["GET", "POST"] } }, ["error SLV3070 hedge.methods.1"]],
  ["longer than the call", { timeout: "1s", hedge: { after: "1s" } }, ["warning SLV3071 hedge.after"]],
  [
    "longer than a try",
    { retries: { attempts: 1, perTry: "50ms" }, hedge: { after: "1s" } },
    ["warning SLV3071 hedge.after"],
  ],
  ["no delay", { hedge: {} }, ["error SLV2002 hedge.after"]],
  ["a percentile that is none", { hedge: { after: "p999" } }, ["error SLV2001 hedge.after"]],
  ["a low percentile", { hedge: { after: "p10" } }, ["error SLV2001 hedge.after"]],
  ["too long a delay", { hedge: { after: "2m" } }, ["error SLV2001 hedge.after"]],
  ["a mistyped key", { hedge: { after: "p95", buget: 3 } }, ["error SLV2003 hedge.buget"]],
  ["no bound of requests", { breaker: { maxRequests: 0 } }, ["error SLV2001 breaker.maxRequests"]],
  ["bounds", { breaker: { maxRequests: 1, maxPending: 1, requestsPerConnection: 1 } }, []],
  ["zones", { balance: { zones: { failover: { "eu-1a": ["eu-1b", "eu-1c"] } } } }, []],
  [
    "the own zone again",
    { balance: { zones: { failover: { a1: ["b1", "a1"] } } } },
    ["error SLV3072 balance.zones.failover.a1.1"],
  ],
  [
    "a zone twice",
    { balance: { zones: { failover: { a1: ["b1", "b1"] } } } },
    ["error SLV3072 balance.zones.failover.a1.1"],
  ],
  ["no share", { balance: { zones: { sufficient: 0 } } }, ["error SLV2001 balance.zones.sufficient"]],
  [
    "a built-in word",
    { balance: { zones: { failover: { constructor: ["b1"] } } } },
    ["error SLV2004 balance.zones.failover.constructor"],
  ],
])("%s", (_what, service, expected) => {
  expect(problemsOf(service)).toEqual(expected);
});

function planOf(service: object) {
  const { document } = checkDocument(documentWith(service));
  if (document === undefined) throw new Error("the document has errors");
  return compile(document).mesh.services.orders;
}

test("defaults are filled in, and what is absent stays absent", () => {
  expect(planOf({ hedge: { after: "p95" } })?.hedge).toEqual({
    percentile: 95,
    max: 1,
    budgetPercent: 10,
    methods: ["GET", "HEAD", "OPTIONS"],
  });
  expect(planOf({ hedge: { after: "50ms" } })?.hedge).toMatchObject({ afterMs: 50 });
  expect(planOf({ balance: { zones: {} } })?.balance.zones).toEqual({ sufficientPercent: 70, failover: {} });
  expect(planOf({})).not.toHaveProperty("hedge");
  expect(planOf({})?.balance).not.toHaveProperty("zones");
  expect(planOf({})?.breaker).not.toHaveProperty("requestsPerConnection");
});
