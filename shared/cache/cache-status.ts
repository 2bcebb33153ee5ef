/** `Cache-Status`, which tells how an answer came about (RFC 9211). */
import type { ForwardReason } from "./verdict.ts";

export interface CacheStatus {
  /** Served from what is stored. */
  readonly hit?: boolean;
  readonly fwd?: ForwardReason;
  readonly fwdStatus?: number;
  readonly stored?: boolean;
  readonly collapsed?: boolean;
  /** Freshness that is left; below 0: stale. */
  readonly ttlMs?: number;
  /** A word of ours: why it is not stored, or that it serves in need. */
  readonly detail?: string;
}

/**
 * This cache's member of the list.
 * @param before what caches nearer to the origin said, which stands before it (section 2)
 */
export function cacheStatus(status: CacheStatus, before?: string | null): string {
  let text = before ? `${before}, selvage` : "selvage";
  if (status.hit === true) text += ";hit";
  if (status.fwd !== undefined) text += `;fwd=${status.fwd}`;
  if (status.fwdStatus !== undefined) text += `;fwd-status=${status.fwdStatus}`;
  if (status.ttlMs !== undefined) text += `;ttl=${Math.floor(status.ttlMs / 1000)}`;
  if (status.stored === true) text += ";stored";
  if (status.collapsed === true) text += ";collapsed";
  if (status.detail !== undefined) text += `;detail=${status.detail}`;
  return text;
}
