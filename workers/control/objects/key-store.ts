/** The authority's own keys in SQLite, those of its certificates: made on first need, sealed at rest, opened once for each life of the object. */
import { limits } from "../../../shared/limits.ts";
import { certificateTerms, issuerIsDue } from "../../../shared/policy/issuance.ts";
import { type Bytes, randomBytes } from "../authority/bytes.ts";
import {
  exportKey,
  fingerprint,
  importKey,
  makeIssuer,
  makeKeys,
  makeRoot,
  parseCertificate,
  type Signer,
} from "../authority/certificates.ts";
import type { Sealer } from "../authority/seal.ts";

interface KeyRow extends Record<string, SqlStorageValue> {
  id: number;
  kind: string;
  trust_domain: string;
  /** Certificate as PEM. */
  public: string;
  sealed: string;
  not_after: number;
}

/** The authority, ready for use. */
export interface Keys {
  readonly trustDomain: string;
  readonly issuer: Signer;
  /** PEM. */
  readonly roots: string[];
  readonly rootFingerprint: string;
  /** When this authority was made, milliseconds since the epoch. */
  readonly madeAtMs: number;
}

type NewKey = Pick<KeyRow, "kind" | "public" | "not_after"> & { readonly secret: Bytes };

export class KeyStore {
  readonly #storage: DurableObjectStorage;
  readonly #sealer: () => Promise<Sealer>;
  /** What was read; concurrent callers wait for the same. Nothing found, or a failure, is not remembered. */
  #reading: Promise<Keys | undefined> | undefined;
  /** One making at a time. */
  #making: Promise<void> | undefined;

  constructor(storage: DurableObjectStorage, sealer: () => Promise<Sealer>) {
    this.#storage = storage;
    this.#sealer = sealer;
    storage.sql.exec(`CREATE TABLE IF NOT EXISTS keys (
      id INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT, trust_domain TEXT, public TEXT, sealed TEXT, not_after INTEGER)`);
  }

  /** The keys of this authority, made for `trustDomain` if there are none. */
  async ensure(trustDomain: string, nowMs: number): Promise<Keys> {
    const known = await this.open(nowMs);
    if (known !== undefined) return known;
    await this.#makeOnce(() => this.#make(trustDomain, nowMs));
    const made = await this.#readOnce();
    if (made === undefined) throw new Error("the authority's keys could not be made");
    return made;
  }

  /** Undefined before `ensure` was called for the first time. */
  async open(nowMs: number): Promise<Keys | undefined> {
    const keys = await this.#readOnce();
    if (keys === undefined) return undefined;
    const endsMs = keys.issuer.certificate.notAfter.getTime();
    if (!issuerIsDue(endsMs, parseCertificate(keys.roots[0] ?? "").notAfter.getTime(), nowMs)) return keys;
    try {
      await this.#makeOnce(() => this.#replaceIssuer(keys.trustDomain, nowMs));
      return await this.#readOnce();
    } catch (error) {
      console.error(JSON.stringify({ kind: "error", act: "replace-issuer", endsMs, reason: String(error) }));
      return keys;
    }
  }

  /** Forgets all keys, as long as nobody has anything that was signed by them. */
  discard(): void {
    this.#storage.sql.exec("DELETE FROM keys");
    this.#reading = undefined;
  }

  #readOnce(): Promise<Keys | undefined> {
    const forget = (): void => {
      this.#reading = undefined;
    };
    this.#reading ??= this.#read().then(
      (keys) => {
        if (keys === undefined) forget();
        return keys;
      },
      (error: unknown) => {
        forget();
        throw error;
      },
    );
    return this.#reading;
  }

  #makeOnce(work: () => Promise<void>): Promise<void> {
    this.#making ??= work().finally(() => {
      this.#making = undefined;
      this.#reading = undefined;
    });
    return this.#making;
  }

  async #make(trustDomain: string, nowMs: number): Promise<void> {
    if (this.#newest("root") !== undefined) return;
    const rootKeys = await makeKeys();
    const terms = certificateTerms(limits.certificate.rootLifetimeMs, Number.POSITIVE_INFINITY, nowMs, randomBytes(16));
    const certificate = await makeRoot(trustDomain, terms, rootKeys);
    const issuer = await newIssuer(trustDomain, { certificate, key: rootKeys.privateKey }, nowMs);
    const root = {
      kind: "root",
      public: certificate.toString("pem"),
      not_after: terms.notAfterMs,
      secret: await exportKey(rootKeys.privateKey),
    };
    await this.#insert(trustDomain, [root, issuer]);
  }

  /** A new issuer under the same root: agents pin the root, so nothing else changes. */
  async #replaceIssuer(trustDomain: string, nowMs: number): Promise<void> {
    const row = this.#newest("root");
    if (row === undefined) throw new Error("the root is missing");
    const root = { certificate: parseCertificate(row.public), key: await importKey(await this.#unseal(row)) };
    await this.#insert(trustDomain, [await newIssuer(trustDomain, root, nowMs)]);
  }

  async #insert(trustDomain: string, keys: readonly NewKey[]): Promise<void> {
    const sealer = await this.#sealer();
    const sealed = await Promise.all(keys.map((key) => sealer.seal(sealName(key.kind, key.public), key.secret)));
    this.#storage.transactionSync(() => {
      keys.forEach((key, index) => {
        this.#storage.sql.exec(
          "INSERT INTO keys (kind, trust_domain, public, sealed, not_after) VALUES (?, ?, ?, ?, ?)",
          key.kind,
          trustDomain,
          key.public,
          sealed[index],
          key.not_after,
        );
      });
    });
  }

  async #read(): Promise<Keys | undefined> {
    const [root, issuer] = [this.#newest("root"), this.#newest("issuer")];
    if (root === undefined || issuer === undefined) return undefined;
    const certificate = parseCertificate(root.public);
    return {
      trustDomain: root.trust_domain,
      issuer: { certificate: parseCertificate(issuer.public), key: await importKey(await this.#unseal(issuer)) },
      roots: [root.public],
      rootFingerprint: await fingerprint(certificate),
      madeAtMs: certificate.notBefore.getTime() + limits.certificate.backdateMs,
    };
  }

  #newest(kind: string): KeyRow | undefined {
    const query = "SELECT * FROM keys WHERE kind = ? ORDER BY id DESC LIMIT 1";
    return this.#storage.sql.exec<KeyRow>(query, kind).toArray()[0];
  }

  async #unseal(row: KeyRow): Promise<Bytes> {
    return (await this.#sealer()).open(sealName(row.kind, row.public), row.sealed);
  }
}

/** A private key is bound to its kind and its public half. */
const sealName = (kind: string, publicHalf: string): string => `${kind}/${publicHalf}`;

async function newIssuer(trustDomain: string, root: Signer, nowMs: number): Promise<NewKey> {
  const keys = await makeKeys();
  const rootEndsMs = root.certificate.notAfter.getTime();
  const terms = certificateTerms(limits.certificate.issuerLifetimeMs, rootEndsMs, nowMs, randomBytes(16));
  const certificate = await makeIssuer(trustDomain, terms, keys.publicKey, root);
  const secret = await exportKey(keys.privateKey);
  return { kind: "issuer", public: certificate.toString("pem"), not_after: terms.notAfterMs, secret };
}
