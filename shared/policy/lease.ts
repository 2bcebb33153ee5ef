/**
 * Leases of gateway isolates: each says every few seconds which version it decides by. "Live" means an unexpired one,
 * so a version is everywhere once each lease has acknowledged it or has ended.
 */
import type { Refusal } from "./acknowledgement.ts";
import type { HeldRevision } from "./service-view.ts";

/** Plain and serialisable; one row of the store. */
export interface Lease {
  isolate: string;
  version: number;
  refused?: Refusal;
  /** Kids of the keys that it holds. */
  signingKey?: string;
  hopKey?: string;
  /** The canary that it holds. */
  canary?: HeldCanary;
  /** Secrets of its plan that it lacks. */
  missingSecrets?: readonly string[];
  /** What it knows of the mesh's ingress agents; absent: it goes by their fixed address. */
  ingress?: HeldRevision;
  /** Milliseconds since the epoch. */
  expiresAtMs: number;
}

/** What an isolate says of a canary: the share that it gives it, or why it does not take it. */
export interface HeldCanary {
  readonly version: number;
  readonly hash: string;
  readonly share: number;
  readonly refused?: string | undefined;
}

export interface LeaseSettings {
  readonly leaseMs: number;
  /** Added on this side for the answer's way back, so that the isolate's own lease never outlives this one. */
  readonly slackMs: number;
}

/** The lease after an isolate asked for it. */
export function renewedLease(
  asked: {
    readonly isolate: string;
    readonly version: number;
    readonly refused?: Refusal | undefined;
    readonly signingKey?: string | undefined;
    readonly hopKey?: string | undefined;
    readonly canary?: HeldCanary | undefined;
    readonly missingSecrets?: readonly string[] | undefined;
  },
  nowMs: number,
  settings: LeaseSettings,
): Lease {
  const { isolate, version, refused, signingKey, hopKey, canary, missingSecrets } = asked;
  const expiresAtMs = nowMs + settings.leaseMs + settings.slackMs;
  const keys = { ...(signingKey !== undefined && { signingKey }), ...(hopKey !== undefined && { hopKey }) };
  const held = { ...keys, ...(canary !== undefined && { canary }), ...(missingSecrets && { missingSecrets }) };
  return { isolate, version, expiresAtMs, ...held, ...(refused === undefined ? {} : { refused }) };
}

/**
 * Whether the answer carries the live plan: not when the isolate has it, nor when it has just refused it, since the
 * same bytes would be refused again every few seconds.
 */
export function leaseNeedsPlan(lease: Pick<Lease, "version" | "refused">, live: number): boolean {
  return live !== 0 && lease.version !== live && lease.refused?.version !== live;
}

/** Those that have not ended. */
export function liveLeases(leases: readonly Lease[], nowMs: number): Lease[] {
  return leases.filter((lease) => lease.expiresAtMs > nowMs);
}
