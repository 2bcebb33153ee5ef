/** The authority's own keys in SQLite, those of its certificates: sealed at rest, opened once for each life of the object. */
import type { AuthorityState } from "../../../shared/policy/authority-rotation.ts";
import type { Bytes } from "../authority/bytes.ts";
import { exportKey, fingerprint, importKey, parseCertificate, type Signer } from "../authority/certificates.ts";
import type { Sealer } from "../authority/seal.ts";

interface KeyRow extends Record<string, SqlStorageValue> {
  id: number;
  /** `root`, `issuer`, or `pending`: a key that waits for a certificate from outside. */
  kind: string;
  trust_domain: string;
  /** Certificate as PEM; of a pending key its request. */
  public: string;
  /** Empty: the key is somebody else's. */
  sealed: string;
  not_after: number;
  /** Fingerprint of the root that it is, or that it leads to. */
  root: string;
  /** Certificates between an issuer and its root, PEM, as JSON. */
  chain: string;
}

/** A key and its certificate on their way into the store. */
export interface NewKey {
  readonly kind: "root" | "issuer" | "pending";
  readonly public: string;
  readonly notAfterMs: number;
  readonly root: string;
  readonly chain?: readonly string[];
  /** PKCS#8; absent: somebody else has it. */
  readonly secret?: Bytes;
}

export interface StoredCertificate {
  /** PEM. */
  readonly pem: string;
  readonly root: string;
  readonly external: boolean;
  /** Certificates between it and its root, PEM. */
  readonly chain: readonly string[];
}

/** What is signed, and how far its change is. */
export interface StoredState extends AuthorityState {
  readonly trustDomain: string;
  /** When this authority was made, milliseconds since the epoch. */
  readonly madeAtMs: number;
}

export class KeyStore {
  readonly #storage: DurableObjectStorage;
  readonly #sealer: () => Promise<Sealer>;

  constructor(storage: DurableObjectStorage, sealer: () => Promise<Sealer>) {
    this.#storage = storage;
    this.#sealer = sealer;
    const { sql } = storage;
    sql.exec(`CREATE TABLE IF NOT EXISTS keys (
      id INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT, trust_domain TEXT, public TEXT, sealed TEXT, not_after INTEGER)`);
    const columns = sql.exec<{ name: string }>("SELECT name FROM pragma_table_info('keys')").toArray();
    for (const column of ["root", "chain"])
      if (!columns.some(({ name }) => name === column))
        sql.exec(`ALTER TABLE keys ADD COLUMN ${column} TEXT NOT NULL DEFAULT ''`);
    sql.exec("CREATE TABLE IF NOT EXISTS authority_state (id INTEGER PRIMARY KEY CHECK (id = 1), state TEXT)");
  }

  /** Undefined before there is an authority. */
  get state(): StoredState | undefined {
    const row = this.#storage.sql.exec<{ state: string }>("SELECT state FROM authority_state").toArray()[0];
    return row === undefined ? undefined : (JSON.parse(row.state) as StoredState);
  }

  set state(state: StoredState) {
    this.#storage.sql.exec("INSERT OR REPLACE INTO authority_state VALUES (1, ?)", JSON.stringify(state));
  }

  /** Takes over what was stored before roots could change: one root, and its newest issuer. */
  async adopt(backdateMs: number): Promise<string | undefined> {
    if (this.state !== undefined) return undefined;
    const row = this.#row("root");
    if (row === undefined) return undefined;
    const certificate = parseCertificate(row.public);
    const root = await fingerprint(certificate);
    this.#storage.sql.exec("UPDATE keys SET root = ?", root);
    this.state = { root, trustDomain: row.trust_domain, madeAtMs: certificate.notBefore.getTime() + backdateMs };
    return root;
  }

  discard(): void {
    for (const table of ["keys", "authority_state"]) this.#storage.sql.exec(`DELETE FROM ${table}`);
  }

  /** Secrets sealed, ready for `insert`. */
  async seal(keys: readonly NewKey[]): Promise<(NewKey & { readonly sealed: string })[]> {
    const sealer = await this.#sealer();
    return Promise.all(
      keys.map(async (key) => {
        const { kind, secret } = key;
        return { ...key, sealed: secret === undefined ? "" : await sealer.seal(sealName(kind, key.public), secret) };
      }),
    );
  }

  insert(trustDomain: string, keys: readonly (NewKey & { readonly sealed: string })[]): void {
    for (const key of keys)
      this.#storage.sql.exec(
        "INSERT INTO keys (kind, trust_domain, public, sealed, not_after, root, chain) VALUES (?, ?, ?, ?, ?, ?, ?)",
        ...[key.kind, trustDomain, key.public, key.sealed, key.notAfterMs, key.root, JSON.stringify(key.chain ?? [])],
      );
  }

  /** A new issuer signs from now on: the key of the one before is worth nothing any more, and goes. */
  dropFormerIssuers(root: string): void {
    this.#storage.sql.exec(
      `DELETE FROM keys WHERE kind = 'issuer' AND root = ?1
       AND id < (SELECT max(id) FROM keys WHERE kind = 'issuer' AND root = ?1)`,
      root,
    );
  }

  /** A root with all that leads to it. */
  dropRoot(root: string): void {
    this.#storage.sql.exec("DELETE FROM keys WHERE root = ? AND kind <> 'pending'", root);
  }

  dropPending(): void {
    this.#storage.sql.exec("DELETE FROM keys WHERE kind = 'pending'");
  }

  /** The root, or the newest issuer of it. */
  certificate(kind: "root" | "issuer", root: string): StoredCertificate | undefined {
    const row = this.#row(kind, root);
    if (row === undefined) return undefined;
    const chain = row.chain === "" ? [] : (JSON.parse(row.chain) as string[]);
    const external = this.#row("root", root)?.sealed === "";
    return { pem: row.public, root, external, chain };
  }

  /** Undefined: it is not there, or its key is somebody else's. */
  async signer(kind: "root" | "issuer", root: string): Promise<Signer | undefined> {
    const row = this.#row(kind, root);
    if (row === undefined || row.sealed === "") return undefined;
    return { certificate: parseCertificate(row.public), key: await importKey(await this.#unseal(row)) };
  }

  /** Its request, PEM. */
  get pending(): string | undefined {
    return this.#row("pending")?.public;
  }

  /** The key that waits for a certificate: PKCS#8. */
  async pendingSecret(): Promise<Bytes | undefined> {
    const row = this.#row("pending");
    return row === undefined ? undefined : this.#unseal(row);
  }

  #row(kind: string, root?: string): KeyRow | undefined {
    const query = "SELECT * FROM keys WHERE kind = ?1 AND (?2 IS NULL OR root = ?2) ORDER BY id DESC LIMIT 1";
    return this.#storage.sql.exec<KeyRow>(query, kind, root ?? null).toArray()[0];
  }

  async #unseal(row: KeyRow): Promise<Bytes> {
    return (await this.#sealer()).open(sealName(row.kind, row.public), row.sealed);
  }
}

/** A private key is bound to its kind and its public half. */
const sealName = (kind: string, publicHalf: string): string => `${kind}/${publicHalf}`;

export async function secretOf(keys: CryptoKeyPair): Promise<Bytes> {
  return exportKey(keys.privateKey);
}
