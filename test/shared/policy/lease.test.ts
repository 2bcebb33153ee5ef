import { expect, test } from "vitest";
import { acknowledgementOf } from "../../../shared/policy/acknowledgement.ts";
import { leaseNeedsPlan, liveLeases, renewedLease } from "../../../shared/policy/lease.ts";

const settings = { leaseMs: 2_000, slackMs: 250 };

test("a lease ends after its time and the way back", () => {
  const lease = renewedLease({ isolate: "a", version: 3 }, 10_000, settings);
  expect(lease).toEqual({ isolate: "a", version: 3, expiresAtMs: 12_250 });
  expect(renewedLease({ isolate: "a", version: 3, signingKey: "s", hopKey: "h" }, 0, settings)).toMatchObject({
    signingKey: "s",
    hopKey: "h",
  });
  expect(liveLeases([lease], 12_249)).toEqual([lease]);
  expect(liveLeases([lease], 12_250)).toEqual([]);
});

test("the plan is given to those who neither have nor have refused it", () => {
  expect(leaseNeedsPlan({ version: 0 }, 0)).toBe(false);
  expect(leaseNeedsPlan({ version: 0 }, 4)).toBe(true);
  expect(leaseNeedsPlan({ version: 5 }, 4)).toBe(true);
  expect(leaseNeedsPlan({ version: 4 }, 4)).toBe(false);
  expect(leaseNeedsPlan({ version: 3, refused: { version: 4, reason: "x" } }, 4)).toBe(false);
  expect(leaseNeedsPlan({ version: 3, refused: { version: 2, reason: "x" } }, 4)).toBe(true);
});

test("who serves the live version is current, whatever it refused before", () => {
  expect(acknowledgementOf(4, 4, { version: 4, reason: "x" })).toEqual({ state: "current" });
  expect(acknowledgementOf(4, 3, { version: 4, reason: "x" })).toEqual({ state: "refused", reason: "x" });
  expect(acknowledgementOf(4, 3, { version: 3, reason: "x" })).toEqual({ state: "behind" });
  expect(acknowledgementOf(0, 0)).toEqual({ state: "current" });
});
