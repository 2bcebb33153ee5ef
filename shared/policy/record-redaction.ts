/** What of a request may be written down. What is hidden is `…` in its place: it is known to have been there. */
import type { CredentialNames } from "../auth/credential-names.ts";
import type { AccessLogEntry, WouldRefuse } from "../http/access-log.ts";
import { CREDENTIAL_FIELDS } from "../http/credential-fields.ts";
import type { Identity } from "../identity/identity.ts";
import { records } from "../limits/records.ts";
import type { HiddenNames } from "./record-settings.ts";
import type { RecordedIdentity, RequestRecord } from "./request-record.ts";
import { CREDENTIAL, HIDDEN, hideValues } from "./tap-entry.ts";

/** What proves somebody wherever it stands: `Bearer ...`, a JWT, a key of the form `<prefix>_<30 characters>`. */
const SECRET_VALUE =
  /\b(?:bearer|basic|dpop|token|digest) +\S{8}|\beyJ[\w-]{4,}(?:\.[\w-]+)+|\b[a-z][a-z0-9]*(?:_[a-z0-9]+)*_[0-9A-Za-z]{24,}/i;
const SECRET_VALUES = new RegExp(SECRET_VALUE, "gi");
/** Parameters of logins and of signed addresses (RFC 6749 sections 4.1 and 4.2, RFC 7521, SAS and presigned URLs). */
const CREDENTIAL_PARAMETER =
  /^(?:code|state|nonce|sig|sid|pass|passwd|passphrase|pwd|pin|otp|\w*_pin|device_code|user_code|auth\w*_code|assertion|saml\w*|id_token_hint|ticket|invite|hash)$/i;
/** `auth_time` and `auth_method` prove nothing. */
const CREDENTIAL_CLAIM = /token|secret|password|cookie|credential|jwt|api-?key|cnf/;
/** Claims that say something of a person (OpenID Connect Core section 5.1), or tell one session or token. */
const PERSONAL: ReadonlySet<string> = new Set([
  ...["name", "given_name", "family_name", "middle_name", "nickname", "preferred_username", "profile", "picture"],
  ...["website", "email", "email_verified", "gender", "birthdate", "zoneinfo", "locale", "phone_number"],
  ...["phone_number_verified", "address", "upn", "unique_name", "sid", "jti", "nonce", "at_hash", "c_hash"],
]);

/** Each in its place, long ones cut; what is beyond the bounds is left out. */
export function recordedHeaders(
  head: Iterable<readonly [name: string, value: string]>,
  credentials: CredentialNames,
  hide: HiddenNames | undefined,
): [name: string, value: string][] {
  const shown: [string, string][] = [];
  let room: number = records.headerCharsMax;
  for (const [name, value] of head) {
    const kept = shownHeader(name, value, credentials, hide);
    room -= name.length + kept.length;
    if (room < 0 || shown.length >= records.headersMax) break;
    shown.push([name, kept]);
  }
  return shown;
}

function shownHeader(name: string, value: string, { headers }: CredentialNames, hide: HiddenNames | undefined): string {
  const isHidden =
    CREDENTIAL_FIELDS.has(name) ||
    CREDENTIAL.test(name) ||
    CREDENTIAL_PARAMETER.test(name) ||
    headers.has(name) ||
    named(hide?.headers, name);
  if (isHidden || isSecret(value)) return HIDDEN;
  return withoutQuery(value.slice(0, records.valueCharsMax));
}

