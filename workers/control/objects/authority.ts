/**
 * The certificate authority: root and issuer, the keys that gateways hold, all sealed at rest; join tokens; X.509-SVIDs for
 * CSRs. Its alarm hands new keys to agents, and to gateways once every agent has them.
 */
import { DurableObject } from "cloudflare:workers";
import { SelvageError } from "../../../shared/errors.ts";
import { limits } from "../../../shared/limits.ts";
import { type CertificateLives, leafTerms, refuseJoin, USUAL_LIVES } from "../../../shared/policy/issuance.ts";
import { keyIn, rotationIsDue } from "../../../shared/policy/key-ring.ts";
import { type EnrolRequest, JOIN_TOKEN_PREFIX, type JoinToken, macInput } from "../../../shared/wire/enrolment.ts";
import { type EnrolmentKeyInfo, joinInput } from "../../../shared/wire/joining.ts";
import { type Bytes, fromBase64Url, randomBytes, toBase64Url, utf8 } from "../authority/bytes.ts";
import { makeLeaf, requestedKey } from "../authority/certificates.ts";
import { signAgentToken } from "../authority/control-tokens.ts";
import { keyHash, knownAs } from "../authority/key-proof.ts";
import { importMacKey, mac, macIsGood } from "../authority/mac.ts";
import { makeSealer, type Sealer } from "../authority/seal.ts";
import type { Env } from "../env.ts";
import { laggards, tellTrust } from "../upstream/hubs.ts";
import { type Issued, Joining } from "./joining.ts";
import { KEY_KINDS, KeyRingStore, makeKey } from "./key-ring-store.ts";
import { KeyStore, type Keys } from "./key-store.ts";
import {
  type AuthorityRpc,
  type GatewayKeys,
  type HeldKeys,
  type IssuedCredentials,
  type KeyKind,
  type KeyRings,
  type Laggards,
  MAIN,
  type ProvenJoin,
  type ProvenTokenJoin,
  type Refused,
  type Trust,
} from "./rpc.ts";

interface TokenRow extends Record<string, SqlStorageValue> {
  id: string;
  service: string;
  /** SHA-256 of the token's secret, sealed. */
  mac_key: string;
  expires_at: number;
  used_at: number;
}

