/** What an agent gets whose certificate is an outside issuer's: a token for its connection, as long as nobody denies it. */
import { limits } from "../../../shared/limits.ts";
import { refuseWorkload } from "../../../shared/policy/denial.ts";
import { USUAL_LIVES } from "../../../shared/policy/issuance.ts";
import { signAgentToken } from "../authority/control-tokens.ts";
import type { Admitted, ProvenSvidJoin } from "./authority-rpc.ts";
import type { IssuerOptions } from "./leaf-issuer.ts";
import { refused } from "./refused.ts";
import type { Refused } from "./rpc.ts";

export interface Admission {
  readonly admitted: Admitted;
  /** It is the first of this instance. */
  readonly isFirst: boolean;
  /** Writes down who holds the certificate, by which it can be revoked. */
  readonly record: () => void;
}

export async function admitSvid(
  { leaves, desk, config, tokenSecret }: Omit<IssuerOptions, "keys">,
  svid: ProvenSvidJoin,
): Promise<Admission | Refused> {
  const { trustDomain, service, instance, spiffeId, serial, key, root, notAfterMs } = svid;
  const [undeclared, { lives }] = await Promise.all([config().refuseService(service), config().joining()]);
  if (undeclared !== undefined) return undeclared;
  const nowMs = Date.now();
  const denied = desk.denials.denied(nowMs);
  const reason = refuseWorkload(denied, { service, instance, key });
  if (reason !== undefined) return refused("workload_denied", reason);
  const holders = leaves.holders(serial);
  const isKnown = holders.includes(`${service}/${instance}`);
  if (!isKnown && holders.length >= limits.authority.leavesOfInstanceMax)
    return refused("issuance_limited", `${holders.length} instances have shown the certificate ${serial}`);
  const tokenEndMs = Math.min(notAfterMs, nowMs + (lives ?? USUAL_LIVES).tokenMs);
  const holder = { service, instance, key, outside: true } as const;
  const token = await signAgentToken(tokenSecret, holder, tokenEndMs - nowMs, nowMs);
  const cause = `SVID ${spiffeId} of the outside issuer`;
  return {
    admitted: { service, trustDomain, token, tokenEndMs },
    isFirst: leaves.last(service, instance) === undefined,
    record: () => {
      if (isKnown) return;
      leaves.record({ serial, service, instance, root, key, issuedAtMs: nowMs, notAfterMs, cause });
      desk.issued({ service, instance, key }, nowMs);
    },
  };
}
