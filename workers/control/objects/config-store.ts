/** The config store: numbered versions of the document, the live one's faces, gateway leases and the audit log. */
import type { RevocationList } from "../../../shared/auth/revocations.ts";
import { GATEWAY_SERVICE } from "../../../shared/identity/spiffe-id.ts";
import { limits } from "../../../shared/limits.ts";
import { canonicalJson } from "../../../shared/plan/canonical-json.ts";
import type { Plan } from "../../../shared/plan/plan.ts";
import type { CounterReport } from "../../../shared/policy/counters.ts";
import { leaseNeedsPlan } from "../../../shared/policy/lease.ts";
import type { DeprecatedCaller, Drift, VersionInfo } from "../../../shared/wire/admin.ts";
import type { CanaryChange, CanaryRequest, CanaryStatus } from "../../../shared/wire/canary.ts";
import type { LeaseRequest } from "../../../shared/wire/gateway-lease.ts";
import type { RevocationInfo, RevocationRequest, Revocations } from "../../../shared/wire/revocations.ts";
import { sha256Hex } from "../authority/bytes.ts";
import type { Env } from "../env.ts";
import { publish, tellRevoked } from "../upstream/hubs.ts";
import { actorOf } from "./access-store.ts";
import { ArtifactStore } from "./artifact-store.ts";
import { canaryAct, canaryChangeAct, canaryEndAct } from "./canary-acts.ts";
import { CanaryStore } from "./canary-store.ts";
import { CountedReports } from "./counted-reports.ts";
import { facesOf } from "./faces-of.ts";
import { GatewayStore } from "./gateway-store.ts";
import { type LiveVersion, liveVersion } from "./live-version.ts";
import { canaryRunning, nothingLive, otherTrustDomain, unknownVersion, withoutArtifacts } from "./refusals.ts";
import { describeRevocation, RevocationStore } from "./revocation-store.ts";
import {
  type Actor,
  type Applied,
  type Change,
  type ConfigStatus,
  type ConfigStoreRpc,
  type JoiningSettings,
  type Judged,
  type LeaseGrant,
  MAIN,
  type Moved,
  type Publication,
  type Refused,
  type StoredVersion,
  type Told,
} from "./rpc.ts";
import { type VersionContent, type VersionRow, VersionStore } from "./version-store.ts";

