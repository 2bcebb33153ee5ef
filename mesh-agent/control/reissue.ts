/** A new certificate for an agent that has, or had, one: by its token, and when that has ended by what else proves it. */
import type { Log } from "../telemetry/log.ts";
import type { AgentIdentity } from "../tls/identity.ts";
import { EnrolmentError, renew } from "./enrolment.ts";
import type { EnrolmentKey } from "./enrolment-key.ts";
import { joinByKey, joinByToken, type PlatformJoin } from "./joining.ts";
import type { SvidWay } from "./svid-way.ts";

/** What an agent comes back by. */
export interface WaysBack {
  readonly key: EnrolmentKey | undefined;
  readonly platform: PlatformJoin | undefined;
  /** Its certificate is an outside issuer's: of the control plane it wants a token alone. */
  readonly svid?: SvidWay | undefined;
}

/**
 * @param isKnownRoot decides by a root's fingerprint
 * @throws EnrolmentError of the last way that was tried
 */
export async function reissue(
  identity: AgentIdentity,
  ways: WaysBack,
  isKnownRoot: (fingerprint: string) => boolean,
  log: Log,
): Promise<AgentIdentity> {
  if (ways.svid !== undefined) return sameService(identity, await ways.svid.prove());
  try {
    return await renew(identity, ways.key, isKnownRoot, Date.now());
  } catch (error) {
    if (!isRefused(error)) throw error;
    log.event("token_refused", `the control plane refuses this agent's token (${error.message}): proving it anew`);
    return sameService(identity, await comeBack(error, ways, isKnownRoot, log));
  }
}

/** Without an identity: by the enrolment key, and when that is refused by a token of the platform. @throws EnrolmentError */
export async function comeBack(
  cause: EnrolmentError,
  { key, platform }: WaysBack,
  isKnownRoot: (fingerprint: string) => boolean,
  log: Log,
): Promise<AgentIdentity> {
  let refused = cause;
  if (key !== undefined && key.roots.length > 0) {
    try {
      const identity = await joinByKey(key, isKnownRoot, Date.now());
      log.event("came_back", `came back as ${identity.service} by the enrolment key`);
      return identity;
    } catch (error) {
      if (!(error instanceof EnrolmentError) || !error.final) throw error;
      refused = error;
    }
  }
  if (key === undefined || platform === undefined) throw refused;
  const identity = await joinByToken(platform, key, key.instance, Date.now());
  log.event("came_back", `came back as ${identity.service} by a token of the platform`);
  return identity;
}

const isRefused = (error: unknown): error is EnrolmentError =>
  error instanceof EnrolmentError && (error.status === 401 || error.status === 403);

/** What runs was made for one service. */
function sameService(before: AgentIdentity, now: AgentIdentity): AgentIdentity {
  if (now.service === before.service && now.trustDomain === before.trustDomain) return now;
  throw new EnrolmentError(`the control plane answered for ${now.service}, this is ${before.service}`, true);
}
