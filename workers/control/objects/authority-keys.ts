/** Roots and issuers of the authority: made, replaced step by step as `shared/policy/authority-rotation.ts` decides, and opened. */
import { limits } from "../../../shared/limits.ts";
import {
  type AuthorityEvent,
  type AuthorityVerdict,
  believedRoots,
  stepAuthority,
} from "../../../shared/policy/authority-rotation.ts";
import { certificateTerms, issuerIsDue, successionSerial } from "../../../shared/policy/issuance.ts";
import { randomBytes } from "../authority/bytes.ts";
import {
  fingerprint,
  makeIssuer,
  makeKeys,
  makeRoot,
  makeSuccession,
  parseCertificate,
  type Signer,
} from "../authority/certificates.ts";
import type { ExternalChain } from "../authority/external-chain.ts";
import type { Sealer } from "../authority/seal.ts";
import { makeIssuerRequest } from "../authority/signing-request.ts";
import { KeyStore, type NewKey, type StoredState, secretOf } from "./key-store.ts";
import { LineageStore } from "./lineage-store.ts";

/** The authority, ready for use. */
export interface Keys {
  readonly trustDomain: string;
  readonly issuer: Signer;
  /** SHA-256 of the DER of the issuer's certificate, hex. */
  readonly issuerFingerprint: string;
  /** PEM: the issuer, and whatever is between it and the root. */
  readonly certificates: readonly string[];
  /** PEM of all that agents believe, the one that signs first. */
  readonly roots: string[];
  readonly rootFingerprint: string;
  /** When the first of issuer, root and what is between them ends: nothing that is issued outlives it. */
  readonly endsAtMs: number;
  readonly madeAtMs: number;
}

export class AuthorityKeys {
  readonly store: KeyStore;
  readonly lineage: LineageStore;
  readonly #storage: DurableObjectStorage;
  /** What was read; concurrent callers wait for the same. Nothing found, or a failure, is not remembered. */
  #reading: Promise<Keys | undefined> | undefined;
  /** One making at a time. */
  #making: Promise<void> | undefined;
  readonly #onReplaced: (issuer: string) => void;

  /** @param onReplaced told of an issuer that was replaced because its time was over */
  constructor(storage: DurableObjectStorage, sealer: () => Promise<Sealer>, onReplaced: (issuer: string) => void) {
    this.#storage = storage;
    this.store = new KeyStore(storage, sealer);
    this.lineage = new LineageStore(storage.sql);
    this.#onReplaced = onReplaced;
  }

  /** The keys of this authority, made for `trustDomain` if there are none. */
  async ensure(trustDomain: string, nowMs: number): Promise<Keys> {
    const known = await this.open(nowMs);
    if (known !== undefined) return known;
    await this.#makeOnce(() => this.#makeFirst(trustDomain, nowMs));
    const made = await this.#readOnce();
    if (made === undefined) throw new Error("the authority's keys could not be made");
    return made;
  }

  /** Undefined before `ensure` was called for the first time. */
  async open(nowMs: number): Promise<Keys | undefined> {
    const keys = await this.#readOnce();
    if (keys === undefined) return undefined;
    const endsMs = keys.issuer.certificate.notAfter.getTime();
    const root = this.store.certificate("root", keys.rootFingerprint);
    if (root === undefined || root.external) return keys;
    if (!issuerIsDue(endsMs, parseCertificate(root.pem).notAfter.getTime(), nowMs)) return keys;
    try {
      await this.#makeOnce(() => this.#replaceIssuer(keys, nowMs));
      return await this.#readOnce();
    } catch (error) {
      console.error(JSON.stringify({ kind: "error", act: "replace-issuer", endsMs, reason: String(error) }));
      return keys;
    }
  }

  /** Forgets all keys, as long as nobody has anything that was signed by them. */
  discard(): void {
    this.store.discard();
    this.lineage.discard();
    this.#reading = undefined;
  }

  /** @returns the fingerprint of a root that came from the form of storage before this one, once */
  adopt(): Promise<string | undefined> {
    return this.store.adopt(limits.certificate.backdateMs);
  }

  /** Makes a root with an issuer and begins to have it trusted. */
  async beginRoot(nowMs: number): Promise<AuthorityVerdict> {
    const { trustDomain } = this.#state();
    const { root, keys } = await newRoot(trustDomain, nowMs);
    return this.#beginRoot(root, keys, nowMs);
  }

