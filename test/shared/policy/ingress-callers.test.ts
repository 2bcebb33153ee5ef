import { describe, expect, test } from "vitest";
import {
  confirmableIngress,
  type IngressCallers,
  ingressAddress,
  ingressFor,
  newIngressCallers,
  takeIngress,
} from "../../../shared/policy/ingress-callers.ts";
import type { Lease } from "../../../shared/policy/lease.ts";

const endpoint = (instance: string, host = "10.0.0.1", port = 443) => ({ instance, host, port, labels: {} });
const leaseOf = (ingress?: Lease["ingress"]): Lease => ({
  isolate: "isolate",
  version: 1,
  expiresAtMs: 1,
  ...(ingress && { ingress }),
});

function known(): IngressCallers {
  const state = newIngressCallers();
  const put = [endpoint("b", "fd00::1"), endpoint("a", "ingress-1.example", 8443)];
  expect(takeIngress(state, { change: { epoch: "e", revision: 3, put, remove: [] }, wanted: 0 })).toBe("applied");
  return state;
}

describe("what is told", () => {
  test("addresses by instance, to those who do not hold the revision", () => {
    const state = known();
    const told = { epoch: "e", revision: 3, addresses: ["ingress-1.example:8443", "[fd00::1]:443"] };
    expect(ingressFor(state, undefined)).toEqual(told);
    expect(ingressFor(state, { epoch: "e", revision: 2 })).toEqual(told);
    expect(ingressFor(state, { epoch: "other", revision: 9 })).toEqual(told);
    expect(ingressFor(state, { epoch: "e", revision: 3 })).toBeUndefined();
  });

  test("nothing before the registry has told anything", () => {
    expect(ingressFor(newIngressCallers(), { epoch: "e", revision: 1 })).toBeUndefined();
  });

  test("that none is left, to those who knew some", () => {
    const state = known();
    takeIngress(state, { change: { epoch: "e", revision: 4, from: 3, put: [], remove: ["a", "b"] }, wanted: 4 });
    expect(ingressFor(state, { epoch: "e", revision: 3 })).toEqual({ epoch: "e", revision: 4, addresses: [] });
    expect(ingressFor(state, undefined)).toBeUndefined();
  });
});

describe("what is confirmed", () => {
  const leaving = (): IngressCallers => {
    const state = known();
    takeIngress(state, { change: { epoch: "e", revision: 4, from: 3, put: [], remove: ["a"] }, wanted: 4 });
    return state;
  };

  test.each<[string, readonly Lease[], boolean]>([
    ["no lease", [], true],
    ["isolates that go by the fixed address", [leaseOf()], true],
    ["all hold it", [leaseOf({ epoch: "e", revision: 4 }), leaseOf({ epoch: "e", revision: 5 })], true],
    ["one holds an older one", [leaseOf({ epoch: "e", revision: 4 }), leaseOf({ epoch: "e", revision: 3 })], false],
    ["one holds another registry's", [leaseOf({ epoch: "other", revision: 9 })], false],
  ])("%s", (_name, leases, isConfirmed) => {
    const held = isConfirmed ? { epoch: "e", revision: 4 } : undefined;
    expect(confirmableIngress(leaving(), leases)).toEqual(held);
  });

  test("nothing that nobody waits for, that was confirmed, or that is not held yet", () => {
    expect(confirmableIngress(known(), [])).toBeUndefined();
    expect(confirmableIngress({ ...leaving(), confirmed: 4 }, [])).toBeUndefined();
    expect(confirmableIngress({ ...leaving(), wanted: 5 }, [])).toBeUndefined();
  });

  test("a gap changes nothing, and a registry that was made anew begins anew", () => {
    const state = leaving();
    expect(takeIngress(state, { change: { epoch: "e", revision: 9, from: 8, put: [], remove: [] }, wanted: 9 })).toBe(
      "gap",
    );
    expect(state.wanted).toBe(4);
    takeIngress(state, { change: { epoch: "f", revision: 1, put: [endpoint("a")], remove: [] }, wanted: 0 });
    expect([state.wanted, state.confirmed, state.view.revision]).toEqual([0, 0, 1]);
  });
});

test.each([
  ["ingress-1.shop.example", "ingress-1.shop.example:443"],
  ["10.0.0.7", "10.0.0.7:443"],
  ["fd00::7", "[fd00::7]:443"],
  ["", undefined],
  ["a b", undefined],
  ["user@host", undefined],
  ["host/path", undefined],
  ["host?x", undefined],
  ["host#x", undefined],
  ["-host", undefined],
  ["[::1]", undefined],
  ["fe80::1%eth0", undefined],
  ["ho\\st", undefined],
])("a host %j", (host, address) => {
  expect(ingressAddress(host, 443)).toBe(address);
});
