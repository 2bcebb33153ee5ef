import { limits } from "../../../shared/limits.ts";
import type { HubSettings } from "../../../shared/policy/hub-state.ts";

export const HUB_SETTINGS: HubSettings = {
  leaseMs: limits.control.endpointLeaseMs,
  graceMs: limits.control.reconnectGraceMs,
  returnSpreadMs: limits.control.returnSpreadMs,
  returnGapMaxMs: limits.control.returnGapMaxMs,
  returnAtOnceMs: limits.control.returnAtOnceMs,
  returnEarlyMs: limits.control.returnEarlyMs,
  forgetAfterMs: limits.control.forgetAfterMs,
  instancesMax: limits.control.instancesMax,
  marksMax: limits.control.viewMarksMax,
};