  /** Makes another issuer of the same root, which signs from now on. @throws Error where the root is somebody else's */
  async beginIssuer(nowMs: number): Promise<AuthorityVerdict> {
    const state = this.#state();
    const key = await newIssuer(state.trustDomain, await this.#rootSigner(state.root), state.root, nowMs);
    return this.#begin({ type: "begin", kind: "issuer" }, [key], nowMs);
  }

  /** Begins to use an issuer that somebody else signed for the pending key. */
  async beginExternal({ certificates }: ExternalChain, nowMs: number): Promise<AuthorityVerdict> {
    const secret = await this.store.pendingSecret();
    const [issuer] = certificates;
    const root = certificates.at(-1);
    if (secret === undefined || issuer === undefined || root === undefined) throw new Error("there is no pending key");
    const rootFingerprint = await fingerprint(root);
    const between = certificates.slice(1, -1).map((one) => one.toString("pem"));
    const ends = Math.min(...certificates.map((one) => one.notAfter.getTime()));
    const key: NewKey = {
      ...{ kind: "issuer", public: issuer.toString("pem"), notAfterMs: ends, root: rootFingerprint },
      ...{ chain: between, secret },
    };
    const verdict =
      rootFingerprint === this.#state().root
        ? await this.#begin({ type: "begin", kind: "issuer" }, [key], nowMs)
        : await this.#beginRoot(root, [{ ...rootKey(root, rootFingerprint) }, key], nowMs);
    if (verdict.changed) this.store.dropPending();
    return verdict;
  }

  /** The request for the key that waits for a certificate, which is made where there is none. PEM. */
  async request(fresh: boolean): Promise<string> {
    const known = this.store.pending;
    if (known !== undefined && !fresh) return known;
    const { trustDomain } = this.#state();
    const keys = await makeKeys();
    const csr = await makeIssuerRequest(trustDomain, keys);
    const key = { kind: "pending", public: csr, notAfterMs: 0, root: "", secret: await secretOf(keys) } as const;
    const sealed = await this.store.seal([key]);
    this.#storage.transactionSync(() => {
      this.store.dropPending();
      this.store.insert(trustDomain, sealed);
    });
    return csr;
  }

  /** Applies an event that needs no new keys. */
  step(event: AuthorityEvent, nowMs: number): AuthorityVerdict {
    const state = this.#state();
    const verdict = stepAuthority(state, event, nowMs);
    if (!verdict.changed) return verdict;
    this.#storage.transactionSync(() => {
      this.store.state = state;
      if (verdict.dropped !== undefined) this.store.dropRoot(verdict.dropped);
      if (event.type === "abort" && verdict.dropped !== undefined) this.lineage.forget(verdict.dropped);
    });
    this.#reading = undefined;
    return verdict;
  }

  #state(): StoredState {
    const { state } = this.store;
    if (state === undefined) throw new Error("there is no authority before the first apply");
    return state;
  }

  /** The root before vouches for the next one, where its key is here. */
  async #beginRoot(root: Signer["certificate"], keys: readonly NewKey[], nowMs: number): Promise<AuthorityVerdict> {
    const to = await fingerprint(root);
    const from = this.#state().root;
    const signer = await this.store.signer("root", from);
    if (signer === undefined) return this.#begin({ type: "begin", kind: "root", root: to }, keys, nowMs);
    const lifetimeMs = root.notAfter.getTime() - nowMs;
    const dates = certificateTerms(lifetimeMs, signer.certificate.notAfter.getTime(), nowMs, randomBytes(16));
    const terms = { ...dates, serial: successionSerial(to) };
    const succession = (await makeSuccession(terms, root, signer)).toString("pem");
    return this.#begin({ type: "begin", kind: "root", root: to }, keys, nowMs, () =>
      this.lineage.add(from, to, signer.certificate.toString("pem"), succession),
    );
  }

  async #begin(
    event: Extract<AuthorityEvent, { type: "begin" }>,
    keys: readonly NewKey[],
    nowMs: number,
    also?: () => void,
  ): Promise<AuthorityVerdict> {
    const sealed = await this.store.seal(keys);
    const state = this.#state();
    const verdict = stepAuthority(state, event, nowMs);
    if (!verdict.changed) return verdict;
    this.#storage.transactionSync(() => {
      this.store.insert(state.trustDomain, sealed);
      if (event.kind === "issuer") this.store.dropFormerIssuers(state.root);
      also?.();
      this.store.state = state;
    });
    this.#reading = undefined;
    return verdict;
  }

  #readOnce(): Promise<Keys | undefined> {
    const reading = this.#reading ?? this.#read();
    this.#reading = reading;
    const forget = (): void => {
      if (this.#reading === reading) this.#reading = undefined;
    };
    reading.then((keys) => keys === undefined && forget(), forget);
    return reading;
  }

  #makeOnce(work: () => Promise<void>): Promise<void> {
    this.#making ??= work().finally(() => {
      this.#making = undefined;
      this.#reading = undefined;
    });
    return this.#making;
  }

  async #makeFirst(trustDomain: string, nowMs: number): Promise<void> {
    if (this.store.state !== undefined) return;
    const { keys, fingerprint: root } = await newRoot(trustDomain, nowMs);
    const sealed = await this.store.seal(keys);
    this.#storage.transactionSync(() => {
      this.store.insert(trustDomain, sealed);
      this.store.state = { root, trustDomain, madeAtMs: nowMs };
    });
  }

  /** A new issuer under the same root: agents pin the root, so nothing else changes. */
  async #replaceIssuer({ trustDomain, rootFingerprint }: Keys, nowMs: number): Promise<void> {
    const key = await newIssuer(trustDomain, await this.#rootSigner(rootFingerprint), rootFingerprint, nowMs);
    const sealed = await this.store.seal([key]);
    this.#storage.transactionSync(() => {
      this.store.insert(trustDomain, sealed);
      this.store.dropFormerIssuers(rootFingerprint);
    });
    this.#onReplaced(await fingerprint(parseCertificate(key.public)));
  }

  async #rootSigner(root: string): Promise<Signer> {
    const signer = await this.store.signer("root", root);
    if (signer === undefined) throw new Error("the key of the root is not here");
    return signer;
  }

  async #read(): Promise<Keys | undefined> {
    const { state } = this.store;
    if (state === undefined) return undefined;
    const issuer = await this.store.signer("issuer", state.root);
    const stored = this.store.certificate("issuer", state.root);
    if (issuer === undefined || stored === undefined) return undefined;
    const certificates = [stored.pem, ...stored.chain];
    const roots = believedRoots(state).flatMap((root) => this.store.certificate("root", root)?.pem ?? []);
    const chain = [...certificates, ...roots.slice(0, 1)].map((pem) => parseCertificate(pem));
    return {
      trustDomain: state.trustDomain,
      issuer,
      issuerFingerprint: await fingerprint(issuer.certificate),
      certificates,
      roots,
      endsAtMs: Math.min(...chain.map(({ notAfter }) => notAfter.getTime())),
      rootFingerprint: state.root,
      madeAtMs: state.madeAtMs,
    };
  }
}

