import { USUAL_LIVES } from "../../../shared/policy/issuance.ts";
import { outageBoundMs } from "../../../shared/policy/outage-budget.ts";
import type { TelemetrySettings } from "../../../shared/telemetry/settings.ts";
import type { JoiningSettings } from "./rpc.ts";
import type { VersionRow, VersionStore } from "./version-store.ts";

/** What the config store asks the version that is live again and again. */
export interface LiveVersion {
  readonly row: VersionRow;
  readonly gateway: string;
  readonly services: ReadonlySet<string>;
  /** Agents face the outside, and so refuse what is revoked. */
  readonly isExposed: boolean;
  readonly joining: Omit<JoiningSettings, "version">;
  readonly outageBudgetMs: number;
  readonly telemetry: TelemetrySettings | undefined;
}

/** Takes the version apart, which is once for each. */
export function liveVersion(row: VersionRow, versions: VersionStore): LiveVersion {
  const plan = versions.plan(row.version);
  const gateway = versions.text("gateway", row.version) ?? "";
  const { services, trustDomain: _, federation: __, telemetry, ...joining } = plan.mesh;
  const isExposed = Object.values(services).some(({ expose }) => expose !== undefined);
  const { certificateMs } = plan.mesh.lives ?? USUAL_LIVES;
  const outageBudgetMs = outageBoundMs(plan.mesh.outageBudgetMs, certificateMs);
  return { row, gateway, services: new Set(Object.keys(services)), isExposed, joining, outageBudgetMs, telemetry };
}
