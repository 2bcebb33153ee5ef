/** What makes an agent that agent: key, certificates and roots, and whether they belong together. */
import { createPrivateKey, createPublicKey, X509Certificate } from "node:crypto";
import * as z from "zod/mini";
import { spiffeIdOf } from "../../shared/identity/spiffe-id.ts";
import { limits } from "../../shared/limits.ts";
import { serialText } from "../../shared/policy/denial.ts";
import { successionSerial } from "../../shared/policy/issuance.ts";
import type { Credentials } from "../../shared/wire/enrolment.ts";
import { spiffeIdOfCertificate } from "../proxy/tls-peer.ts";

/** One file, so that key and certificate are always exchanged together. */
export const agentIdentitySchema = z.object({
  format: z.literal(1),
  /** URL of the control API. */
  controlUrl: z.string(),
  /** Fingerprint of the root that enrolment was pinned to: SHA-256 of its DER, hex. */
  rootFingerprint: z.string(),
  instance: z.string(),
  service: z.string(),
  trustDomain: z.string(),
  /** Bearer for the hub and for renewal. */
  token: z.string(),
  /** PKCS#8, PEM. */
  privateKey: z.string(),
  /** PEM, leaf first. */
  certificates: z.array(z.string()),
  roots: z.array(z.string()),
});
export type AgentIdentity = z.infer<typeof agentIdentitySchema>;

export interface CertificateFacts {
  readonly spiffeId: string;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  readonly serialNumber: string;
  readonly fingerprint: string;
}

/** @throws when there is no readable leaf or it does not carry exactly one SPIFFE ID */
export function certificateFacts(certificates: readonly string[]): CertificateFacts {
  const leaf = new X509Certificate(certificates[0] ?? "");
  const spiffeId = spiffeIdOfCertificate(leaf.raw);
  if (spiffeId === undefined) throw new Error("the certificate does not carry exactly one SPIFFE ID");
  return {
    spiffeId,
    notBeforeMs: Date.parse(leaf.validFrom),
    notAfterMs: Date.parse(leaf.validTo),
    serialNumber: leaf.serialNumber,
    fingerprint: fingerprintOf(leaf),
  };
}

export function fingerprintOf(certificate: X509Certificate): string {
  return certificate.fingerprint256.replaceAll(":", "").toLowerCase();
}

/**
 * Whether credentials are what was asked for: made for this key and service, valid now, and leading to a known root.
 * @param isKnownRoot decides by a root's fingerprint
 * @returns what is wrong, or undefined
 */
export function refuseCredentials(
  credentials: Pick<Credentials, "service" | "trustDomain" | "certificates" | "roots" | "lineage">,
  privateKey: string,
  isKnownRoot: (fingerprint: string) => boolean,
  nowMs: number,
): string | undefined {
  const chain = credentials.certificates.map((pem) => new X509Certificate(pem));
  const parse = (pem: string): X509Certificate => new X509Certificate(pem);
  const roots = believedRoots(credentials.roots.map(parse), (credentials.lineage ?? []).map(parse), isKnownRoot, nowMs);
  const [leaf] = chain;
  if (leaf === undefined) return "there is no certificate";
  if (roots.length === 0) return "none of the roots is the one that this agent was told to trust";
  const own = createPublicKey(createPrivateKey(privateKey)).export({ type: "spki", format: "der" });
  if (!leaf.publicKey.export({ type: "spki", format: "der" }).equals(own)) return "the certificate is for another key";
  const { spiffeId, notBeforeMs, notAfterMs } = certificateFacts(credentials.certificates);
  if (spiffeId !== spiffeIdOf(credentials.trustDomain, credentials.service)) return `it names ${spiffeId}`;
  if (nowMs >= notAfterMs) return "it has ended";
  if (nowMs < notBeforeMs) return "it begins later: is this machine's clock behind?";
  return refuseChain(chain, roots);
}

/**
 * The roots that are known, and those that follow them: each was vouched for by the one before, with a certificate whose serial
 * number names it.
 */
function believedRoots(
  roots: readonly X509Certificate[],
  lineage: readonly X509Certificate[],
  isKnownRoot: (fingerprint: string) => boolean,
  nowMs: number,
): X509Certificate[] {
  const candidates = [...roots, ...lineage];
  const believed = new Set(candidates.filter((one) => isKnownRoot(fingerprintOf(one))));
  const isVouchedFor = (next: X509Certificate): boolean => {
    const serial = serialText(successionSerial(fingerprintOf(next)));
    return lineage.some(
      (one) =>
        serialText(one.serialNumber) === serial &&
        nowMs < one.validToDate.getTime() &&
        isSameKey(one, next) &&
        [...believed].some((root) => one.checkIssued(root) && one.verify(root.publicKey)),
    );
  };
  for (let before = -1; before < believed.size; ) {
    before = believed.size;
    for (const one of candidates) if (!believed.has(one) && isVouchedFor(one)) believed.add(one);
  }
  return roots.filter((root) => believed.has(root));
}

function isSameKey(one: X509Certificate, other: X509Certificate): boolean {
  return one.publicKey.equals(other.publicKey);
}

/** Whether certificates are from that issuer. @param issuer fingerprint */
export function isFrom(certificates: readonly string[], issuer: string): boolean {
  return certificates.slice(1).some((pem) => fingerprintOf(new X509Certificate(pem)) === issuer);
}

/** Whether those who believe these roots believe these certificates. PEM, leaf first. */
export function leadsTo(certificates: readonly string[], roots: readonly string[]): boolean {
  const parse = (pem: string): X509Certificate => new X509Certificate(pem);
  return refuseChain(certificates.map(parse), roots.map(parse)) === undefined;
}

function refuseChain(chain: readonly X509Certificate[], roots: readonly X509Certificate[]): string | undefined {
  for (let at = 0; at < chain.length; at++) {
    const certificate = chain[at] as X509Certificate;
    const issuers = at + 1 < chain.length ? [chain[at + 1] as X509Certificate] : roots;
    if (issuers.some((issuer) => fingerprintOf(issuer) === fingerprintOf(certificate))) return undefined;
    if (!issuers.some((issuer) => certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey)))
      return "its chain does not lead to the root that this agent was told to trust";
  }
  return undefined;
}

/**
 * When to renew: at one third of the life or up to a tenth of that earlier, so that a fleet that was started together
 * does not renew together and two thirds of a life are always left.
 * @param random at least 0, below 1
 * @returns milliseconds since the epoch
 */
export function renewAtMs(facts: Pick<CertificateFacts, "notBeforeMs" | "notAfterMs">, random: number): number {
  const life = facts.notAfterMs - facts.notBeforeMs;
  return facts.notBeforeMs + life * limits.certificate.renewAtShare * (1 - random * 0.1);
}
