/** Instances and the control plane die under load, and no client notices. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { ProcessEntry } from "../../shared/wire/runtime-files.ts";
import { killUnderLoad, orderLoad, outageUnderLoad, stopUnderLoad } from "../support/outages.ts";
import { type System, startSystem } from "../support/system.ts";

let system: System;
let token: string;

beforeAll(async () => {
  system = await startSystem();
  token = await system.token("alice", "orders:read", "orders:write");
});
afterAll(() => system?.stop());

describe("under 200 requests a second", () => {
  const deaths: Record<string, ProcessEntry["role"][]> = {
    "its app": ["app"],
    "its agent": ["agent"],
    both: ["agent", "app"],
  };

  test.each(Object.entries(deaths))("SIGKILL of %s fails no GET, and it takes traffic again", async (_, roles) => {
    const { failures } = await killUnderLoad(system, orderLoad(system, token, 200), "orders-v1-1", roles);
    expect(failures).toEqual([]);
  });

  test("SIGTERM fails no request of any method, and each POST is carried out once", async () => {
    const { failures, posted, carriedOut } = await stopUnderLoad(system, token, 200, "orders-v1-1");
    expect(failures).toEqual([]);
    expect(posted).toBeGreaterThan(100);
    expect(carriedOut).toBe(posted);
  });

  test.each(["SIGKILL", "SIGSTOP"] as const)("the control plane's %s fails no request", async (signal) => {
    const { failures } = await outageUnderLoad(system, orderLoad(system, token, 200), signal, 4);
    expect(failures).toEqual([]);
  });
});