const rootKey = (root: Signer["certificate"], of: string): NewKey => ({
  ...{ kind: "root", public: root.toString("pem"), notAfterMs: root.notAfter.getTime(), root: of },
});

async function newRoot(trustDomain: string, nowMs: number) {
  const made = await makeKeys();
  const terms = certificateTerms(limits.certificate.rootLifetimeMs, Number.POSITIVE_INFINITY, nowMs, randomBytes(16));
  const root = await makeRoot(trustDomain, terms, made);
  const own = await fingerprint(root);
  const issuer = await newIssuer(trustDomain, { certificate: root, key: made.privateKey }, own, nowMs);
  const keys: NewKey[] = [{ ...rootKey(root, own), secret: await secretOf(made) }, issuer];
  return { root, fingerprint: own, keys };
}

async function newIssuer(trustDomain: string, root: Signer, rootFingerprint: string, nowMs: number): Promise<NewKey> {
  const keys = await makeKeys();
  const rootEndsMs = root.certificate.notAfter.getTime();
  const terms = certificateTerms(limits.certificate.issuerLifetimeMs, rootEndsMs, nowMs, randomBytes(16));
  const certificate = await makeIssuer(trustDomain, terms, keys.publicKey, root);
  const secret = await secretOf(keys);
  return {
    ...{ kind: "issuer", public: certificate.toString("pem"), notAfterMs: terms.notAfterMs },
    ...{ root: rootFingerprint, secret },
  };
}
