import { expect, test } from "vitest";
import { loadDocument } from "../../../shared/config/load.ts";
import { compile } from "../../../shared/plan/compile.ts";
import { explain } from "../../../shared/plan/explain.ts";

const load = (keys: string) =>
  loadDocument(
    `selvage: 1
name: a
gateway:
  hosts: [localhost]
  routes: [{ name: r, match: { path: /r }, to: orders }]
mesh:
  trustDomain: a.internal
  services: { orders: { port: 1, access: [{ from: gateway }], ${keys} } }
`,
    "f",
    () => undefined,
  );
const codes = (keys: string): string[] =>
  load(keys).problems.map(({ severity, code, path }) => `${severity} ${code} ${path.slice(3).join(".")}`);
const planOf = (keys: string) => {
  const { document, problems } = load(keys);
  if (document === undefined) throw new Error(JSON.stringify(problems));
  return compile(document);
};

test("everything stated", () => {
  const service = planOf(
    "balance: { policy: consistent-hash, hash: { header: X-User }, boundedLoad: 1.25, weightLabel: weight }, " +
      "breaker: { ejectFor: 2m, successRate: { percent: 90, window: 30s, minRequests: 50 }, maxEjected: 10, panicThreshold: 50 }",
  ).mesh.services.orders;
  expect(service?.balance).toEqual({
    policy: "consistent-hash",
    hash: { header: "x-user" },
    boundedLoad: 1.25,
    weightLabel: "weight",
  });
  expect(service?.breaker).toMatchObject({
    ejectForMs: 120_000,
    ejectForMsMax: 120_000,
    successRate: { percent: 90, windowMs: 30_000, requestsMin: 50 },
    ejectedPercentMax: 10,
    panicPercent: 50,
  });
  const slow = planOf("balance: { slowStart: { window: 30s } }").mesh.services.orders?.balance;
  expect(slow).toEqual({ policy: "peak-ewma", slowStart: { windowMs: 30_000, aggression: 1 } });
});

test("retries", () => {
  const { mesh } = planOf("retries: { attempts: 1, on: [429, 5xx, 404, 429], backoff: { base: 10ms } }");
  expect(mesh.services.orders?.retries).toEqual({
    attempts: 1,
    on: ["5xx"],
    statuses: [404, 429],
    backoff: { baseMs: 10, maxMs: 100 },
  });
});

test.each([
  ["balance: { policy: consistent-hash }", ["error SLV2002 balance"]],
  ["balance: { hash: { header: x } }", ["error SLV3009 balance.hash"]],
  ["balance: { policy: round-robin, boundedLoad: 2 }", ["error SLV3009 balance.boundedLoad"]],
  ["balance: { policy: consistent-hash, hash: { header: x, cookie: y } }", ["error SLV2005 balance.hash"]],
  ["balance: { policy: consistent-hash, hash: {} }", ["error SLV2005 balance.hash"]],
  [
    "balance: { policy: consistent-hash, hash: { claim: sub }, slowStart: { window: 5s } }",
    ["error SLV3009 balance.slowStart"],
  ],
  ["balance: { policy: consistent-hash, hash: { claim: email } }", ["error SLV2001 balance.hash.claim"]],
  ["balance: { policy: peak-emwa }", ["error SLV2001 balance.policy"]],
  ["balance: { polcy: round-robin }", ["error SLV2003 balance.polcy"]],
  ["breaker: { ejectFor: 2m, maxEjectFor: 1m }", ["error SLV3009 breaker.maxEjectFor"]],
  ["retries: { attempts: 1, on: [200] }", ["error SLV2001 retries.on.0"]],
  ["retries: { attempts: 1, on: [5xxx] }", ["error SLV2001 retries.on.0"]],
  ["retries: { attempts: 1, backoff: { base: 1s, max: 10ms } }", ["error SLV3009 retries.backoff.max"]],
  ["breaker: { maxEjected: 101 }", ["error SLV2001 breaker.maxEjected"]],
])("%s", (keys, expected) => {
  expect(codes(keys)).toEqual(expected);
});

test("explain says how, and that the instance is the agent's to know", () => {
  const text = (keys: string): string => {
    const request = { method: "GET", host: "localhost", path: "/r", query: "", headers: [] };
    const { steps } = explain(planOf(keys), { ...request, credential: { kind: "none" } }, 0);
    return steps.map((one) => one.text).join("\n");
  };
  expect(text("balance: { policy: consistent-hash, hash: { claim: sub } }")).toMatch(/by hash of claim sub/);
  expect(text("timeout: 1s")).toMatch(/the faster and less busy of two instances; which instance/);
  expect(text("timeout: 1s")).toMatch(/5 failures in a row, or less than 80 % successes in 10s, eject/);
});
