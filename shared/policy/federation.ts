/**
 * Which roots of other trust domains are believed: the bundles that the document names, fetched again and again. The last good one
 * is kept when a fetch fails; each stays apart from all others (SPIFFE Federation sections 4.2 and 7.3). An outside issuer of the
 * own trust domain is followed in the same way.
 */
import { isLoopback } from "../http/page-request.ts";
import type { OutsideNames } from "../identity/outside-names.ts";
import { limits } from "../limits.ts";

/** As of the document. */
export interface Partner {
  /** URL of its bundle endpoint, profile `https_web`. */
  readonly bundle: string;
  /** Absent: as its bundle says. */
  readonly refreshMs?: number;
  /** It is an issuer of the own trust domain, which names workloads so. Absent: it is of another one. */
  readonly names?: OutsideNames;
}
export type Partners = Readonly<Record<string, Partner>>;

/** What is known of one trust domain; plain and serialisable. */
export interface PartnerState {
  partner: Partner;
  /** PEM. */
  roots: string[];
  /** Of the last good bundle. */
  sequence?: number;
  hintMs?: number;
  /** When it was fetched; absent: never yet. */
  fetchedAtMs?: number;
  /** Why it could not be fetched or taken since then, and when that began. */
  failure?: { reason: string; sinceMs: number };
  /** When to fetch it next. */
  dueAtMs: number;
}

/** By trust domain. */
export type FederationState = Record<string, PartnerState>;

export type FederationEvent =
  /** The live document's. */
  | { readonly type: "configured"; readonly partners: Partners }
  /** All are due now. */
  | { readonly type: "hurry" }
  | {
      readonly type: "fetched";
      readonly trustDomain: string;
      /** It was asked for there. */
      readonly url: string;
      readonly roots: readonly string[];
      readonly sequence?: number;
      readonly hintMs?: number;
    }
  | { readonly type: "failed"; readonly trustDomain: string; readonly url: string; readonly reason: string };

/** @returns whether agents have to hear of it; `state` is changed in place */
export function stepFederation(state: FederationState, event: FederationEvent, nowMs: number): boolean {
  if (event.type === "configured") return configure(state, event.partners, nowMs);
  if (event.type === "hurry") {
    for (const known of Object.values(state)) known.dueAtMs = nowMs;
    return false;
  }
  const known = Object.hasOwn(state, event.trustDomain) ? state[event.trustDomain] : undefined;
  // The document has changed meanwhile.
  if (known === undefined || known.partner.bundle !== event.url) return false;
  const reason = event.type === "failed" ? event.reason : refuseOlder(known, event.sequence);
  if (event.type === "failed" || reason !== undefined) return fail(known, reason ?? "", nowMs);
  const isOther = !isSame(known.roots, event.roots);
  known.roots = [...event.roots];
  known.fetchedAtMs = nowMs;
  assign(known, "sequence", event.sequence);
  assign(known, "hintMs", event.hintMs);
  delete known.failure;
  known.dueAtMs = nowMs + refreshMs(known);
  return isOther;
}

function configure(state: FederationState, partners: Partners, nowMs: number): boolean {
  let isOther = false;
  for (const [trustDomain, { roots, partner }] of Object.entries(state)) {
    const isKept = Object.hasOwn(partners, trustDomain);
    if (!isSameNames(partner.names, partners[trustDomain]?.names)) isOther = true;
    if (isKept) continue;
    isOther ||= roots.length > 0;
    delete state[trustDomain];
  }
  for (const [trustDomain, partner] of Object.entries(partners)) {
    const known = state[trustDomain];
    if (known === undefined) {
      state[trustDomain] = { partner, roots: [], dueAtMs: nowMs };
      isOther ||= isIssuer(partner);
    } else if (known.partner.bundle !== partner.bundle) {
      // Another place counts in its own way; what was believed stays so until that has answered.
      delete known.sequence;
      Object.assign(known, { partner, dueAtMs: nowMs });
    } else if (known.partner.refreshMs !== partner.refreshMs) Object.assign(known, { partner, dueAtMs: nowMs });
    else known.partner = partner;
  }
  return isOther;
}

function isSameNames(one: OutsideNames | undefined, other: OutsideNames | undefined): boolean {
  return one?.id === other?.id && one?.gateway === other?.gateway;
}

