/** When the authority issues, and what stands in what it issues; keys and signatures are the host's work. */
import { hex } from "../http/hex.ts";
import { spiffeIdOf } from "../identity/spiffe-id.ts";
import { certificateLives } from "../limits/join.ts";
import { limits } from "../limits.ts";

/** Plain and serialisable; what the store keeps of a join token besides its key. */
export interface JoinTokenState {
  readonly service: string;
  readonly expiresAtMs: number;
  /** 0: not used yet. */
  readonly usedAtMs: number;
}

/**
 * Why an enrolment is refused, for the log (the client is always told the same), or undefined when it may go on.
 * @param token undefined: no token of that id is known
 * @param macIsGood whether the request is bound to the token's secret
 */
export function refuseJoin(token: JoinTokenState | undefined, macIsGood: boolean, nowMs: number): string | undefined {
  if (token === undefined) return "unknown join token";
  if (!macIsGood) return "request is not bound to the join token's secret";
  if (token.usedAtMs !== 0) return "join token was used before";
  if (nowMs >= token.expiresAtMs) return "join token has expired";
  return undefined;
}

/** What a certificate says of itself. Times are whole seconds in milliseconds since the epoch (RFC 5280 section 4.1.2.5). */
export interface CertificateTerms {
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  /** Hex, positive and at most 16 bytes (RFC 5280 section 4.1.2.2). */
  readonly serial: string;
}

/** An X.509-SVID's: exactly one SPIFFE ID. */
export interface LeafTerms extends CertificateTerms {
  readonly spiffeId: string;
}

/** Of a workload's certificate and of the agent's token beside it. */
export interface CertificateLives {
  readonly certificateMs: number;
  readonly tokenMs: number;
}

/** What a document that says nothing of it gets. */
export const USUAL_LIVES: CertificateLives = {
  certificateMs: limits.certificate.leafLifetimeMs,
  tokenMs: limits.control.agentTokenLifetimeMs,
};

/**
 * @param lifetimeMs counted from `nowMs`; the start is backdated on top
 * @param issuerNotAfterMs never outlived
 * @param random 16 random bytes for the serial number
 */
export function certificateTerms(
  lifetimeMs: number,
  issuerNotAfterMs: number,
  nowMs: number,
  random: Uint8Array,
): CertificateTerms {
  return {
    notBeforeMs: wholeSeconds(nowMs - backdateMs(lifetimeMs)),
    notAfterMs: wholeSeconds(Math.min(nowMs + lifetimeMs, issuerNotAfterMs)),
    serial: serialOf(random),
  };
}

/** Of a short life a small part: renewal counts from the certificate's beginning, and must not be due at once. */
const backdateMs = (lifetimeMs: number): number =>
  Math.min(limits.certificate.backdateMs, lifetimeMs * certificateLives.backdateShare);

/** Terms of the X.509-SVID of a service. @param random 16 random bytes */
export function leafTerms(
  trustDomain: string,
  service: string,
  issuerNotAfterMs: number,
  nowMs: number,
  random: Uint8Array,
  lifetimeMs: number = limits.certificate.leafLifetimeMs,
): LeafTerms {
  const terms = certificateTerms(lifetimeMs, issuerNotAfterMs, nowMs, random);
  return { ...terms, spiffeId: spiffeIdOf(trustDomain, service) };
}

/**
 * Whether the issuing certificate is replaced by a new one of the same root: two thirds of its life are over, and a new
 * one would live longer.
 */
export function issuerIsDue(notAfterMs: number, rootNotAfterMs: number, nowMs: number): boolean {
  return notAfterMs - nowMs < limits.certificate.issuerLifetimeMs / 3 && notAfterMs < rootNotAfterMs;
}

/** Top bit cleared (positive), next bit set (never zero, always the same length): 126 random bits stay. */
function serialOf(random: Uint8Array): string {
  const bytes = random.slice(0, 16);
  bytes[0] = ((bytes[0] ?? 0) & 0x3f) | 0x40;
  return hex(bytes);
}

function wholeSeconds(ms: number): number {
  return Math.floor(ms / 1000) * 1000;
}
