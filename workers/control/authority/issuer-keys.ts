/**
 * Keys of issuers whose tokens let workloads join, remembered by the isolate. A set stays in use while its issuer is away; a
 * token of an unknown key has the set fetched again, at a bounded rate.
 */
import { discoveryUrl, keysAt, keysUrl, readDiscovery } from "../../../shared/auth/discovery.ts";
import { type PublicJwk, readKeySet } from "../../../shared/auth/jwk.ts";
import { type KeySetTimes, keySetUse, newKeySetTimes } from "../../../shared/auth/key-set-use.ts";
import { SelvageError } from "../../../shared/errors.ts";
import { isLoopback } from "../../../shared/http/page-request.ts";
import { join as bounds } from "../../../shared/limits/join.ts";
import { limits } from "../../../shared/limits.ts";
import { BoundedMap } from "../../../shared/policy/bounded-map.ts";
import type { JoinIssuer } from "../../../shared/policy/join-rules.ts";
import { readBytes } from "../objects/read-json.ts";

interface Known {
  readonly times: KeySetTimes;
  keys: readonly PublicJwk[];
  /** When the fetch that runs now began; 0: none runs. */
  fetchingSinceMs: number;
  failure: string;
}

const known = new BoundedMap<Known>(bounds.issuersMax * 4);

/** @throws SelvageError issuer_unavailable */
export async function keysOf(issuer: JoinIssuer, nowMs: number): Promise<readonly PublicJwk[]> {
  if (issuer.keys !== undefined && "jwks" in issuer.keys) return inline(issuer.keys.jwks);
  const entry = entryOf(issuer);
  const use = keySetUse(entry.times, nowMs);
  if (use === "use") return entry.keys;
  if (isFetching(entry, nowMs)) await untilFetched(entry);
  else if (use !== "none") await fetchKeys(issuer, entry, nowMs);
  if (keySetUse(entry.times, Date.now()) === "none" || entry.times.fetchedAtMs === 0) throw unavailable(issuer, entry);
  return entry.keys;
}

/**
 * A set that was fetched after one did not have a token's key, or undefined where there can be none.
 * @throws SelvageError issuer_unavailable: it was fetched a moment ago; a little later it may have the key
 */
export async function keysAfterMiss(
  issuer: JoinIssuer,
  missed: readonly PublicJwk[],
  nowMs: number,
): Promise<readonly PublicJwk[] | undefined> {
  if (issuer.keys !== undefined && "jwks" in issuer.keys) return undefined;
  const entry = entryOf(issuer);
  if (entry.keys !== missed) return entry.keys;
  if (isFetching(entry, nowMs)) await untilFetched(entry);
  else if (nowMs - entry.times.attemptedAtMs >= limits.identity.jwksCooldownMs) await fetchKeys(issuer, entry, nowMs);
  else if (entry.times.attemptedAtMs < nowMs)
    throw unavailable(issuer, { failure: "an unknown key, fetched just now" });
  return entry.keys === missed ? undefined : entry.keys;
}

function inline(jwks: readonly unknown[]): readonly PublicJwk[] {
  const keys = readKeySet({ keys: jwks });
  return typeof keys === "string" ? [] : keys;
}

function entryOf(issuer: JoinIssuer): Known {
  const name = issuer.keys !== undefined && "url" in issuer.keys ? keysAt(issuer.keys.url).name : issuer.issuer;
  const entry = known.get(name) ?? {
    times: newKeySetTimes(),
    keys: [],
    fetchingSinceMs: 0,
    failure: "not fetched yet",
  };
  known.set(name, entry);
  return entry;
}

const isFetching = ({ fetchingSinceMs }: Known, nowMs: number): boolean =>
  fetchingSinceMs !== 0 && nowMs - fetchingSinceMs < limits.identity.jwksWaitMs;

const POLL_MS = 50;

/** Looks by timers of its own: no request waits for a promise of another. */
async function untilFetched(entry: Known): Promise<void> {
  for (let waitedMs = 0; waitedMs < limits.identity.jwksWaitMs && isFetching(entry, Date.now()); waitedMs += POLL_MS)
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
}

const unavailable = ({ issuer }: JoinIssuer, { failure }: Pick<Known, "failure">): SelvageError =>
  new SelvageError("issuer_unavailable", `${issuer}: ${failure}`);

/** Never fails: the set in use stays when the issuer does not give another. */
async function fetchKeys(issuer: JoinIssuer, entry: Known, nowMs: number): Promise<void> {
  entry.fetchingSinceMs = nowMs;
  entry.times.attemptedAtMs = nowMs;
  try {
    const signal = AbortSignal.timeout(limits.identity.jwksWaitMs);
    const url =
      issuer.keys !== undefined && "url" in issuer.keys
        ? issuer.keys.url
        : keysUrl(issuer.issuer, readDiscovery(issuer.issuer, await get(discoveryUrl(issuer.issuer), signal)));
    const keys = readKeySet(await get(url, signal));
    if (typeof keys === "string") throw new Error(`the key set ${keys}`);
    entry.keys = keys;
    entry.times.fetchedAtMs = Date.now();
  } catch (error) {
    entry.failure = error instanceof SelvageError ? error.reason : String((error as Error).message ?? error);
    console.warn(JSON.stringify({ kind: "issuer", issuer: issuer.issuer, reason: entry.failure }));
  } finally {
    entry.fetchingSinceMs = 0;
  }
}

async function get(address: string, signal: AbortSignal): Promise<unknown> {
  const url = new URL(address);
  if (url.protocol !== "https:" && !isLoopback(url.hostname.replace(/^\[|\]$/g, "")))
    throw new Error(`${url.origin} is not https`);
  const response = await fetch(url, { headers: { accept: "application/json" }, redirect: "manual", signal });
  const bytes = await readBytes(response, limits.identity.jwksBytesMax);
  if (response.status !== 200) throw new Error(`${url.pathname} answered ${response.status}`);
  return JSON.parse(new TextDecoder("utf-8", { fatal: true, ignoreBOM: false }).decode(bytes));
}
