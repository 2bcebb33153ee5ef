/** How a certificate that its holder renews by itself is doing, by what is left of it. */

/** `due`: it is being renewed, or will be in a moment; `late`: renewals must have failed. */
export type CertificateAge = "fresh" | "due" | "late" | "ended";

/**
 * @param notAfterMs when it ends, milliseconds since the epoch
 * @param lifetimeMs from its issue to its end
 * @param renewAtShare part of its life after which it is renewed
 */
export function certificateAge(
  notAfterMs: number,
  lifetimeMs: number,
  renewAtShare: number,
  nowMs: number,
): CertificateAge {
  const leftMs = notAfterMs - nowMs;
  if (leftMs <= 0) return "ended";
  const spent = 1 - leftMs / lifetimeMs;
  if (spent < renewAtShare) return "fresh";
  return spent < (renewAtShare + 1) / 2 ? "due" : "late";
}
