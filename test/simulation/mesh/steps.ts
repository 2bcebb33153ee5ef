/** The production decisions that the world runs: a test of the rules puts a broken one in the place of one of them. */
import { callersKnow } from "../../../mesh-agent/lifecycle/drain.ts";
import { versionHere } from "../../../shared/policy/acknowledgement.ts";
import { stepAuthority } from "../../../shared/policy/authority-rotation.ts";
import { inUse, stepDiscovery } from "../../../shared/policy/discovery-view.ts";
import { stepHub } from "../../../shared/policy/hub.ts";
import { confirmable, reportsOf } from "../../../shared/policy/hub-duties.ts";
import { leafTerms, refuseJoin } from "../../../shared/policy/issuance.ts";
import { stepKeyRing } from "../../../shared/policy/key-ring.ts";
import { leaseNeedsPlan, renewedLease } from "../../../shared/policy/lease.ts";
import { appliedAtMs, isOldPublication } from "../../../shared/policy/publication.ts";
import { registryDueAt, stepRegistry, updateFor } from "../../../shared/policy/registry.ts";

export const productionSteps = {
  appliedAtMs,
  callersKnow,
  confirmable,
  inUse,
  isOldPublication,
  leafTerms,
  leaseNeedsPlan,
  refuseJoin,
  registryDueAt,
  renewedLease,
  reportsOf,
  stepAuthority,
  stepDiscovery,
  stepHub,
  stepKeyRing,
  stepRegistry,
  updateFor,
  versionHere,
};

export type Steps = typeof productionSteps;
