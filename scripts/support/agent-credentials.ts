import { readFileSync, rmSync } from "node:fs";
import path from "node:path";
import { agentIdentitySchema, certificateFacts } from "../../mesh-agent/tls/identity.ts";

const IDENTITY_FILE = "identity.json";
/** A certificate with less left than this is as good as ended: its agent could not renew it in time. */
const LEFT_AT_LEAST_MS = 5 * 60_000;

/**
 * Whether an agent needs a join token: it has no identity, or one that has ended or belongs to another control plane.
 * Such an identity is removed, so that the agent enrols anew.
 */
export function needsJoinToken(agentState: string, controlUrl: string, nowMs: number): boolean {
  const file = path.join(agentState, IDENTITY_FILE);
  try {
    const identity = agentIdentitySchema.parse(JSON.parse(readFileSync(file, "utf8")));
    const { notAfterMs } = certificateFacts(identity.certificates);
    if (identity.controlUrl === controlUrl && notAfterMs - nowMs > LEFT_AT_LEAST_MS) return false;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return true;
  }
  rmSync(file, { force: true });
  return true;
}
