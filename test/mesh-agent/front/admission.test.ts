import { describe, expect, test } from "vitest";
import { Admission } from "../../../mesh-agent/front/admission.ts";

type Told = [why: string, count: number, address: string];

function admission(connectionsMax: number, connectionsPerAddressMax: number) {
  const told: Told[] = [];
  const bounds = { connectionsMax, connectionsPerAddressMax };
  return { told, door: new Admission(bounds, (...one) => told.push(one)) };
}

describe("admission", () => {
  test("takes so many in all, and one more when one has gone", () => {
    const { door } = admission(2, 100);
    const first = door.admit("192.0.2.1", 0);
    expect(door.admit("192.0.2.2", 0)).toBeDefined();
    expect(door.admit("192.0.2.3", 0)).toBeUndefined();
    first?.();
    expect(door.open).toBe(1);
    expect(door.admit("192.0.2.3", 0)).toBeDefined();
  });

  test("takes so many of an address, of a /64 of IPv6, and does not count this machine", () => {
    const { door } = admission(100, 1);
    const first = door.admit("192.0.2.1", 0);
    expect(door.admit("192.0.2.1", 0)).toBeUndefined();
    expect(door.admit("192.0.2.2", 0)).toBeDefined();
    first?.();
    expect(door.admit("192.0.2.1", 0)).toBeDefined();
    expect(door.admit("2001:db8:1:2::1", 0)).toBeDefined();
    expect(door.admit("2001:db8:1:2:ffff::1", 0)).toBeUndefined();
    expect(door.admit("2001:db8:1:3::1", 0)).toBeDefined();
    for (const address of ["127.0.0.1", "127.0.0.1", "::1", "::1"]) expect(door.admit(address, 0)).toBeDefined();
  });

  test("tells at most once in a while, with a count", () => {
    const { door, told } = admission(0, 1);
    for (const nowMs of [0, 1, 999, 1_000]) door.admit("192.0.2.1", nowMs);
    expect(told).toEqual([
      ["connections", 1, "192.0.2.1"],
      ["connections", 3, "192.0.2.1"],
    ]);
  });
});
