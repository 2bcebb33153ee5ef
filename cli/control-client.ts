/** Calls of the control API, as shared/wire/admin.ts has them. */
import type { KeyRecord } from "../shared/auth/api-key.ts";
import { limits } from "../shared/limits.ts";
import type { TapNews } from "../shared/policy/tap-desk.ts";
import type {
  ApplyAnswer,
  ApplyRequest,
  DeprecatedCaller,
  DrainRequest,
  Drift,
  DryRunAnswer,
  EndpointStatus,
  JoinTokenRequest,
  RenewAllAnswer,
  RenewAllRequest,
  RollbackRequest,
  Status,
  VersionDetail,
  VersionInfo,
} from "../shared/wire/admin.ts";
import type { MissingAnswer, MissingRequest } from "../shared/wire/artifacts.ts";
import type { AuditPage } from "../shared/wire/audit.ts";
import type {
  CaStatus,
  CsrAnswer,
  CsrRequest,
  DeniedInfo,
  DeniedList,
  DenyRequest,
  ForceRequest,
  ImportChainAnswer,
  ImportChainRequest,
  IssuanceEntry,
  RotateCaRequest,
} from "../shared/wire/ca.ts";
import type { CanaryChange, CanaryStatus } from "../shared/wire/canary.ts";
import type { FederationStatus } from "../shared/wire/federation.ts";
import type { EnrolmentKeyInfo } from "../shared/wire/joining.ts";
import type {
  CreatedKey,
  CreateKeyRequest,
  ImportAnswer,
  KeyPage,
  RollKeyRequest,
  UpdateKeyRequest,
} from "../shared/wire/keys.ts";
import type { PurgeAnswer, PurgeRequest, PurgeStatus } from "../shared/wire/purges.ts";
import type { RecordsAnswer, TraceRecord } from "../shared/wire/records.ts";
import type { RevocationInfo, RevocationRequest, Revocations } from "../shared/wire/revocations.ts";
import type { RotateAnswer, RotateRequest } from "../shared/wire/rotation.ts";
import type { ShadowAnswer, ShadowQuery } from "../shared/wire/shadow.ts";
import type { TapRequest } from "../shared/wire/taps.ts";
import type { MadeToken, RevokedTokens, TokenInfo, TokenRequest } from "../shared/wire/tokens.ts";
import type { UsageAnswer, UsageQuery } from "../shared/wire/usage.ts";
import { CALL_TIMEOUT_MS, ControlLink, refusal } from "./control-link.ts";

export class ControlClient extends ControlLink {
  apply(request: ApplyRequest): Promise<ApplyAnswer> {
    return this.call("POST", "/v1/config/versions", request);
  }

  /** What it would change; nothing becomes live. */
  tryApply(request: ApplyRequest): Promise<DryRunAnswer> {
    return this.call("POST", "/v1/config/versions", { ...request, dryRun: true });
  }

  async missingArtifacts(digests: readonly string[]): Promise<readonly string[]> {
    const request: MissingRequest = { digests: [...digests] };
    return (await this.call<MissingAnswer>("POST", "/v1/artifacts/missing", request)).missing;
  }

  async putArtifact(digest: string, bytes: Uint8Array): Promise<void> {
    const { status, text } = await this.send("PUT", `/v1/artifacts/${digest}`, bytes, limits.artifacts.uploadMs);
    if (status !== 204) throw refusal(status, text, "PUT /v1/artifacts");
  }

  rollback(request: RollbackRequest): Promise<ApplyAnswer> {
    return this.call("POST", "/v1/config/rollback", request);
  }

  /** The one that runs, else the last one. */
  async canary(): Promise<CanaryStatus | null> {
    return (await this.call<{ canary: CanaryStatus | null }>("GET", "/v1/canary")).canary;
  }

  async changeCanary(change: CanaryChange): Promise<CanaryStatus> {
    return (await this.call<{ canary: CanaryStatus }>("POST", "/v1/canary", change)).canary;
  }

