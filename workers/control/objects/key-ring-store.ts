/** Keys that gateways hold, in SQLite: sealed at rest, replaced as `shared/policy/key-ring.ts` decides. */
import { calculateJwkThumbprint, exportJWK, generateKeyPair } from "jose";
import { TXN_TOKEN_ALGORITHM } from "../../../shared/identity/txn-token.ts";
import { limits } from "../../../shared/limits.ts";
import {
  type KeyRing,
  type KeyRingEvent,
  type KeyRingVerdict,
  keyIn,
  type RingKey,
  ringDueAt,
  stepKeyRing,
} from "../../../shared/policy/key-ring.ts";
import { type Bytes, randomBytes, toBase64Url, utf8 } from "../authority/bytes.ts";
import type { Sealer } from "../authority/seal.ts";
import type { GatewayKeys, HeldKeys, KeyKind } from "./authority-rpc.ts";

export const KEY_KINDS: readonly KeyKind[] = ["signing", "hop"];

interface RingRow extends Record<string, SqlStorageValue> {
  kid: string;
  kind: string;
  /** Public JWK as JSON; empty for a hop key, which is shared. */
  public: string;
  sealed: string;
  state: string;
  since: number;
}

/** A key that was made and is in no ring yet. */
export interface MadeKey {
  readonly kid: string;
  readonly public: string;
  readonly secret: Bytes;
}

export class KeyRingStore {
  readonly #storage: DurableObjectStorage;
  readonly #sealer: () => Promise<Sealer>;

  constructor(storage: DurableObjectStorage, sealer: () => Promise<Sealer>) {
    this.#storage = storage;
    this.#sealer = sealer;
    storage.sql.exec(`CREATE TABLE IF NOT EXISTS ring_keys (
      kid TEXT PRIMARY KEY, kind TEXT, public TEXT, sealed TEXT, state TEXT, since INTEGER)`);
    storage.sql.exec("CREATE TABLE IF NOT EXISTS ring_change (id INTEGER PRIMARY KEY CHECK (id = 1), at INTEGER)");
  }

  /** When a ring or anything else of the trust bundle changed last, milliseconds since the epoch; only grows, so that it tells one state from the next. */
  get changedAtMs(): number {
    return this.#storage.sql.exec<{ at: number }>("SELECT at FROM ring_change").toArray()[0]?.at ?? 0;
  }

  /** Agents have to hear of something else of the trust bundle. */
  touch(nowMs: number): void {
    this.#storage.sql.exec("INSERT OR REPLACE INTO ring_change VALUES (1, ?)", Math.max(nowMs, this.changedAtMs + 1));
  }

  ring(kind: KeyKind): KeyRing {
    const keys = this.#rows(kind).map(({ kid, state, since }) => ({
      kid,
      state: state as RingKey["state"],
      sinceMs: since,
    }));
    return { keys };
  }

  /** Every key of a kind that is believed: what agents get of it. */
  published(kind: KeyKind): { readonly kid: string; readonly public: string; readonly sealed: string }[] {
    return this.#rows(kind).map(({ kid, public: shown, sealed }) => ({ kid, public: shown, sealed }));
  }

  /** The one that gateways get: its secret as text. */
  async current(kind: KeyKind): Promise<{ kid: string; secret: string } | undefined> {
    const kid = keyIn(this.ring(kind), "current")?.kid;
    const row = this.#rows(kind).find((one) => one.kid === kid);
    if (row === undefined) return undefined;
    const secret = await (await this.#sealer()).open(sealName(kind, row.kid), row.sealed);
    return { kid: row.kid, secret: new TextDecoder().decode(secret) };
  }

  /** @param isTakeover former keys, which are in no ring, are good for a while */
  async missing(held: HeldKeys, isTakeover: boolean): Promise<GatewayKeys> {
    const missing: GatewayKeys = {};
    for (const kind of KEY_KINDS) {
      const kid = held[kind];
      const isFormer = kid !== undefined && !this.ring(kind).keys.some((key) => key.kid === kid);
      if (isFormer && isTakeover) continue;
      const current = await this.current(kind);
      if (current !== undefined && current.kid !== kid) missing[kind] = current;
    }
    return missing;
  }

  /** Puts a key into its ring, and nothing where the ring refuses it. */
  async add(
    kind: KeyKind,
    made: MadeKey,
    how: { readonly now: boolean; readonly revoke: boolean },
    nowMs: number,
  ): Promise<KeyRingVerdict> {
    const sealed = await (await this.#sealer()).seal(sealName(kind, made.kid), made.secret);
    return this.#storage.transactionSync(() => {
      this.#storage.sql.exec(
        "INSERT INTO ring_keys VALUES (?, ?, ?, ?, 'made', ?)",
        made.kid,
        kind,
        made.public,
        sealed,
        nowMs,
      );
      const verdict = this.step(kind, { type: "made", kid: made.kid, ...how }, nowMs);
      if (!verdict.changed) this.#storage.sql.exec("DELETE FROM ring_keys WHERE kid = ?", made.kid);
      return verdict;
    });
  }

  step(kind: KeyKind, event: KeyRingEvent, nowMs: number): KeyRingVerdict {
    const ring = this.ring(kind);
    const verdict = stepKeyRing(ring, event, nowMs, limits.keyRotation);
    if (!verdict.changed) return verdict;
    this.#storage.transactionSync(() => {
      this.touch(nowMs);
      for (const kid of verdict.dropped) this.#storage.sql.exec("DELETE FROM ring_keys WHERE kid = ?", kid);
      for (const { kid, state, sinceMs } of ring.keys)
        this.#storage.sql.exec("UPDATE ring_keys SET state = ?, since = ? WHERE kid = ?", state, sinceMs, kid);
    });
    return verdict;
  }

  /** When a tick can next change something. */
  dueAt(nowMs: number): number {
    const { lookEveryMs } = limits.keyRotation;
    return Math.min(...KEY_KINDS.map((kind) => ringDueAt(this.ring(kind), nowMs, limits.keyRotation, lookEveryMs)));
  }

  /** Forgets all, as long as nobody has any. */
  discard(): void {
    this.#storage.sql.exec("DELETE FROM ring_keys");
  }

  #rows(kind: KeyKind): RingRow[] {
    const query = "SELECT * FROM ring_keys WHERE kind = ? AND state <> 'made' ORDER BY since, rowid";
    return this.#storage.sql.exec<RingRow>(query, kind).toArray();
  }
}

/** A secret is bound to its kind and name. */
export const sealName = (kind: KeyKind, kid: string): string => `${kind}/${kid}`;

export function makeKey(kind: KeyKind): Promise<MadeKey> {
  return kind === "signing" ? makeSigningKey() : Promise.resolve(makeHopKey());
}

/** Named by its thumbprint (RFC 7638). */
async function makeSigningKey(): Promise<MadeKey> {
  const { privateKey, publicKey } = await generateKeyPair(TXN_TOKEN_ALGORITHM, { extractable: true });
  const publicJwk = await exportJWK(publicKey);
  const named = { kid: await calculateJwkThumbprint(publicJwk), alg: TXN_TOKEN_ALGORITHM, use: "sig" };
  const secret = utf8(JSON.stringify({ ...(await exportJWK(privateKey)), ...named }));
  return { kid: named.kid, public: JSON.stringify({ ...publicJwk, ...named }), secret };
}

function makeHopKey(): MadeKey {
  const kid = toBase64Url(randomBytes(12));
  return { kid, public: "", secret: utf8(toBase64Url(randomBytes(32))) };
}
