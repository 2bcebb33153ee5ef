/** The config store: numbered versions of the document, the live one's faces, gateway leases and the audit log. */
import { DurableObject } from "cloudflare:workers";
import type { RevocationList } from "../../../shared/auth/revocations.ts";
import { GATEWAY_SERVICE } from "../../../shared/identity/spiffe-id.ts";
import { limits } from "../../../shared/limits.ts";
import { agentPlan } from "../../../shared/plan/agent-face.ts";
import { canonicalJson } from "../../../shared/plan/canonical-json.ts";
import type { Plan } from "../../../shared/plan/plan.ts";
import { versionHere } from "../../../shared/policy/acknowledgement.ts";
import { leaseNeedsPlan, renewedLease } from "../../../shared/policy/lease.ts";
import type { DeprecatedCaller, Drift, VersionInfo } from "../../../shared/wire/admin.ts";
import type { LeaseRequest } from "../../../shared/wire/gateway-lease.ts";
import type { RevocationInfo, RevocationRequest, Revocations } from "../../../shared/wire/revocations.ts";
import { sha256Hex } from "../authority/bytes.ts";
import type { Env } from "../env.ts";
import { publish, tellRevoked } from "../upstream/hubs.ts";
import { ArtifactStore } from "./artifact-store.ts";
import { AuditLog } from "./audit-log.ts";
import { CounterStore } from "./counter-store.ts";
import { LeaseStore } from "./lease-store.ts";
import { RevocationStore } from "./revocation-store.ts";
import {
  type Act,
  type Applied,
  type AuditEntry,
  type Change,
  type ConfigStatus,
  type ConfigStoreRpc,
  type LeaseGrant,
  MAIN,
  type Publication,
  type Refused,
  type StoredVersion,
} from "./rpc.ts";
import { CALLERS, DRIFT, type LabelOf, SightingStore } from "./sighting-store.ts";
import { infoOf, type VersionContent, type VersionRow, VersionStore } from "./version-store.ts";

/** Of the version that is live. */
interface Live {
  readonly row: VersionRow;
  readonly gateway: string;
  readonly services: ReadonlySet<string>;
  /** Agents face the outside, and so refuse what is revoked. */
  readonly isExposed: boolean;
}

const SETTINGS = { leaseMs: limits.gateway.planLeaseMs, slackMs: limits.control.gatewayLeaseSlackMs };