  async versions(): Promise<readonly VersionInfo[]> {
    return (await this.call<{ versions: VersionInfo[] }>("GET", "/v1/config/versions")).versions;
  }

  version(version: number): Promise<VersionDetail> {
    return this.call("GET", `/v1/config/versions/${version}`);
  }

  status(): Promise<Status> {
    return this.call("GET", "/v1/status");
  }

  /** Endpoints that callers are given, by service. */
  services(): Promise<{ readonly services: Readonly<Record<string, readonly EndpointStatus[]>> }> {
    return this.call("GET", "/v1/services");
  }

  async deprecatedCallers(): Promise<readonly DeprecatedCaller[]> {
    return (await this.call<{ callers: DeprecatedCaller[] }>("GET", "/v1/deprecated")).callers;
  }

  async drift(): Promise<readonly Drift[]> {
    return (await this.call<{ drift: Drift[] }>("GET", "/v1/drift")).drift;
  }

  shadow(query: Partial<Record<keyof ShadowQuery, string>>): Promise<ShadowAnswer> {
    return this.call("GET", `/v1/shadow?${new URLSearchParams(query)}`);
  }

  usage(query: Partial<Record<keyof UsageQuery, string>>): Promise<UsageAnswer> {
    return this.call("GET", `/v1/usage?${new URLSearchParams(query)}`);
  }

  joinToken(request: JoinTokenRequest): Promise<{ token: string; expiresAtMs: number }> {
    return this.call("POST", "/v1/join-tokens", request);
  }

  async enrolmentKeys(): Promise<readonly EnrolmentKeyInfo[]> {
    return (await this.call<{ keys: EnrolmentKeyInfo[] }>("GET", "/v1/join/keys")).keys;
  }

  removeEnrolmentKey(id: string): Promise<EnrolmentKeyInfo> {
    return this.call("DELETE", `/v1/join/keys/${encodeURIComponent(id)}`);
  }

  revoke(request: RevocationRequest): Promise<RevocationInfo> {
    return this.call("POST", "/v1/revocations", request);
  }

  revocations(): Promise<Revocations> {
    return this.call("GET", "/v1/revocations");
  }

  unrevoke(id: string): Promise<RevocationInfo> {
    return this.call("DELETE", `/v1/revocations/${encodeURIComponent(id)}`);
  }

  rotate(request: RotateRequest): Promise<RotateAnswer> {
    return this.call("POST", "/v1/keys/rotate", request);
  }

  ca(): Promise<CaStatus> {
    return this.call("GET", "/v1/ca");
  }

  federation(): Promise<FederationStatus> {
    return this.call("GET", "/v1/federation");
  }

  refreshFederation(): Promise<FederationStatus> {
    return this.call("POST", "/v1/federation/refresh");
  }

  async issuanceLog(): Promise<readonly IssuanceEntry[]> {
    return (await this.call<{ entries: IssuanceEntry[] }>("GET", "/v1/ca/log")).entries;
  }

  rotateCa(request: RotateCaRequest): Promise<CaStatus> {
    return this.call("POST", "/v1/ca/rotations", request);
  }

  forceCa(request: ForceRequest): Promise<CaStatus> {
    return this.call("POST", "/v1/ca/rotations/force", request);
  }

  abortCa(request: { readonly author: string }): Promise<CaStatus> {
    return this.call("POST", "/v1/ca/rotations/abort", request);
  }

  issuerRequest(request: CsrRequest): Promise<CsrAnswer> {
    return this.call("POST", "/v1/ca/csr", request);
  }

  importChain(request: ImportChainRequest): Promise<ImportChainAnswer> {
    return this.call("POST", "/v1/ca/import", request);
  }

  deny(request: DenyRequest): Promise<DeniedInfo> {
    return this.call("POST", "/v1/denied", request);
  }

