/** API keys: where a request carries one, and whom its record names. Hashing and looking up are the hosts' work. */
import { decodeField } from "../http/escapes.ts";
import type { Identity } from "../identity/identity.ts";
import { bearerToken } from "./bearer.ts";
import { refuseTokenForm } from "./token-form.ts";

/** A provider of identities that are proven by keys of the gateway's own store. */
export interface ApiKeyProvider {
  readonly kind: "api-key";
  /** Header field, lower case. */
  readonly header?: string;
  /** Whether `Authorization: Bearer` may carry one. */
  readonly bearer: boolean;
  /** Query parameter. */
  readonly query?: string;
  /** First part of its keys; keys of another prefix are of another provider. */
  readonly prefix: string;
  /** Whether imported keys of other forms are taken. */
  readonly foreign: boolean;
}

/** What is known of a key; never the key. Times in milliseconds since the epoch. */
export interface KeyRecord {
  readonly id: string;
  /** Prefix of the provider that it is for. */
  readonly prefix: string;
  /** Its first characters. */
  readonly start: string;
  /** Whose it is: the identity's `sub`. */
  readonly owner: string;
  /** What its owner calls it. */
  readonly name?: string;
  readonly plan?: string;
  readonly scopes: readonly string[];
  readonly groups: readonly string[];
  readonly createdAtMs: number;
  readonly expiresAtMs?: number;
  readonly revokedAtMs?: number;
  /** Id of the key that takes its place. */
  readonly rolledTo?: string;
  /** Exact to `limits.apiKeys.lastUsedStepMs`; absent: never. */
  readonly lastUsedAtMs?: number;
}

/** What is changed of a key; null takes a member away. */
export interface KeyChange {
  readonly owner?: string | undefined;
  readonly name?: string | null | undefined;
  readonly plan?: string | null | undefined;
  readonly scopes?: readonly string[] | undefined;
  readonly groups?: readonly string[] | undefined;
  readonly expiresAtMs?: number | null | undefined;
}

/**
 * The key that a request shows to a provider: in its header, else as bearer, else in the query.
 * @param header value of a request field by its lower-case name
 * @param query with its `?`; may be empty
 * @returns undefined when there is none
 */
export function presentedKey(
  provider: ApiKeyProvider,
  header: (name: string) => string | null | undefined,
  query: string,
): string | undefined {
  if (provider.header !== undefined) {
    const value = header(provider.header);
    if (value !== null && value !== undefined) return value;
  }
  if (provider.bearer) {
    const token = bearerToken(header("authorization") ?? undefined);
    if (token !== undefined && isKeyLike(token, provider)) return token;
  }
  if (provider.query === undefined || query === "") return undefined;
  const { query: name } = provider;
  const found = membersOf(query).filter((member) => memberName(member) === name);
  // Two are none of ours: whoever reads the first and whoever reads the last would take different ones.
  return found.length === 0 ? undefined : found.map(memberValue).join(" ");
}

/** Bearer tokens may also be JWTs, for another provider. */
function isKeyLike(token: string, { prefix, foreign }: ApiKeyProvider): boolean {
  return token.startsWith(`${prefix}_`) || (foreign && refuseTokenForm(token) !== undefined);
}

/** A query without a parameter, byte for byte otherwise. @param query with its `?`; may be empty */
export function withoutParameter(query: string, name: string): string {
  const members = membersOf(query);
  const kept = members.filter((member) => memberName(member) !== name);
  if (kept.length === members.length) return query;
  return kept.length === 0 ? "" : `?${kept.join("&")}`;
}

const membersOf = (query: string): string[] => (query === "" ? [] : query.slice(1).split("&"));
const memberName = (member: string): string => decoded(member.split("=", 1)[0] as string);
const memberValue = (member: string): string =>
  member.includes("=") ? decoded(member.slice(member.indexOf("=") + 1)) : "";

/** As application/x-www-form-urlencoded; text with broken escapes stays as it is, and is neither a name nor a key. */
const decoded = (text: string): string => decodeField(text) ?? text;

/** Why a key with this record proves nobody now, or undefined when it proves its owner. Reasons are for operators. */
export function refuseKeyRecord(record: KeyRecord, prefix: string, nowMs: number): string | undefined {
  const { start, revokedAtMs, expiresAtMs } = record;
  if (record.prefix !== prefix) return `the key ${start} is not for the prefix ${prefix}`;
  if (revokedAtMs !== undefined) return `the key ${start} was revoked`;
  if (expiresAtMs !== undefined && nowMs >= expiresAtMs) return `the key ${start} has expired`;
  return undefined;
}

/** Whether a key can still be changed, rolled or used at all; a rolled one can until it ends. */
export function isKeyActive({ revokedAtMs, expiresAtMs }: KeyRecord, nowMs: number): boolean {
  return revokedAtMs === undefined && (expiresAtMs === undefined || nowMs < expiresAtMs);
}

/** A record after a change, as a merge patch does it (RFC 7396). */
export function changedKey(record: KeyRecord, change: KeyChange): KeyRecord {
  const { name, plan, expiresAtMs, ...rest } = record;
  const { name: newName = name, plan: newPlan = plan, expiresAtMs: newEndMs = expiresAtMs } = change;
  return {
    ...rest,
    owner: change.owner ?? record.owner,
    ...(newName !== null && newName !== undefined && { name: newName }),
    ...(newPlan !== null && newPlan !== undefined && { plan: newPlan }),
    scopes: change.scopes === undefined ? record.scopes : [...new Set(change.scopes)],
    groups: change.groups === undefined ? record.groups : [...new Set(change.groups)],
    ...(newEndMs !== null && newEndMs !== undefined && { expiresAtMs: newEndMs }),
  };
}

/** Who a good key stands for. */
export function identityOfKey(record: KeyRecord): Identity {
  const { id, prefix, start, owner, plan, scopes, groups } = record;
  return {
    sub: owner,
    issuer: prefix,
    scopes,
    claims: { sub: owner, key_id: id, key_start: start, scope: scopes.join(" ") },
    consumer: owner,
    ...(plan !== undefined && { plan }),
    groups,
    method: "api-key",
  };
}

/**
 * `WWW-Authenticate` (RFC 9110 section 11.6.1) for keys in a header or the query. No scheme is registered for them; this
 * one says where a key belongs.
 */
export function apiKeyChallenge(
  realm: string,
  { header, query }: ApiKeyProvider,
  error?: "invalid_key" | "insufficient_scope",
  scopes: readonly string[] = [],
): string {
  const place = header === undefined ? `in="query", name="${query ?? ""}"` : `in="header", name="${header}"`;
  const parts = [`realm="${realm}"`, place];
  if (error !== undefined) parts.push(`error="${error}"`);
  if (error === "insufficient_scope") parts.push(`scope="${scopes.join(" ")}"`);
  return `ApiKey ${parts.join(", ")}`;
}
