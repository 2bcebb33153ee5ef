import { expect, test } from "vitest";
import { limits } from "../../../shared/limits.ts";
import { gatewayLeaseMs } from "../../../workers/control/objects/gateway-lease-ms.ts";

test.each([
  [undefined, limits.gateway.planLeaseMs],
  ["", limits.gateway.planLeaseMs],
  ["50", 50],
  ["999999", limits.gateway.planLeaseMs],
  ["0", limits.gateway.planLeaseMs],
  ["-1", limits.gateway.planLeaseMs],
  ["1.5", limits.gateway.planLeaseMs],
  ["soon", limits.gateway.planLeaseMs],
])("GATEWAY_LEASE_MS=%s", (GATEWAY_LEASE_MS, ms) => {
  expect(gatewayLeaseMs(GATEWAY_LEASE_MS === undefined ? {} : { GATEWAY_LEASE_MS })).toBe(ms);
});