/** An address may have a query of its own, and what is behind `#` is more private still. */
const withoutQuery = (value: string): string =>
  value.includes("/") ? value.replace(/([?#]).*$/s, `$1${HIDDEN}`) : value;

/** @param query with its `?`; may be empty */
export function recordedQuery(query: string, credentials: CredentialNames, hide: HiddenNames | undefined): string {
  if (query.length < 2) return "";
  const shown = query
    .slice(1)
    .split("&")
    .map((pair) => shownPair(pair, credentials, hide));
  return `?${shown.join("&")}`.slice(0, records.queryCharsMax);
}

function shownPair(pair: string, { query }: CredentialNames, hide: HiddenNames | undefined): string {
  const at = pair.indexOf("=");
  // What has no name may be all value.
  if (at < 0) return pair === "" ? pair : HIDDEN;
  const [name, value] = [pair.slice(0, at), pair.slice(at + 1)];
  const read = decoded(name).toLowerCase();
  const isHidden =
    CREDENTIAL.test(read) || CREDENTIAL_PARAMETER.test(read) || query.has(read) || named(hide?.query, read);
  const plain = decoded(value);
  const isAddress = plain.includes("/") && /[?#]/.test(plain);
  const kept = isHidden || isAddress || isSecret(plain) ? HIDDEN : value.slice(0, records.valueCharsMax);
  return `${isSecret(read) ? HIDDEN : name.slice(0, records.valueCharsMax)}=${kept}`;
}

/** No more is looked at than is kept, and what would only begin there. */
const isSecret = (text: string): boolean => SECRET_VALUE.test(text.slice(0, records.valueCharsMax + 64));

function decoded(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll("+", " "));
  } catch {
    return text;
  }
}

const named = (names: readonly string[] | undefined, name: string): boolean => names?.includes(name) === true;

/** @param provider its name in the document, where it is known */
export function recordedIdentity(
  { method, sub, issuer, scopes, groups, consumer, plan, claims }: Identity,
  provider: string | undefined,
  hide: HiddenNames | undefined,
): RecordedIdentity {
  const { namesMax, valueCharsMax } = records;
  const cut = (text: string): string => text.slice(0, valueCharsMax);
  const cutAll = (names: readonly string[]): string[] => names.slice(0, namesMax).map(cut);
  return {
    ...(provider !== undefined && { provider }),
    ...{ method, sub: cut(sub), issuer: cut(issuer), scopes: cutAll(scopes), groups: cutAll(groups) },
    ...(consumer !== undefined && { consumer: cut(consumer) }),
    ...(plan !== undefined && { plan: cut(plan) }),
    claims: recordedClaims(claims, hide),
  };
}

function recordedClaims(claims: Identity["claims"], hide: HiddenNames | undefined): Record<string, unknown> {
  let room: number = records.claimsCharsMax;
  const shown = Object.entries(claims).flatMap(([name, value]) => {
    const text = isHiddenClaim(name, hide)
      ? undefined
      : JSON.stringify(value, (inner, one) => (isHiddenClaim(inner, hide) ? undefined : one));
    if (text === undefined || isSecret(text)) return [];
    if (typeof value !== "string" && text.length > records.valueCharsMax) return [];
    room -= name.length + Math.min(text.length, records.valueCharsMax);
    if (room < 0) return [];
    return [[name, typeof value === "string" ? value.slice(0, records.valueCharsMax) : JSON.parse(text)] as const];
  });
  return Object.fromEntries(shown);
}

/** By its name behind that of whoever made it up (`https://shop.example/email`). */
function isHiddenClaim(name: string, hide: HiddenNames | undefined): boolean {
  const lower = name.toLowerCase();
  const own = lower.slice(Math.max(lower.lastIndexOf("/"), lower.lastIndexOf(":")) + 1);
  return PERSONAL.has(own) || CREDENTIAL_CLAIM.test(own) || named(hide?.claims, lower);
}

/** A path, or a reason for operators, in which somebody may have put a secret. */
export function withoutSecrets(text: string): string {
  return text.slice(0, records.queryCharsMax).replace(SECRET_VALUES, HIDDEN);
}

/** What is said of a request, without secrets in its path and reasons. */
export function entryWithoutSecrets<Entry extends AccessLogEntry>(entry: Entry): Entry {
  const { path, reason, wouldRefuse } = entry;
  return {
    ...entry,
    path: withoutSecrets(path),
    ...(reason !== undefined && { reason: withoutSecrets(reason) }),
    ...(wouldRefuse !== undefined && { wouldRefuse: wouldRefuse.map(refusalWithoutSecrets) }),
  };
}

const refusalWithoutSecrets = (one: WouldRefuse): WouldRefuse =>
  one.reason === undefined ? one : { ...one, reason: withoutSecrets(one.reason) };

/** A record for those who may see that a request was made, and not what stood in it. */
export function withoutValues(record: RequestRecord): RequestRecord {
  const { identity, ...request } = record.request;
  const query = request.query === "" ? "" : `?${hideValues(request.query.slice(1))}`;
  const headers = request.headers.map(([name]) => [name, HIDDEN] as const);
  const who = identity === undefined ? {} : { identity: { ...identity, claims: {} } };
  return { ...record, request: { ...request, query, headers, ...who } };
}