export class ConfigStore extends DurableObject<Env> implements ConfigStoreRpc {
  readonly #sql: SqlStorage;
  readonly #versions: VersionStore;
  readonly #artifacts: ArtifactStore;
  readonly #leases: LeaseStore;
  readonly #counters: CounterStore;
  readonly #callers: SightingStore<LabelOf<typeof CALLERS>>;
  readonly #drift: SightingStore<LabelOf<typeof DRIFT>>;
  readonly #audit: AuditLog;
  readonly #revocations: RevocationStore;
  /** The live version's parsed parts, read again after an eviction. */
  #live: Live | undefined;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    this.#sql = ctx.storage.sql;
    this.#sql.exec("CREATE TABLE IF NOT EXISTS published (id INTEGER PRIMARY KEY CHECK (id = 1), version INTEGER)");
    this.#versions = new VersionStore(this.#sql);
    this.#artifacts = new ArtifactStore(this.#sql);
    this.#leases = new LeaseStore(this.#sql);
    this.#counters = new CounterStore(this.#sql);
    this.#callers = new SightingStore(this.#sql, CALLERS);
    this.#drift = new SightingStore(this.#sql, DRIFT);
    this.#audit = new AuditLog(this.#sql);
    this.#revocations = new RevocationStore(this.#sql);
  }

  async apply(change: Change, by: string): Promise<Applied | Refused | { trustDomainIs: string }> {
    const missing = this.#artifacts.missing(Object.values(change.artifacts), Date.now());
    if (missing.length > 0) return withoutArtifacts(missing);
    const plan = JSON.parse(change.plan) as Plan;
    const gateway = canonicalJson(plan.gateway);
    const [hash, gatewayHash] = await Promise.all([sha256Hex(change.plan), sha256Hex(gateway)]);
    const trustDomainIs = await this.#authority.ensure(plan.mesh.trustDomain);
    if (trustDomainIs !== plan.mesh.trustDomain) return { trustDomainIs };
    return this.#commit("apply", { ...change, gateway, hash, gatewayHash }, by);
  }

  async rollback(version: number, author: string, reason: string, by: string): Promise<Applied | Refused> {
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
    return this.#commit("rollback", { ...content, author, reason: why }, by);
  }

  async versions(): Promise<VersionInfo[]> {
    return this.#versions.list().map(infoOf);
  }

  async version(version: number): Promise<StoredVersion | Refused> {
    const row = this.#versions.get(version);
    if (row === undefined) return unknownVersion(version);
    const source = this.#versions.text("source", version) ?? "";
    const document = this.#versions.text("document", version) ?? "null";
    return { ...infoOf(row), source, document, artifacts: this.#artifacts.namedBy(version) };
  }

  async status(): Promise<ConfigStatus> {
    const live = this.#versions.newest();
    const nowMs = Date.now();
    const [leases, counters] = [this.#leases.live(nowMs), this.#counters.sums(nowMs)];
    return { version: live?.version ?? 0, hash: live?.hash ?? "", leases, counters };
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
    return this.#callers.list();
  }

  async drift(): Promise<Drift[]> {
    return this.#drift.list().map((found) => ({ ...found, side: found.side === "response" ? "response" : "request" }));
  }

  async lease(asked: LeaseRequest): Promise<LeaseGrant> {
    const nowMs = Date.now();
    const live = this.#readLive();
    const lease = renewedLease(asHere(asked, live?.row), nowMs, SETTINGS);
    this.#leases.put(lease, nowMs);
    const { counted } = asked;
    if (counted !== undefined && this.#counters.add(asked.isolate, counted, nowMs)) {
      this.#callers.add(counted.series, nowMs);
      this.#drift.add(counted.series, nowMs);
    }
    if (live === undefined) return { version: 0 };
    const revocations = this.#revocations.listAfter(asked.revocations ?? 0, nowMs);
    const grant = { version: live.row.version, ...(revocations !== undefined && { revocations }) };
    if (!leaseNeedsPlan(lease, grant.version)) return grant;
    return { ...grant, plan: { hash: live.row.gateway_hash, gateway: live.gateway } };
  }

  async refuseService(service: string): Promise<Refused | undefined> {
    const live = this.#readLive();
    if (live === undefined) return { refused: { code: "document_missing", reason: "apply a document first" } };
    if (service === GATEWAY_SERVICE || live.services.has(service)) return undefined;
    const reason = `the live version ${live.row.version} has no service ${service}`;
    return { refused: { code: "service_undeclared", reason } };
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
    this.#audit.add({ act: "revoke", by, author: made.author, version: 0, detail: describeRevocation(made) }, nowMs);
    await this.#tell();
    return made;
  }

  async unrevoke(id: string, by: string): Promise<RevocationInfo | Refused> {
    const removed = this.#revocations.remove(id);
    if (removed === undefined) return { refused: { code: "revocation_unknown", reason: `no revocation ${id}` } };
    const detail = describeRevocation(removed);
    this.#audit.add({ act: "unrevoke", by, author: by, version: 0, detail }, Date.now());
    await this.#tell();
    return removed;
  }

  async revocations(): Promise<Revocations> {
    return { revision: this.#revocations.revision, revocations: this.#revocations.list(Date.now()) };
  }

  async audit(act: Act): Promise<void> {
    this.#audit.add(act, Date.now());
  }

  async auditLog(): Promise<AuditEntry[]> {
    return this.#audit.list();
  }

  /** Publishes again what the hub may not have got; asks for itself again, since the platform gives up after a few failures. */
  override async alarm(): Promise<void> {
    if (!(await this.#tryPublish())) await this.ctx.storage.setAlarm(Date.now() + limits.control.publishRetryMs);
  }

  async #commit(
    act: "apply" | "rollback",
    content: VersionContent & Pick<Change, "artifacts">,
    by: string,
  ): Promise<Applied> {
    const live = this.#versions.newest();
    if (live?.hash === content.hash) return { ...infoOf(live), changed: false };
    const row = this.ctx.storage.transactionSync(() => {
      const added = this.#versions.add(content, Date.now());
      const { version, author, reason, applied_at: atMs } = added;
      this.#artifacts.name(version, content.artifacts);
      this.#audit.add({ act, by, author, version, detail: reason }, atMs);
      for (const old of this.#versions.forgetOld(version)) this.#artifacts.forgetVersion(old, atMs);
      return added;
    });
    this.#live = undefined;
    await this.#tell();
    return { ...infoOf(row), changed: true };
  }

  /** Hands the hubs what they lack, now or, should that fail, later. */
  async #tell(): Promise<void> {
    await this.ctx.storage.setAlarm(Date.now() + limits.control.publishRetryMs);
    await this.#tryPublish();
  }

  async #tryPublish(): Promise<boolean> {
    try {
      await this.#tellRevocations();
      await this.#publish();
      return true;
    } catch (error) {
      console.error(JSON.stringify({ kind: "error", act: "publish", reason: String(error) }));
      return false;
    }
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

  /** Hands the live version to the hubs, unless they have it; the alarm stays until all is told. */
  async #publish(): Promise<void> {
    const live = this.#versions.newest();
    const published = this.#sql.exec<{ version: number }>("SELECT version FROM published").toArray()[0]?.version ?? 0;
    if (live !== undefined && published < live.version) {
      await publish(this.env, await this.#publication(live));
      this.#sql.exec(
        "INSERT INTO published VALUES (1, ?1) ON CONFLICT (id) DO UPDATE SET version = max(version, ?1)",
        live.version,
      );
    }
    const isAll = this.#versions.newest()?.version === live?.version && this.#untold() === undefined;
    if (isAll) await this.ctx.storage.deleteAlarm();
  }

  async publication(): Promise<{ publication: Publication; revocations?: RevocationList } | undefined> {
    const live = this.#versions.newest();
    if (live === undefined) return undefined;
    const revocations = this.#readLive()?.isExposed === true ? this.#revocations.listAfter(0, Date.now()) : undefined;
    return { publication: await this.#publication(live), ...(revocations !== undefined && { revocations }) };
  }

  async #publication({ version, applied_at: appliedAtMs }: VersionRow): Promise<Publication> {
    const plan = JSON.parse(this.#versions.text("plan", version) ?? "null") as Plan;
    await this.#authority.federation({ type: "configure", partners: plan.mesh.federation ?? {} });
    return { version, appliedAtMs, faces: await facesOf(plan), trust: await this.#authority.trust() };
  }

  get #authority() {
    return this.env.AUTHORITY.getByName(MAIN);
  }

  #readLive(): Live | undefined {
    const row = this.#live?.row ?? this.#versions.newest();
    if (row === undefined) return undefined;
    if (this.#live === undefined) {
      const plan = JSON.parse(this.#versions.text("plan", row.version) ?? "null") as Plan;
      const gateway = this.#versions.text("gateway", row.version) ?? "";
      const { services } = plan.mesh;
      const isExposed = Object.values(services).some(({ expose }) => expose !== undefined);
      this.#live = { row, gateway, services: new Set(Object.keys(services)), isExposed };
    }
    return this.#live;
  }
}

async function facesOf(plan: Plan): Promise<Publication["faces"]> {
  const services = new Set([...Object.keys(plan.mesh.services), GATEWAY_SERVICE]);
  const faces: { service: string; hash: string; plan: string }[] = [];
  for (const service of services) {
    const face = agentPlan(plan, service);
    if (face === undefined) continue;
    const json = canonicalJson(face);
    faces.push({ service, hash: await sha256Hex(json), plan: json });
  }
  return faces;
}

/** What an isolate says of versions, as this store counts them. */
function asHere({ isolate, version, hash, refused, signingKey, hopKey }: LeaseRequest, row: VersionRow | undefined) {
  const live = { version: row?.version ?? 0, hash: row?.gateway_hash };
  const isHere = refused !== undefined && versionHere(refused, live) === refused.version;
  return {
    isolate,
    version: versionHere({ version, hash }, live),
    refused: isHere ? refused : undefined,
    signingKey,
    hopKey,
  };
}

function describeRevocation({ id, jti, sub, issuer, issuedBefore, reason }: RevocationInfo): string {
  const target = Object.entries({ jti, sub, issuer, issuedBefore }).flatMap(([name, value]) =>
    value === undefined ? [] : `${name} ${value}`,
  );
  return `${id}: ${target.join(", ")}${reason === "" ? "" : ` (${reason})`}`;
}

function otherTrustDomain(version: number, asked: string, made: string): Refused {
  const reason = `version ${version} is of the trust domain "${asked}", the authority is for "${made}"`;
  return { refused: { code: "document_invalid", reason } };
}

function withoutArtifacts(missing: readonly string[]): Refused {
  const reason = `artifacts that were not sent: ${missing.join(", ")}; \`selvage apply\` makes and sends them`;
  return { refused: { code: "document_invalid", reason } };
}

function unknownVersion(version: number): Refused {
  return { refused: { code: "version_unknown", reason: `version ${version} does not exist or is no longer kept` } };
}
