import type { Document } from "../shared/config/schema.ts";
import type { Version } from "../shared/plan/changes/find-changes.ts";
import type { VersionDetail } from "../shared/wire/admin.ts";
import type { ControlClient } from "./control-client.ts";

/** The version that is live, undefined: nothing was applied yet. */
export async function liveVersion(client: ControlClient): Promise<VersionDetail | undefined> {
  const { version } = await client.status();
  return version === 0 ? undefined : client.version(version);
}

/** A version for comparison. The control plane has checked it. */
export function comparable(detail: VersionDetail | undefined): Version {
  return detail === undefined ? {} : { document: detail.document as Document, artifacts: detail.artifacts };
}
