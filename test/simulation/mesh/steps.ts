/** The production decisions that the world runs: a test of the rules puts a broken one in the place of one of them. */
import type { TwoPlans, Versions } from "../../../mesh-agent/control/versions.ts";
import { callersKnow } from "../../../mesh-agent/lifecycle/drain.ts";
import { versionHere } from "../../../shared/policy/acknowledgement.ts";
import { stepAuthority } from "../../../shared/policy/authority-rotation.ts";
import { choosesCanary } from "../../../shared/policy/canary-choice.ts";
import {
  callableByEither,
  canaryTerms,
  gatewaysWithout,
  isOldCanary,
  withoutAllRequests,
} from "../../../shared/policy/canary-rollout.ts";
import { addReport } from "../../../shared/policy/counter-window.ts";
import { refuseWorkload } from "../../../shared/policy/denial.ts";
import { inUse, stepDiscovery } from "../../../shared/policy/discovery-view.ts";
import { keepsFormer, secondAfter } from "../../../shared/policy/held-versions.ts";
import { stepHub } from "../../../shared/policy/hub.ts";
import { canaryLaggardsOf, confirmable, reportsOf } from "../../../shared/policy/hub-duties.ts";
import { leafTerms, refuseJoin } from "../../../shared/policy/issuance.ts";
import { judgeJoin } from "../../../shared/policy/join-rules.ts";
import { forgottenUntil, isOutdated, mayKeepKey, refuseKey, refuseReuse } from "../../../shared/policy/joining.ts";
import { stepKeyRing } from "../../../shared/policy/key-ring.ts";
import { leaseNeedsPlan, renewedLease } from "../../../shared/policy/lease.ts";
import { appliedAtMs, isOldPublication } from "../../../shared/policy/publication.ts";
import { registryDueAt, stepRegistry, updateFor } from "../../../shared/policy/registry.ts";
import { stepCanary } from "../../../shared/policy/version-canary.ts";

/** The plan of the version that a request names. */
const versionNamed = (versions: Versions, two: TwoPlans, named: string | undefined) => versions.named(two, named);

export const productionSteps = {
  addReport,
  appliedAtMs,
  callableByEither,
  callersKnow,
  canaryLaggardsOf,
  canaryTerms,
  choosesCanary,
  confirmable,
  forgottenUntil,
  gatewaysWithout,
  inUse,
  isOldCanary,
  isOldPublication,
  isOutdated,
  judgeJoin,
  keepsFormer,
  leafTerms,
  leaseNeedsPlan,
  mayKeepKey,
  refuseJoin,
  refuseKey,
  refuseReuse,
  refuseWorkload,
  registryDueAt,
  renewedLease,
  reportsOf,
  secondAfter,
  stepAuthority,
  stepCanary,
  stepDiscovery,
  stepHub,
  stepKeyRing,
  stepRegistry,
  updateFor,
  versionHere,
  versionNamed,
  withoutAllRequests,
};

export type Steps = typeof productionSteps;