  denied(): Promise<DeniedList> {
    return this.call("GET", "/v1/denied");
  }

  lift(id: string): Promise<DeniedInfo> {
    return this.call("DELETE", `/v1/denied/${encodeURIComponent(id)}`);
  }

  renewAgents(request: RenewAllRequest): Promise<RenewAllAnswer> {
    return this.call("POST", "/v1/agents/renew", request);
  }

  drainAgent(request: DrainRequest): Promise<DrainRequest> {
    return this.call("POST", "/v1/agents/drain", request);
  }

  createKey(request: CreateKeyRequest): Promise<CreatedKey> {
    return this.call("POST", "/v1/keys", request);
  }

  /** @param query `after`: id that the page before ended with */
  listKeys(query: { readonly owner?: string; readonly after?: string; readonly limit?: number }): Promise<KeyPage> {
    const members = Object.entries(query).map(([name, value]): [string, string] => [name, String(value)]);
    return this.call("GET", `/v1/keys?${new URLSearchParams(members)}`);
  }

  key(id: string): Promise<KeyRecord> {
    return this.call("GET", `/v1/keys/${id}`);
  }

  updateKey(id: string, request: UpdateKeyRequest): Promise<KeyRecord> {
    return this.call("PATCH", `/v1/keys/${id}`, request);
  }

  rollKey(id: string, request: RollKeyRequest): Promise<CreatedKey> {
    return this.call("POST", `/v1/keys/${id}/roll`, request);
  }

  revokeKey(id: string): Promise<KeyRecord> {
    return this.call("POST", `/v1/keys/${id}/revoke`);
  }

  openTap(request: TapRequest): Promise<{ id: string }> {
    return this.call("POST", "/v1/taps", request);
  }

  readTap(id: string): Promise<TapNews> {
    return this.call("POST", `/v1/taps/${id}/read`);
  }

  async closeTap(id: string): Promise<void> {
    await this.send("DELETE", `/v1/taps/${id}`, undefined, CALL_TIMEOUT_MS);
  }

  /** Past requests, newest first. */
  records(query: {
    readonly route?: string;
    readonly because?: string;
    readonly limit?: string;
  }): Promise<RecordsAnswer> {
    return this.call("GET", `/v1/records?${new URLSearchParams(query)}`);
  }

  /** @throws ControlRefusal `record_unknown`: nothing is kept of it */
  trace(traceId: string): Promise<TraceRecord> {
    return this.call("GET", `/v1/records/${traceId}`);
  }

  explainToken(host: string): Promise<{ token: string; expiresAtMs: number }> {
    return this.call("POST", "/v1/explain-tokens", { host });
  }

  purge(request: PurgeRequest): Promise<PurgeAnswer> {
    return this.call("POST", "/v1/cache/purges", request);
  }

  purges(): Promise<PurgeStatus> {
    return this.call("GET", "/v1/cache/purges");
  }

  makeToken(request: TokenRequest): Promise<MadeToken> {
    return this.call("POST", "/v1/tokens", request);
  }

  async tokens(): Promise<readonly TokenInfo[]> {
    return (await this.call<{ tokens: TokenInfo[] }>("GET", "/v1/tokens")).tokens;
  }

  revokeToken(jti: string): Promise<RevokedTokens> {
    return this.call("DELETE", `/v1/tokens/${encodeURIComponent(jti)}`);
  }

  audit(query: { readonly before?: number; readonly limit?: number; readonly act?: string }): Promise<AuditPage> {
    const members = Object.entries(query).map(([name, value]): [string, string] => [name, String(value)]);
    return this.call("GET", `/v1/audit?${new URLSearchParams(members)}`);
  }

  /** @param lines NDJSON of `ImportLine` */
  importKeys(lines: string): Promise<ImportAnswer> {
    return this.call("POST", "/v1/keys/import", lines, limits.apiKeys.importCallMs);
  }
}
