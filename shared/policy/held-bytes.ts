/**
 * Bytes of bodies that a host holds whole at once. Each request has a share, which ends by itself with the request's time: a
 * request that the platform broke off gives nothing back.
 */

/** One request's bytes. */
export interface Share {
  bytes: number;
  /** Milliseconds since the epoch. */
  readonly untilMs: number;
}

export interface HeldBytes {
  bytes: number;
  readonly shares: Set<Share>;
}

export const newHeldBytes = (): HeldBytes => ({ bytes: 0, shares: new Set() });

/** A share of nothing yet; the oldest that have ended are taken away. @param untilMs when it ends at the latest */
export function openShare(held: HeldBytes, untilMs: number, nowMs: number): Share {
  for (const one of held.shares) {
    if (one.untilMs > nowMs) break;
    closeShare(held, one);
  }
  const share: Share = { bytes: 0, untilMs };
  held.shares.add(share);
  return share;
}

/**
 * Lets a share have more, unless all together would then have more than `bytesMax`; shares that have ended are taken away first.
 * @param bytes that the share has from now on
 * @returns whether it has them
 */
export function growShare(held: HeldBytes, share: Share, bytes: number, bytesMax: number, nowMs: number): boolean {
  const more = bytes - share.bytes;
  if (more <= 0) return true;
  if (held.bytes + more > bytesMax)
    for (const one of held.shares) if (one !== share && one.untilMs <= nowMs) closeShare(held, one);
  if (held.bytes + more > bytesMax || !held.shares.has(share)) return false;
  share.bytes = bytes;
  held.bytes += more;
  return true;
}

/** Gives a share's bytes back, once. */
export function closeShare(held: HeldBytes, share: Share): void {
  if (held.shares.delete(share)) held.bytes -= share.bytes;
}
