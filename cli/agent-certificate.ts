/** How the certificates of agents are doing, by the lives that the live document gives them. */
import type { Document } from "../shared/config/schema.ts";
import { limits } from "../shared/limits.ts";
import { compileLives } from "../shared/plan/compile-join.ts";
import { type CertificateAge, certificateAge } from "../shared/policy/certificate-age.ts";
import { USUAL_LIVES } from "../shared/policy/issuance.ts";
import type { AgentStatus } from "../shared/wire/admin.ts";

/** @param document as it was applied; undefined: nothing is live. @returns milliseconds */
export function certificateLifeMs(document: unknown): number {
  const stated = ((document ?? {}) as Partial<Document>).mesh?.certificates;
  const lives = stated === undefined ? undefined : compileLives(stated);
  return (lives ?? USUAL_LIVES).certificateMs;
}

export function ageOf({ certificateNotAfterMs }: AgentStatus, lifetimeMs: number, nowMs: number): CertificateAge {
  return certificateAge(certificateNotAfterMs, lifetimeMs, limits.certificate.renewAtShare, nowMs);
}

/** Its holder should have a newer one. Whoever is away is told nothing, and may have ended. */
export function isOverdue(age: CertificateAge, state: AgentStatus["state"]): boolean {
  return (age === "late" || age === "ended") && state !== "offline";
}
