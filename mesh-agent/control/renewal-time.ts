/** When an agent asks for its next certificate. */
import { limits } from "../../shared/limits.ts";
import { type CertificateFacts, renewAtMs } from "../tls/identity.ts";

/**
 * After a certificate came: one whose issuer ends soon, so that its third is over at once, is renewed after a third of what is left,
 * not over and over.
 * @param random at least 0, below 1
 * @returns milliseconds to wait
 */
export function waitAfterRenewalMs(
  facts: Pick<CertificateFacts, "notBeforeMs" | "notAfterMs">,
  nowMs: number,
  random: number,
): number {
  const { renewAtShare, renewBackoffBaseMs } = limits.certificate;
  const leastMs = Math.max(renewBackoffBaseMs, (facts.notAfterMs - nowMs) * renewAtShare * (1 - random * 0.1));
  return Math.max(leastMs, renewAtMs(facts, random) - nowMs);
}