export class Authority extends DurableObject<Env> implements AuthorityRpc {
  readonly #sql: SqlStorage;
  readonly #keys: KeyStore;
  readonly #rings: KeyRingStore;
  readonly #joining: Joining;
  /** One making of first keys at a time. */
  #makingFirst: Promise<void> | undefined;
  #sealer: Promise<Sealer> | undefined;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    this.#sql = ctx.storage.sql;
    this.#sql.exec(`CREATE TABLE IF NOT EXISTS join_tokens (
      id TEXT PRIMARY KEY, service TEXT, mac_key TEXT, expires_at INTEGER, used_at INTEGER)`);
    this.#sql.exec(`CREATE TABLE IF NOT EXISTS issued (
      id INTEGER PRIMARY KEY AUTOINCREMENT, serial TEXT, service TEXT, instance TEXT,
      issued_at INTEGER, not_after INTEGER, cause TEXT)`);
    this.#keys = new KeyStore(ctx.storage, () => this.#openSealer());
    this.#rings = new KeyRingStore(ctx.storage, () => this.#openSealer());
    this.#joining = new Joining(ctx.storage, {
      issue: (service, instance, csr, cause) => this.#issue(service, instance, csr, cause),
      settings: () => this.#config.joining(),
      audit: (act) => this.#config.audit(act),
      auditRefused: (act) => this.#config.auditRefused(act),
    });
  }

  /** While nothing was issued, another trust domain starts afresh; from then on it is fixed. */
  async ensure(trustDomain: string): Promise<string> {
    let keys = await this.#keys.ensure(trustDomain, Date.now());
    if (keys.trustDomain !== trustDomain && !this.#hasIssued()) {
      this.#keys.discard();
      this.#rings.discard();
      this.#sql.exec("DELETE FROM join_tokens");
      keys = await this.#keys.ensure(trustDomain, Date.now());
    }
    await this.#ensureRings();
    return keys.trustDomain;
  }

  async trust(): Promise<Trust> {
    const keys = await this.#openAll();
    if (keys === undefined) return { id: "", changedAtMs: 0, roots: [], txnKeys: [], hopKeys: [] };
    const { changedAtMs } = this.#rings;
    return {
      id: `${keys.rootFingerprint.slice(0, 16)}.${changedAtMs}`,
      changedAtMs,
      roots: keys.roots,
      txnKeys: this.#rings.published("signing").map((key) => key.public),
      hopKeys: this.#rings.published("hop").map(({ kid, sealed }) => ({ kid, sealed })),
    };
  }

  /**
   * After an authority was made anew gateways go on with the keys of the one before, which agents believe for a while: those
   * have to come back first to learn the new ones.
   */
  async gatewayKeys(held: HeldKeys): Promise<GatewayKeys> {
    const nowMs = Date.now();
    const keys = await this.#openAll();
    if (keys === undefined) return {};
    const isTakeover = nowMs < keys.madeAtMs + limits.keyRotation.takeoverMs;
    const missing: GatewayKeys = {};
    for (const kind of KEY_KINDS) {
      const kid = held[kind];
      const isFormer = kid !== undefined && !this.#rings.ring(kind).keys.some((key) => key.kid === kid);
      if (isFormer && isTakeover) continue;
      const current = await this.#rings.current(kind);
      if (current !== undefined && current.kid !== kid) missing[kind] = current;
    }
    return missing;
  }

  async rotate(kind: KeyKind, how: { now: boolean; revoke: boolean }): Promise<{ kid: string } | Refused> {
    if ((await this.#openAll()) === undefined)
      return refused("document_missing", "there is no authority before the first apply");
    const made = await makeKey(kind);
    const verdict = await this.#rings.add(kind, made, how, Date.now());
    if (verdict.refused !== undefined) return refused("rotation_refused", verdict.refused);
    await this.#turnKeys();
    return { kid: made.kid };
  }

  async keyRings(): Promise<KeyRings> {
    const { id } = await this.trust();
    const rings = KEY_KINDS.map((kind) => ({ kind, keys: this.#rings.ring(kind).keys }));
    return { rings: rings.filter(({ keys }) => keys.length > 0), trust: id };
  }

  override async alarm(): Promise<void> {
    await this.#turnKeys();
  }

  /** Brings what gateways hold and agents believe one step further, and sees to the next. Never fails. */
  async #turnKeys(): Promise<void> {
    // Whatever becomes of this step, there is another one.
    await this.ctx.storage.setAlarm(Date.now() + limits.control.publishRetryMs);
    try {
      for (const kind of KEY_KINDS)
        if (rotationIsDue(this.#rings.ring(kind), Date.now(), limits.keyRotation))
          await this.#rings.add(kind, await makeKey(kind), { now: false, revoke: false }, Date.now());
      const trust = await this.trust();
      await tellTrust(this.env, trust);
      if (this.#tick(trust, await laggards(this.env, trust.id))) await tellTrust(this.env, await this.trust());
      const nowMs = Date.now();
      await this.ctx.storage.setAlarm(Math.min(this.#rings.dueAt(nowMs), nowMs + limits.keyRotation.everyMs));
    } catch (error) {
      console.error(JSON.stringify({ kind: "error", act: "turn-keys", reason: String(error) }));
    }
  }

  /** @returns whether agents have to hear of it */
  #tick({ changedAtMs }: Trust, { agents, ingresses }: Laggards): boolean {
    // Another key came in between, of which nobody was asked.
    if (this.#rings.changedAtMs !== changedAtMs) return false;
    const nowMs = Date.now();
    const lagging = { signing: agents, hop: ingresses };
    return KEY_KINDS.map((kind) => this.#rings.step(kind, { type: "tick", lagging: lagging[kind] }, nowMs)).some(
      ({ dropped }) => dropped.length > 0,
    );
  }

  async #openAll(): Promise<Keys | undefined> {
    const keys = await this.#keys.open(Date.now());
    if (keys !== undefined) await this.#ensureRings();
    return keys;
  }

  /** The first keys are current at once: nobody has others. */
  #ensureRings(): Promise<void> {
    this.#makingFirst ??= this.#makeFirst().finally(() => {
      this.#makingFirst = undefined;
    });
    return this.#makingFirst;
  }

  async #makeFirst(): Promise<void> {
    for (const kind of KEY_KINDS) {
      if (keyIn(this.#rings.ring(kind), "current") !== undefined) continue;
      await this.#rings.add(kind, await makeKey(kind), { now: true, revoke: false }, Date.now());
      await this.ctx.storage.setAlarm(Date.now() + limits.control.publishRetryMs);
    }
  }

  async createJoinToken(
    service: string,
    lifetimeMs: number,
    url: string,
  ): Promise<{ token: string; expiresAtMs: number } | Refused> {
    const nowMs = Date.now();
    const keys = await this.#keys.open(nowMs);
    if (keys === undefined) return refused("document_missing", "there is no authority before the first apply");
    const id = toBase64Url(randomBytes(16));
    const secret = randomBytes(32);
    const macKey = new Uint8Array(await crypto.subtle.digest("SHA-256", secret));
    const sealed = await (await this.#openSealer()).seal(`join-token/${id}`, macKey);
    const expiresAtMs = nowMs + Math.min(lifetimeMs, limits.control.joinTokenLifetimeMaxMs);
    this.#forgetTokens(nowMs);
    this.#sql.exec("INSERT INTO join_tokens VALUES (?, ?, ?, ?, 0)", id, service, sealed, expiresAtMs);
    const token: JoinToken = { url, root: keys.rootFingerprint, id, secret: toBase64Url(secret) };
    return { token: JOIN_TOKEN_PREFIX + toBase64Url(utf8(JSON.stringify(token))), expiresAtMs };
  }

  /**
   * Everything that can fail is done before the token is used up, and using it is one statement: of two requests with
   * one token exactly one gets credentials, and a request that could not be served leaves the token good.
   */
  async enrol({ id, csr, instance, mac: requestMac, enrolment }: EnrolRequest): Promise<IssuedCredentials | Refused> {
    const row = this.#sql.exec<TokenRow>("SELECT * FROM join_tokens WHERE id = ?", id).toArray()[0];
    if (row === undefined) return this.#refuseJoin(id, instance, refuseJoin(undefined, false, Date.now()));
    const key = await importMacKey(await (await this.#openSealer()).open(`join-token/${id}`, row.mac_key));
    const isBound = async (given: Bytes | undefined, text: string): Promise<boolean> =>
      given !== undefined && macIsGood(key, given, text);
    const isGood =
      (await isBound(fromBase64Url(requestMac), macInput.request({ id, csr, instance }))) &&
      (enrolment === undefined ||
        (await isBound(fromBase64Url(enrolment.mac), joinInput.enrol(id, instance, csr, enrolment.key))));
    const state = { service: row.service, expiresAtMs: row.expires_at, usedAtMs: row.used_at };
    const reason = refuseJoin(state, isGood, Date.now());
    if (reason !== undefined) return this.#refuseJoin(id, instance, reason);
    const issued = await this.#issue(row.service, instance, csr, `join token ${id}`);
    if ("refused" in issued) return issued;
    const keyId = enrolment === undefined ? undefined : await knownAs(enrolment.key);
    const settings = await this.#config.joining();
    const answerMac = toBase64Url(await mac(key, macInput.answer({ id, instance }, issued.credentials)));
    const won = this.ctx.storage.transactionSync(() => {
      const used = "UPDATE join_tokens SET used_at = ? WHERE id = ? AND used_at = 0";
      if (this.#sql.exec(used, Date.now(), id).rowsWritten === 0) return false;
      issued.record();
      if (keyId !== undefined) this.#joining.keepKey(keyId, row.service, instance, Date.now(), settings);
      return true;
    });
    if (!won) return this.#refuseJoin(id, instance, "join token was used before");
    return { ...issued.credentials, mac: answerMac };
  }

  async renew(
    service: string,
    instance: string,
    csr: string,
    keyId: string | undefined,
  ): Promise<IssuedCredentials | Refused> {
    const issued = await this.#issue(service, instance, csr, "renewal");
    if ("refused" in issued) return issued;
    const settings = await this.#config.joining();
    this.ctx.storage.transactionSync(() => {
      issued.record();
      if (keyId !== undefined) this.#joining.keepKey(keyId, service, instance, Date.now(), settings);
    });
    return issued.credentials;
  }

  joinByToken(join: ProvenTokenJoin): Promise<IssuedCredentials | Refused> {
    return this.#joining.byToken(join);
  }

  joinByKey(join: ProvenJoin): Promise<IssuedCredentials | Refused> {
    return this.#joining.byKey(join);
  }

  refuseJoining(who: string, reason: string): Promise<Refused> {
    return this.#joining.refuse(who, reason);
  }

  enrolmentKeys(): Promise<EnrolmentKeyInfo[]> {
    return this.#joining.keys();
  }

  removeEnrolmentKey(id: string, by: string): Promise<EnrolmentKeyInfo | Refused> {
    return this.#joining.removeKey(id, by);
  }

  async #issue(service: string, instance: string, csr: string, cause: string): Promise<Issued | Refused> {
    const [undeclared, { lives }] = await Promise.all([this.#config.refuseService(service), this.#config.joining()]);
    if (undeclared !== undefined) return undeclared;
    const nowMs = Date.now();
    const keys = await this.#keys.open(nowMs);
    if (keys === undefined) return refused("document_missing", "there is no authority before the first apply");
    const publicKey = await requestedKey(csr).catch(asRefused);
    if ("refused" in publicKey) return publicKey;
    return this.#sign(keys, publicKey, { service, instance, cause }, lives ?? USUAL_LIVES, nowMs);
  }

  async #sign(
    keys: Keys,
    publicKey: CryptoKey,
    { service, instance, cause }: { service: string; instance: string; cause: string },
    lives: CertificateLives,
    nowMs: number,
  ): Promise<Issued> {
    const { trustDomain, issuer, roots } = keys;
    const issuerEndsMs = issuer.certificate.notAfter.getTime();
    const terms = leafTerms(trustDomain, service, issuerEndsMs, nowMs, randomBytes(16), lives.certificateMs);
    const leaf = await makeLeaf(terms, publicKey, issuer);
    const key = await keyHash((await crypto.subtle.exportKey("spki", publicKey)) as ArrayBuffer);
    const token = await signAgentToken(this.env.TOKEN_SECRET, { service, instance, key }, lives.tokenMs, nowMs);
    const certificates = [leaf.toString("pem"), issuer.certificate.toString("pem")];
    const notAfterMs = terms.notAfterMs;
    return {
      credentials: { service, trustDomain, certificates, roots, token, notAfterMs },
      record: () => this.#record({ serial: terms.serial, service, instance, nowMs, notAfterMs, cause }),
    };
  }

  #record(entry: {
    serial: string;
    service: string;
    instance: string;
    nowMs: number;
    notAfterMs: number;
    cause: string;
  }): void {
    const { serial, service, instance, nowMs, notAfterMs, cause } = entry;
    const { id } = this.#sql
      .exec<{ id: number }>(
        `INSERT INTO issued (serial, service, instance, issued_at, not_after, cause)
         VALUES (?, ?, ?, ?, ?, ?) RETURNING id`,
        serial,
        service,
        instance,
        nowMs,
        notAfterMs,
        cause,
      )
      .one();
    this.#sql.exec("DELETE FROM issued WHERE id <= ?", id - limits.control.logRowsKept);
    const time = new Date(nowMs).toISOString();
    console.log(JSON.stringify({ time, kind: "audit", act: "issue", service, instance, serial, notAfterMs, cause }));
  }

  #hasIssued(): boolean {
    return this.#sql.exec("SELECT 1 FROM issued LIMIT 1").toArray().length > 0;
  }

  /** The client is told nothing but that; the log says why. */
  #refuseJoin(id: string, instance: string, reason: string | undefined): Refused {
    const time = new Date().toISOString();
    console.warn(JSON.stringify({ time, kind: "audit", act: "refuse-join", token: id, instance, reason }));
    return refused("join_token_refused", reason ?? "refused");
  }

  /** Used and expired tokens go after a week, and the oldest ones beyond the bound. */
  #forgetTokens(nowMs: number): void {
    this.#sql.exec("DELETE FROM join_tokens WHERE expires_at < ?", nowMs - limits.control.joinTokenLifetimeMaxMs);
    this.#sql.exec(
      "DELETE FROM join_tokens WHERE id IN (SELECT id FROM join_tokens ORDER BY expires_at DESC LIMIT -1 OFFSET ?)",
      limits.control.joinTokensMax - 1,
    );
  }

  get #config() {
    return this.env.CONFIG.getByName(MAIN);
  }

  #openSealer(): Promise<Sealer> {
    this.#sealer ??= makeSealer(this.env.KEY_SECRET);
    return this.#sealer;
  }
}

function refused(code: Refused["refused"]["code"], reason: string): Refused {
  return { refused: { code, reason } };
}

function asRefused(error: unknown): Refused {
  if (error instanceof SelvageError) return refused(error.code, error.reason);
  throw error;
}
