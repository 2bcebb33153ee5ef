/** Key sets of issuers, at a URL of the document or found by OIDC discovery (OpenID Connect Discovery 1.0 section 4). */
import { type PublicJwk, readKeySet } from "../../../shared/auth/jwk.ts";
import { discoveredUrl, fetchDiscovery, fetchText } from "./discovery.ts";
import { Published } from "./published.ts";

type Wait = Pick<ExecutionContext, "waitUntil">;

export interface KeySource {
  /** Names the set; without `url` the issuer itself, which tells where its keys are. */
  readonly name: string;
  readonly url?: string;
}

export interface KeySet {
  /** Those that signatures can be checked with. */
  readonly keys: readonly PublicJwk[];
  /** As published: another text is another set. */
  readonly text: string;
}

export class KeySets {
  readonly #published = new Published(loadKeySet, keySetOf);

  /** The issuer's keys, from memory where there are usable ones. @throws SelvageError issuer_unavailable */
  keysOf(source: KeySource, ctx: Wait, nowMs: number): KeySet | Promise<KeySet> {
    return this.#published.valueOf(source, ctx, nowMs);
  }

  /** Keys that are usable without waiting, and undefined where there are none. */
  keysInUse(source: KeySource, ctx: Wait, nowMs: number): KeySet | undefined {
    return this.#published.valueInUse(source, ctx, nowMs);
  }

  /**
   * After a set turned out not to have a token's key: a newer set, or undefined while asking again is not due.
   * @param missed the set that does not have it; another request may have found a newer one since
   */
  keysAfterMiss(source: KeySource, missed: KeySet, ctx: Wait, nowMs: number): Promise<KeySet | undefined> {
    return this.#published.valueAfterMiss(source, missed, ctx, nowMs);
  }
}

async function loadKeySet({ name, url }: KeySource, signal: AbortSignal): Promise<string> {
  return fetchText(url ?? discoveredUrl(await fetchDiscovery(name, signal), name, "jwks_uri"), signal);
}

function keySetOf(text: string): KeySet {
  const keys = readKeySet(JSON.parse(text));
  if (typeof keys === "string") throw new Error(`the key set ${keys}`);
  return { keys, text };
}
