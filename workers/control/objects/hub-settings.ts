import { limits } from "../../../shared/limits.ts";
import type { HubSettings } from "../../../shared/policy/hub-state.ts";

export const HUB_SETTINGS: HubSettings = {
  leaseMs: limits.control.endpointLeaseMs,
  graceMs: limits.control.reconnectGraceMs,
  forgetAfterMs: limits.control.forgetAfterMs,
  instancesMax: limits.control.instancesMax,
  marksMax: limits.control.viewMarksMax,
};
