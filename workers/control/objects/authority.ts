/**
 * The certificate authority: root and issuer, the keys that gateways hold, all sealed at rest; join tokens; X.509-SVIDs for
 * CSRs. Its alarm hands new keys to agents, and to gateways once every agent has them.
 */
import { DurableObject } from "cloudflare:workers";
import { limits } from "../../../shared/limits.ts";
import type { Workload } from "../../../shared/policy/denial.ts";
import { refuseJoin } from "../../../shared/policy/issuance.ts";
import { keyIn, rotationIsDue } from "../../../shared/policy/key-ring.ts";
import type { CaStatus, DeniedInfo, DeniedList, DenyRequest, IssuanceEntry } from "../../../shared/wire/ca.ts";
import { type EnrolRequest, JOIN_TOKEN_PREFIX, type JoinToken, macInput } from "../../../shared/wire/enrolment.ts";
import { type EnrolmentKeyInfo, joinInput } from "../../../shared/wire/joining.ts";
import { type Bytes, fromBase64Url, randomBytes, toBase64Url, utf8 } from "../authority/bytes.ts";
import { knownAs } from "../authority/key-proof.ts";
import { importMacKey, mac, macIsGood } from "../authority/mac.ts";
import { makeSealer, type Sealer } from "../authority/seal.ts";
import type { Env } from "../env.ts";
import { laggards, tellTrust } from "../upstream/hubs.ts";
import { AuthorityKeys, type Keys } from "./authority-keys.ts";
import type {
  Admitted,
  AuthorityRpc,
  CaOrder,
  FederationOrder,
  GatewayKeys,
  HeldKeys,
  IssuedCredentials,
  KeyKind,
  KeyRings,
  ProvenJoin,
  ProvenSvidJoin,
  ProvenTokenJoin,
} from "./authority-rpc.ts";
import { CertificateDesk } from "./certificate-desk.ts";
import { FederationDesk } from "./federation-desk.ts";
import { Joining } from "./joining.ts";
import { KEY_KINDS, KeyRingStore, makeKey } from "./key-ring-store.ts";
import { LeafIssuer, RENEWAL } from "./leaf-issuer.ts";
import { LeafStore } from "./leaf-store.ts";
import { refused } from "./refused.ts";
import { type Act, type Actor, type Laggards, MAIN, type Refused, type Trust } from "./rpc.ts";
import { admitSvid } from "./svid-admission.ts";

interface TokenRow extends Record<string, SqlStorageValue> {
  id: string;
  service: string;
  /** SHA-256 of the token's secret, sealed. */
  mac_key: string;
  expires_at: number;
  used_at: number;
  /** Fingerprint of the root that it pins; empty: made before roots could change. */
  root: string;
}

