import { existsSync } from "node:fs";
import { identityFile } from "../../mesh-agent/control/obtain-identity.ts";
import { stateIn } from "../../mesh-agent/control/state-file.ts";
import { openStateBox } from "../../mesh-agent/control/state-key.ts";
import { certificateFacts } from "../../mesh-agent/tls/identity.ts";

/** A certificate with less left than this is as good as ended: its agent could not renew it in time. */
const LEFT_AT_LEAST_MS = 5 * 60_000;

/**
 * Whether an agent needs a join token: it has no identity, or one that has ended or belongs to another control plane.
 * Such an identity is removed, so that the agent enrols anew.
 */
export function needsJoinToken(agentState: string, controlUrl: string, nowMs: number): boolean {
  if (!existsSync(agentState)) return true;
  const file = identityFile(stateIn(agentState, openStateBox(agentState, undefined, process.env)));
  try {
    const identity = file.load();
    if (identity === undefined) return true;
    const { notAfterMs } = certificateFacts(identity.certificates);
    if (identity.controlUrl === controlUrl && notAfterMs - nowMs > LEFT_AT_LEAST_MS) return false;
  } catch {
    // What cannot be read is replaced.
  }
  file.remove();
  return true;
}
