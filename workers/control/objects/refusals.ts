/** What the config store says no to, as data. */
import type { Refused } from "./rpc.ts";

export function otherTrustDomain(version: number, asked: string, made: string): Refused {
  const reason = `version ${version} is of the trust domain "${asked}", the authority is for "${made}"`;
  return { refused: { code: "document_invalid", reason } };
}

export function canaryRunning(version: number): Refused {
  const reason = `version ${version} is tried as a canary: \`selvage canary promote\` or \`selvage canary abort\` first`;
  return { refused: { code: "canary_running", reason } };
}

export function nothingLive(): Refused {
  const reason = "nothing is live yet that a canary could be compared with: apply the first version without";
  return { refused: { code: "canary_refused", reason } };
}

export function withoutArtifacts(missing: readonly string[]): Refused {
  const reason = `artifacts that were not sent: ${missing.join(", ")}; \`selvage apply\` makes and sends them`;
  return { refused: { code: "document_invalid", reason } };
}

export function unknownVersion(version: number): Refused {
  return { refused: { code: "version_unknown", reason: `version ${version} does not exist or is no longer kept` } };
}