export class Authority extends DurableObject<Env> implements AuthorityRpc {
  readonly #sql: SqlStorage;
  readonly #keys: AuthorityKeys;
  readonly #rings: KeyRingStore;
  readonly #leaves: LeafStore;
  readonly #desk: CertificateDesk;
  readonly #federation: FederationDesk;
  readonly #issuer: LeafIssuer;
  readonly #joining: Joining;
  /** One making of first keys at a time. */
  #makingFirst: Promise<void> | undefined;
  #sealer: Promise<Sealer> | undefined;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    this.#sql = ctx.storage.sql;
    this.#sql.exec(`CREATE TABLE IF NOT EXISTS join_tokens (
      id TEXT PRIMARY KEY, service TEXT, mac_key TEXT, expires_at INTEGER, used_at INTEGER)`);
    const columns = this.#sql.exec<{ name: string }>("SELECT name FROM pragma_table_info('join_tokens')").toArray();
    if (!columns.some(({ name }) => name === "root"))
      this.#sql.exec("ALTER TABLE join_tokens ADD COLUMN root TEXT NOT NULL DEFAULT ''");
    const openSealer = () => this.#openSealer();
    this.#rings = new KeyRingStore(ctx.storage, openSealer);
    this.#leaves = new LeafStore(this.#sql);
    const audit = (act: Act) => this.#config.audit(act);
    this.#keys = new AuthorityKeys(ctx.storage, openSealer, (issuer) => {
      const detail = `issuer: replaced by itself, now ${issuer}`;
      ctx.waitUntil(audit({ act: "ca-step", by: "authority", author: "authority", version: 0, detail }));
    });
    this.#desk = new CertificateDesk({
      ...{ sql: this.#sql, keys: this.#keys, leaves: this.#leaves, audit },
      touch: (nowMs) => this.#rings.touch(nowMs),
      turn: () => this.#turnKeys(),
      laggards: async () => laggards(env, (await this.trust()).id),
      partners: () => this.#federation.partners,
      outside: () => this.#federation.outside,
    });
    const parts = { leaves: this.#leaves, desk: this.#desk, tokenSecret: env.TOKEN_SECRET, config: () => this.#config };
    this.#issuer = new LeafIssuer({ keys: this.#keys, ...parts });
    this.#joining = new Joining(ctx.storage, {
      issue: (who, csr, cause) => this.#issuer.issue(who, csr, cause, ""),
      admit: (svid) => admitSvid(parts, svid),
      certifiedLast: (service, instance) => this.#leaves.last(service, instance)?.key,
      settings: () => this.#config.joining(),
      audit,
      auditRefused: (act) => this.#config.auditRefused(act),
    });
    this.#federation = new FederationDesk({
      ...{ storage: ctx.storage, touch: (nowMs) => this.#rings.touch(nowMs), turn: () => this.#turnKeys() },
      roots: async () => (await this.#keys.open(Date.now()))?.roots ?? [],
    });
    ctx.blockConcurrencyWhile(async () => {
      const root = await this.#keys.adopt();
      if (root !== undefined) this.#leaves.adopt(root, Date.now());
    });
  }

  /** While nothing was issued, another trust domain starts afresh; from then on it is fixed. */
  async ensure(trustDomain: string): Promise<string> {
    let keys = await this.#keys.ensure(trustDomain, Date.now());
    if (keys.trustDomain !== trustDomain && !this.#leaves.hasIssued()) {
      this.#keys.discard();
      this.#rings.discard();
      this.#sql.exec("DELETE FROM join_tokens");
      keys = await this.#keys.ensure(trustDomain, Date.now());
    }
    await this.#ensureRings();
    return keys.trustDomain;
  }

  async trust(): Promise<Trust> {
    // Before all that it stands for: whoever acknowledges it has that, or something newer.
    const { changedAtMs } = this.#rings;
    const keys = await this.#openAll();
    if (keys === undefined) return { id: "", changedAtMs: 0, roots: [], txnKeys: [], hopKeys: [] };
    return {
      id: `${keys.rootFingerprint.slice(0, 16)}.${changedAtMs}`,
      changedAtMs,
      roots: keys.roots,
      txnKeys: this.#rings.published("signing").map((key) => key.public),
      hopKeys: this.#rings.published("hop").map(({ kid, sealed }) => ({ kid, sealed })),
      ...this.#desk.trust(keys, Date.now()),
      ...this.#federation.trust,
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
    return this.#rings.missing(held, isTakeover);
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
    const alarms = [...this.#desk.alarms(Date.now()), ...this.#federation.alarms];
    return { rings: rings.filter(({ keys }) => keys.length > 0), trust: id, alarms };
  }

  ca(): Promise<CaStatus> {
    return this.#desk.status();
  }

  async issuanceLog(): Promise<IssuanceEntry[]> {
    return this.#leaves.log();
  }

  override async alarm(): Promise<void> {
    await this.#turnKeys();
    await this.#federation.refreshDue();
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
      if (await this.#tick(trust, await laggards(this.env, trust.id))) await tellTrust(this.env, await this.trust());
      const nowMs = Date.now();
      const dueAt = [this.#rings.dueAt(nowMs), this.#desk.dueAt(nowMs), this.#federation.dueAtMs];
      const dueAtMs = Math.min(...dueAt, nowMs + limits.keyRotation.everyMs);
      await this.ctx.storage.setAlarm(dueAtMs);
    } catch (error) {
      console.error(JSON.stringify({ kind: "error", act: "turn-keys", reason: String(error) }));
    }
  }

  /** @returns whether agents have to hear of it */
  async #tick({ changedAtMs }: Trust, lacking: Laggards): Promise<boolean> {
    // Something else came in between, of which nobody was asked.
    if (this.#rings.changedAtMs !== changedAtMs) return false;
    const nowMs = Date.now();
    const lagging = { signing: lacking.agents, hop: lacking.ingresses };
    const dropped = KEY_KINDS.map((kind) => this.#rings.step(kind, { type: "tick", lagging: lagging[kind] }, nowMs));
    const isPassed = await this.#desk.tick(lacking);
    return isPassed || dropped.some((verdict) => verdict.dropped.length > 0);
  }

  /** What administrators do is in `certificate-desk.ts`. */
  orderCa(order: CaOrder, actor: Actor): Promise<CaStatus | Refused> {
    return this.#desk.order(order, actor);
  }

  requestIssuer(fresh: boolean, actor: Actor): Promise<{ csr: string } | Refused> {
    return this.#desk.request(fresh, actor);
  }

  importChain(pem: string, actor: Actor): Promise<{ warnings: readonly string[]; ca: CaStatus } | Refused> {
    return this.#desk.importChain(pem, actor);
  }

  deny(request: DenyRequest, by: Actor): Promise<DeniedInfo | Refused> {
    return this.#desk.deny(request, by);
  }

  lift(id: string, by: Actor): Promise<DeniedInfo | Refused> {
    return this.#desk.lift(id, by);
  }

  denied(): Promise<DeniedList> {
    return this.#desk.denied();
  }

  federation(order: FederationOrder) {
    return this.#federation.order(order);
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
    const root = keys.rootFingerprint;
    const insert =
      "INSERT INTO join_tokens (id, service, mac_key, expires_at, used_at, root) VALUES (?, ?, ?, ?, 0, ?)";
    this.#sql.exec(insert, id, service, sealed, expiresAtMs, root);
    const token: JoinToken = { url, root, id, secret: toBase64Url(secret) };
    return { token: JOIN_TOKEN_PREFIX + toBase64Url(utf8(JSON.stringify(token))), expiresAtMs };
  }

  /**
   * Everything that can fail is done before the token is used up, and using it is one statement: of two requests with
   * one token exactly one gets credentials, and a request that could not be served leaves the token good.
   */
  async enrol({ id, csr, instance, mac: requestMac, enrolment }: EnrolRequest): Promise<IssuedCredentials | Refused> {
    const row = this.#sql.exec<TokenRow>("SELECT * FROM join_tokens WHERE id = ?", id).toArray()[0];
    if (row === undefined) return this.#refuseJoin(id, "", instance, refuseJoin(undefined, false, Date.now()));
    const key = await importMacKey(await (await this.#openSealer()).open(`join-token/${id}`, row.mac_key));
    const isBound = async (given: Bytes | undefined, text: string): Promise<boolean> =>
      given !== undefined && macIsGood(key, given, text);
    const isGood =
      (await isBound(fromBase64Url(requestMac), macInput.request({ id, csr, instance }))) &&
      (enrolment === undefined ||
        (await isBound(fromBase64Url(enrolment.mac), joinInput.enrol(id, instance, csr, enrolment.key))));
    const state = { service: row.service, expiresAtMs: row.expires_at, usedAtMs: row.used_at };
    const reason = refuseJoin(state, isGood, Date.now());
    if (reason !== undefined) return this.#refuseJoin(id, row.service, instance, reason);
    const settings = await this.#config.joining();
    const issued = await this.#issuer.issue({ service: row.service, instance }, csr, `join token ${id}`, row.root);
    if ("refused" in issued) return issued;
    const keyId = enrolment === undefined ? undefined : await knownAs(enrolment.key);
    const answerMac = toBase64Url(await mac(key, macInput.answer({ id, instance }, issued.credentials)));
    const won = this.ctx.storage.transactionSync(() => {
      const used = "UPDATE join_tokens SET used_at = ? WHERE id = ? AND used_at = 0";
      if (this.#sql.exec(used, Date.now(), id).rowsWritten === 0) return false;
      issued.record();
      if (keyId !== undefined) this.#joining.keepKey(keyId, row.service, instance, Date.now(), settings);
      return true;
    });
    if (!won) return this.#refuseJoin(id, row.service, instance, "join token was used before");
    return { ...issued.credentials, mac: answerMac };
  }

  async renew(who: Workload, csr: string, keyId: string | undefined): Promise<IssuedCredentials | Refused> {
    const { service, instance } = who;
    const settings = await this.#config.joining();
    const known = this.#leaves.last(service, instance)?.root ?? "";
    const issued = await this.#issuer.issue(who, csr, RENEWAL, known);
    if ("refused" in issued) return issued;
    this.ctx.storage.transactionSync(() => {
      issued.record();
      if (keyId !== undefined) this.#joining.keepKey(keyId, service, instance, Date.now(), settings);
    });
    return issued.credentials;
  }

  joinByToken(join: ProvenTokenJoin): Promise<IssuedCredentials | Refused | "outdated"> {
    return this.#joining.byToken(join);
  }

  joinByKey(join: ProvenJoin): Promise<IssuedCredentials | Refused> {
    return this.#joining.byKey(join);
  }

  joinBySvid(join: ProvenSvidJoin): Promise<Admitted | Refused> {
    return this.#joining.bySvid(join);
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

  async noteRefusal(service: string, instance: string, reason: string): Promise<void> {
    this.#leaves.refused(service, instance, RENEWAL, reason, Date.now());
  }

  /** The client is told nothing but that; the log says why. */
  #refuseJoin(id: string, service: string, instance: string, reason = "refused"): Refused {
    this.#leaves.refused(service, instance, `join token ${id}`, reason, Date.now());
    return refused("join_token_refused", reason);
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