/** An older copy, such as one of a cache, must not bring back a root that is gone. */
function refuseOlder({ sequence: known }: PartnerState, sequence: number | undefined): string | undefined {
  return known !== undefined && sequence !== undefined && sequence < known
    ? `its number ${sequence} is older than ${known}, which is known`
    : undefined;
}

/** The next look is at the ordinary time: whoever is in trouble is not asked more often for it. */
function fail(known: PartnerState, reason: string, nowMs: number): false {
  const text = reason.slice(0, limits.federation.reasonCharsMax);
  known.failure = { reason: text, sinceMs: known.failure?.sinceMs ?? nowMs };
  known.dueAtMs = nowMs + refreshMs(known);
  return false;
}

function refreshMs({ partner, hintMs }: PartnerState): number {
  const { hintMinMs, refreshMaxMs, refreshDefaultMs } = limits.federation;
  return partner.refreshMs ?? Math.min(refreshMaxMs, Math.max(hintMinMs, hintMs ?? refreshDefaultMs));
}

function assign<K extends "sequence" | "hintMs">(known: PartnerState, key: K, value: number | undefined): void {
  if (value === undefined) delete known[key];
  else known[key] = value;
}

function isSame(one: readonly string[], other: readonly string[]): boolean {
  return one.length === other.length && one.every((pem) => other.includes(pem));
}

/** PEM roots by trust domain, of others that have any. */
export function federatedRoots(state: FederationState): Record<string, string[]> {
  const found = Object.entries(state).filter(([, { roots, partner }]) => roots.length > 0 && !isIssuer(partner));
  return Object.fromEntries(found.map(([trustDomain, { roots }]) => [trustDomain, roots]));
}

/** Whether a partner is an issuer of the own trust domain. */
export const isIssuer = ({ names }: Partner): boolean => names !== undefined;

/** Who else issues for the own trust domain, as agents are told. */
export interface OutsideIssuer extends OutsideNames {
  /** PEM. Empty: its bundle is not here yet, or has none. */
  readonly roots: readonly string[];
}

/** The outside issuer of the own trust domain; undefined: there is none. */
export function outsideIssuer(state: FederationState): OutsideIssuer | undefined {
  const found = Object.values(state).find(({ partner }) => isIssuer(partner));
  return found?.partner.names === undefined ? undefined : { ...found.partner.names, roots: found.roots };
}

/** When the first bundle is to be fetched, milliseconds since the epoch; infinite: there is none. */
export function federationDueAt(state: FederationState): number {
  return Math.min(Number.POSITIVE_INFINITY, ...Object.values(state).map(({ dueAtMs }) => dueAtMs));
}

/** `text` is one sentence for operators. */
export interface FederationAlarm {
  readonly code: "federation_failed" | "federation_empty";
  readonly trustDomain: string;
  readonly text: string;
}

export function federationAlarms(state: FederationState): FederationAlarm[] {
  return Object.entries(state).flatMap(([trustDomain, { partner, roots, fetchedAtMs, failure }]): FederationAlarm[] => {
    const what = `the bundle of ${isIssuer(partner) ? "the outside issuer of " : ""}${trustDomain}`;
    const nobody = isIssuer(partner) ? "none of its SVIDs is believed" : "nobody of it is let in";
    if (failure !== undefined) {
      const kept = fetchedAtMs === undefined ? nobody : `the one of ${dateOf(fetchedAtMs)} is kept in use`;
      const text = `${what} is not to be had since ${dateOf(failure.sinceMs)}: ${failure.reason}; ${kept}`;
      return [{ code: "federation_failed", trustDomain, text }];
    }
    if (fetchedAtMs === undefined || roots.length > 0) return [];
    const text = `${what} holds no root for X.509-SVIDs: ${nobody}`;
    return [{ code: "federation_empty", trustDomain, text }];
  });
}

const dateOf = (ms: number): string => `${new Date(ms).toISOString().slice(0, 19)}Z`;

/** Why a URL is none of a bundle endpoint (SPIFFE Federation section 5.2.1.1); undefined: it is one. Plain HTTP stays on this machine. */
export function refuseBundleUrl(text: string): string | undefined {
  if (!URL.canParse(text)) return "is no URL";
  const { protocol, hostname, username, password } = new URL(text);
  if (username !== "" || password !== "") return "must not hold a user or password";
  if (protocol === "https:") return undefined;
  if (protocol === "http:" && isLoopback(hostname.replace(/^\[|\]$/g, ""))) return undefined;
  return "has to begin with https:// (http:// on loopback alone)";
}