export class ConfigStore extends GatewayStore implements ConfigStoreRpc {
  readonly #sql: SqlStorage;
  readonly #versions: VersionStore;
  readonly #artifacts: ArtifactStore;
  readonly #counted: CountedReports;
  readonly #revocations: RevocationStore;
  readonly #canary: CanaryStore;
  readonly #faces = (version: number) => facesOf(this.#versions.plan(version));
  /** The live version's parsed parts, read again after an eviction. */
  #live: LiveVersion | undefined;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    this.#sql = ctx.storage.sql;
    this.#sql.exec("CREATE TABLE IF NOT EXISTS published (id INTEGER PRIMARY KEY CHECK (id = 1), version INTEGER)");
    this.#versions = new VersionStore(this.#sql);
    this.#artifacts = new ArtifactStore(this.#sql);
    this.#counted = new CountedReports(this.#sql);
    this.#revocations = new RevocationStore(this.#sql);
    this.#canary = new CanaryStore(this.#sql, env, (ended, endedBy) => this.#canaryEnded(ended, endedBy));
  }

  async apply(
    change: Change & Judged,
    by: Actor,
    canary?: CanaryRequest,
  ): Promise<Applied | Refused | Moved | { trustDomainIs: string }> {
    const missing = this.#artifacts.missing(Object.values(change.artifacts), Date.now());
    if (missing.length > 0) return withoutArtifacts(missing);
    const plan = JSON.parse(change.plan) as Plan;
    const gateway = canonicalJson(plan.gateway);
    const [hash, gatewayHash] = await Promise.all([sha256Hex(change.plan), sha256Hex(gateway)]);
    const trustDomainIs = await this.#authority.ensure(plan.mesh.trustDomain);
    if (trustDomainIs !== plan.mesh.trustDomain) return { trustDomainIs };
    return this.#commit("apply", { changes: "", ...change, gateway, hash, gatewayHash }, by, canary);
  }

  async rollback(
    version: number,
    author: string,
    reason: string,
    by: Actor,
    judged: Judged = {},
  ): Promise<Applied | Refused | Moved> {
    const row = this.#versions.get(version);
    if (row === undefined) return unknownVersion(version);
    const artifacts = this.#artifacts.namedBy(version);
    // They stay although the version that names them may be forgotten before this one does.
    this.#artifacts.missing(Object.values(artifacts), Date.now());
    const content = {
      source: this.#versions.text("source", version) ?? "",
      document: this.#versions.text("document", version) ?? "",
      plan: this.#versions.text("plan", version) ?? "",
      gateway: this.#versions.text("gateway", version) ?? "",
      artifacts,
      hash: row.hash,
      gatewayHash: row.gateway_hash,
      file: row.file,
    };
    const { trustDomain } = (JSON.parse(content.plan) as Plan).mesh;
    const trustDomainIs = await this.#authority.ensure(trustDomain);
    if (trustDomainIs !== trustDomain) return otherTrustDomain(version, trustDomain, trustDomainIs);
    const why = reason === "" ? `rollback to version ${version}` : reason;
    return this.#commit("rollback", { changes: "", ...judged, ...content, author, reason: why }, by);
  }

  async canary(): Promise<CanaryStatus | undefined> {
    return this.#canary.status(this.leases.live(Date.now()));
  }

  async changeCanary(change: CanaryChange, by: Actor): Promise<CanaryStatus | Refused> {
    const changed = this.#canary.change(change, Date.now());
    if ("refused" in changed) return changed;
    const { version } = changed;
    this.acts.add({ ...canaryChangeAct(change), ...actorOf({ ...by, author: change.author }), version }, Date.now());
    await this.#tell();
    return changed;
  }

  async versions(): Promise<VersionInfo[]> {
    return this.#versions.list().map((row) => this.#versions.info(row));
  }

  async version(version: number): Promise<StoredVersion | Refused> {
    const row = this.#versions.get(version);
    return row === undefined ? unknownVersion(version) : this.#stored(row);
  }

  async live(): Promise<StoredVersion | undefined> {
    const row = this.#versions.newest();
    return row && this.#stored(row);
  }

  #stored(row: VersionRow): StoredVersion {
    const source = this.#versions.text("source", row.version) ?? "";
    const document = this.#versions.text("document", row.version) ?? "null";
    return { ...this.#versions.info(row), source, document, artifacts: this.#artifacts.namedBy(row.version) };
  }

  async status(): Promise<ConfigStatus> {
    const live = this.#versions.newest();
    const nowMs = Date.now();
    const [leases, counters] = [this.leases.live(nowMs), this.#counted.sums(nowMs)];
    const canary = this.#canary.brief;
    const { outageBudgetMs = limits.fleet.outageMs, telemetry } = this.#readLive() ?? {};
    const { version = 0, hash = "" } = live ?? {};
    return {
      version,
      hash,
      leases,
      counters,
      outageBudgetMs,
      ...(canary && { canary }),
      ...(telemetry && { telemetry }),
    };
  }

  async missingArtifacts(digests: readonly string[]): Promise<string[]> {
    return this.#artifacts.missing(digests, Date.now());
  }

  async putArtifact(digest: string, bytes: Uint8Array): Promise<boolean> {
    return this.ctx.storage.transactionSync(() => this.#artifacts.put(digest, bytes, Date.now()));
  }

  async artifact(digest: string): Promise<Uint8Array<ArrayBuffer> | undefined> {
    return this.#artifacts.get(digest);
  }

  async deprecatedCallers(): Promise<DeprecatedCaller[]> {
    return this.#counted.callers();
  }

  async drift(): Promise<Drift[]> {
    return this.#counted.drift();
  }

  async lease(asked: LeaseRequest): Promise<LeaseGrant> {
    const nowMs = Date.now();
    const live = this.#readLive();
    const { lease, ...where } = this.renewLease(asked, live?.row, nowMs);
    const { counted } = asked;
    if (counted !== undefined && this.#counted.add(asked.isolate, counted, nowMs))
      this.#canary.counted(counted.series, nowMs);
    if (live === undefined) return { version: 0 };
    const revocations = this.#revocations.listAfter(asked.revocations ?? 0, nowMs);
    const canary = this.#canary.grant(asked.canary, (version) => this.#versions.text("gateway", version) ?? "");
    const told = { ...(revocations !== undefined && { revocations }), ...(canary !== undefined && { canary }) };
    const grant = { version: live.row.version, ...told, ...where, ...this.taps.at(nowMs) };
    if (!leaseNeedsPlan(lease, grant.version)) return grant;
    return { ...grant, plan: { hash: live.row.gateway_hash, gateway: live.gateway } };
  }

  async counted(who: string, report: CounterReport): Promise<void> {
    this.#counted.add(who, report, Date.now());
  }

  async refuseService(service: string): Promise<Refused | undefined> {
    const live = this.#readLive();
    if (live === undefined) return { refused: { code: "document_missing", reason: "apply a document first" } };
    if (service === GATEWAY_SERVICE || live.services.has(service) || this.#isNew(service)) return undefined;
    const reason = `the live version ${live.row.version} has no service ${service}`;
    return { refused: { code: "service_undeclared", reason } };
  }

  async joining(): Promise<JoiningSettings> {
    const live = this.#readLive();
    return { version: live?.row.version ?? 0, ...live?.joining };
  }

  async revoke(request: RevocationRequest, by: string): Promise<RevocationInfo | Refused> {
    const nowMs = Date.now();
    const endMs = nowMs + (request.lifetimeMs ?? limits.control.revocationLifetimeMs);
    const made = this.#revocations.add(crypto.randomUUID(), request, endMs, nowMs);
    if (made === undefined) {
      const { revocationsMax, revocationBytesMax } = limits.control;
      const reason = `a list holds at most ${revocationsMax} revocations of ${revocationBytesMax} bytes together`;
      return { refused: { code: "revocations_full", reason } };
    }
    this.acts.add({ act: "revoke", by, author: made.author, version: 0, detail: describeRevocation(made) }, nowMs);
    await this.#tell();
    return made;
  }

  async unrevoke(id: string, by: string): Promise<RevocationInfo | Refused> {
    const removed = this.#revocations.remove(id);
    if (removed === undefined) return { refused: { code: "revocation_unknown", reason: `no revocation ${id}` } };
    const detail = describeRevocation(removed);
    this.acts.add({ act: "unrevoke", by, author: by, version: 0, detail }, Date.now());
    await this.#tell();
    return removed;
  }

  async revocations(): Promise<Revocations> {
    return { revision: this.#revocations.revision, revocations: this.#revocations.list(Date.now()) };
  }

  /** Publishes again what the hub may not have got; asks for itself again, since the platform gives up after a few failures. */
  override async alarm(): Promise<void> {
    const isTold = await this.#tryPublish();
    const lookAtMs = (await this.#look()) ?? Number.POSITIVE_INFINITY;
    const nextAtMs = isTold ? lookAtMs : Math.min(lookAtMs, Date.now() + limits.control.publishRetryMs);
    if (Number.isFinite(nextAtMs)) await this.ctx.storage.setAlarm(nextAtMs);
  }

  async #commit(
    act: "apply" | "rollback",
    content: VersionContent & Pick<Change, "artifacts"> & Judged,
    by: Actor,
    canary?: CanaryRequest,
  ): Promise<Applied | Refused | Moved> {
    const open = this.#canary.version;
    if (open !== undefined) return canaryRunning(open);
    const live = this.#versions.newest();
    if (content.follows !== undefined && content.follows !== (live?.version ?? 0)) return { moved: true };
    if (live?.hash === content.hash) return { ...this.#versions.info(live), changed: false };
    if (live === undefined && canary !== undefined) return nothingLive();
    const row = this.ctx.storage.transactionSync(() => {
      const added = this.#versions.add(content, Date.now());
      const { version, author, reason, applied_at: atMs } = added;
      this.#artifacts.name(version, content.artifacts);
      const isCanary = canary !== undefined && live !== undefined;
      const acted = isCanary ? canaryAct(canary, reason) : { act, detail: reason };
      this.acts.add({ ...acted, ...actorOf({ ...by, author }), version }, atMs);
      if (isCanary) {
        this.#versions.withhold(version);
        this.#canary.begin(added, live.version, canary, atMs);
      }
      for (const old of this.#versions.forgetOld(version)) this.#artifacts.forgetVersion(old, atMs);
      return added;
    });
    this.#live = undefined;
    await this.#tell();
    return { ...this.#versions.info(row), changed: true, ...(canary !== undefined && { canary: true }) };
  }

  /** What a canary that ended leaves: a version that is live, or none. */
  #canaryEnded(ended: CanaryStatus, endedBy: string): void {
    if (ended.phase === "promoted") this.#versions.release(ended.version);
    this.#live = undefined;
    this.acts.add(canaryEndAct(ended, endedBy), Date.now());
    this.ctx.waitUntil(this.#tell());
  }

  #look(): Promise<number | undefined> {
    return this.#canary.look((nowMs) => this.leases.live(nowMs));
  }

  /** A service of the canary alone: its instances must be there before it gets requests. */
  #isNew(service: string): boolean {
    const version = this.#canary.version;
    if (version === undefined) return false;
    const plan = JSON.parse(this.#versions.text("plan", version) ?? "null") as Plan | null;
    return plan !== null && Object.hasOwn(plan.mesh.services, service);
  }

  /** Hands the hubs what they lack, now or, should that fail, later. */
  async #tell(): Promise<void> {
    const waitMs = this.#canary.version === undefined ? limits.control.publishRetryMs : limits.canary.lookEveryMs;
    await this.ctx.storage.setAlarm(Date.now() + waitMs);
    await this.#tryPublish();
  }

  async #tryPublish(): Promise<boolean> {
    try {
      await this.#tellRevocations();
      await this.#publish();
      await this.#canary.tell(this.#faces);
      if (!this.#owes) await this.ctx.storage.deleteAlarm();
      return true;
    } catch (error) {
      console.error(JSON.stringify({ kind: "error", act: "publish", reason: String(error) }));
      return false;
    }
  }

  /** Whether hubs lack something, or a canary is to be looked at; both may have come while others were told. */
  get #owes(): boolean {
    const isPublished = this.#published >= (this.#versions.newest()?.version ?? 0);
    return !isPublished || this.#untold() !== undefined || !this.#canary.isTold || this.#canary.version !== undefined;
  }

  get #published(): number {
    return this.#sql.exec<{ version: number }>("SELECT version FROM published").toArray()[0]?.version ?? 0;
  }

  /** What hubs lack, where agents face the outside: nobody else asks for it. */
  #untold(): RevocationList | undefined {
    return this.#readLive()?.isExposed === true ? this.#revocations.untold(Date.now()) : undefined;
  }

  /** Before the version that exposes somebody: no agent opens to the outside without them. */
  async #tellRevocations(): Promise<void> {
    const untold = this.#untold();
    if (untold === undefined) return;
    const other = await tellRevoked(this.env, untold);
    if (other === undefined || other < this.#revocations.revision) return this.#revocations.told(untold);
    // A hub has one from before this store was set back.
    this.#revocations.outdate(other);
    return this.#tellRevocations();
  }

  /** Hands the live version to the hubs, unless they have it. */
  async #publish(): Promise<void> {
    const live = this.#versions.newest();
    if (live === undefined || this.#published >= live.version) return;
    await publish(this.env, await this.#publication(live));
    if (this.#readLive()?.telemetry?.metrics !== undefined) await this.env.METRICS.getByName(MAIN).wake();
    this.#sql.exec(
      "INSERT INTO published VALUES (1, ?1) ON CONFLICT (id) DO UPDATE SET version = max(version, ?1)",
      live.version,
    );
  }

  async publication(): Promise<Told | undefined> {
    const live = this.#versions.newest();
    if (live === undefined) return undefined;
    const revocations = this.#readLive()?.isExposed === true ? this.#revocations.listAfter(0, Date.now()) : undefined;
    const publication = await this.#publication(live);
    const canary = await this.#canary.news(this.#faces);
    return { publication, ...(revocations !== undefined && { revocations }), ...(canary !== undefined && { canary }) };
  }

  async #publication({ version, applied_at: appliedAtMs }: VersionRow): Promise<Publication> {
    const { federation: partners = {} } = this.#versions.plan(version).mesh;
    await this.#authority.federation({ type: "configure", partners });
    return { version, appliedAtMs, faces: await this.#faces(version), trust: await this.#authority.trust() };
  }

  get #authority() {
    return this.env.AUTHORITY.getByName(MAIN);
  }

  #readLive(): LiveVersion | undefined {
    const row = this.#live?.row ?? this.#versions.newest();
    if (row === undefined) return undefined;
    this.#live ??= liveVersion(row, this.#versions);
    return this.#live;
  }
}
