/**
 * Federation with other trust domains:
 *
 *   GET  /v1/bundle               the own SPIFFE bundle, without a token; 404 before the first apply
 *   GET  /v1/federation           FederationStatus, every role that reads
 *   POST /v1/federation/refresh   fetches all bundles now -> FederationStatus, role `admin`
 */
import type { FederationAlarm } from "../policy/federation.ts";

export interface FederationStatus {
  readonly partners: readonly PartnerStatus[];
  readonly alarms: readonly FederationAlarm[];
}

export interface PartnerStatus {
  readonly trustDomain: string;
  /** It is an issuer of the own trust domain, whose SPIFFE IDs are of this form. Absent: another trust domain. */
  readonly issues?: string;
  /** Where its bundle is fetched. */
  readonly bundle: string;
  /** PEM roots that are believed for it. Empty: nobody of it is let in. */
  readonly roots: readonly string[];
  readonly sequence?: number;
  /** Of the bundle that is in use; absent: there is none yet. */
  readonly fetchedAtMs?: number;
  /** Why there is no newer one, and since when. */
  readonly failure?: { readonly reason: string; readonly sinceMs: number };
  readonly nextAtMs: number;
}
