/** Calls of the control API, as shared/wire/admin.ts has them; everything that can go wrong becomes an exit code. */
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
import type { RecordsAnswer } from "../shared/wire/records.ts";
import type { RevocationInfo, RevocationRequest, Revocations } from "../shared/wire/revocations.ts";
import type { RotateAnswer, RotateRequest } from "../shared/wire/rotation.ts";
import type { TapRequest } from "../shared/wire/taps.ts";
import type { MadeToken, RevokedTokens, TokenInfo, TokenRequest } from "../shared/wire/tokens.ts";
import type { UsageAnswer, UsageQuery } from "../shared/wire/usage.ts";
import { CliError, type ExitCode, exitCodes } from "./cli-error.ts";
import type { ControlAddress } from "./find-system.ts";

const CALL_TIMEOUT_MS = 10_000;
const NDJSON = "application/x-ndjson";

/** An RFC 9457 problem as the control plane sends it. */
export interface ControlProblem {
  readonly title?: string;
  readonly detail?: string;
  readonly code?: string;
  readonly errors?: readonly { readonly path?: readonly (string | number)[]; readonly message?: string }[];
  readonly [member: string]: unknown;
}

/** A call that the control plane refused. */
export class ControlRefusal extends CliError {
  readonly problem: ControlProblem;

  constructor(exitCode: ExitCode, message: string, problem: ControlProblem) {
    super(exitCode, message);
    this.problem = problem;
  }
}

export class ControlClient {
  readonly #address: ControlAddress;

  constructor(address: ControlAddress) {
    this.#address = address;
  }

  apply(request: ApplyRequest): Promise<ApplyAnswer> {
    return this.#call("POST", "/v1/config/versions", request);
  }

  /** What it would change; nothing becomes live. */
  tryApply(request: ApplyRequest): Promise<DryRunAnswer> {
    return this.#call("POST", "/v1/config/versions", { ...request, dryRun: true });
  }

  async missingArtifacts(digests: readonly string[]): Promise<readonly string[]> {
    const request: MissingRequest = { digests: [...digests] };
    return (await this.#call<MissingAnswer>("POST", "/v1/artifacts/missing", request)).missing;
  }

  async putArtifact(digest: string, bytes: Uint8Array): Promise<void> {
    const { status, text } = await this.#send("PUT", `/v1/artifacts/${digest}`, bytes, limits.artifacts.uploadMs);
    if (status !== 204) throw refusal(status, text, "PUT /v1/artifacts");
  }

  rollback(request: RollbackRequest): Promise<ApplyAnswer> {
    return this.#call("POST", "/v1/config/rollback", request);
  }

  /** The one that runs, else the last one. */
  async canary(): Promise<CanaryStatus | null> {
    return (await this.#call<{ canary: CanaryStatus | null }>("GET", "/v1/canary")).canary;
  }

  async changeCanary(change: CanaryChange): Promise<CanaryStatus> {
    return (await this.#call<{ canary: CanaryStatus }>("POST", "/v1/canary", change)).canary;
  }

  async versions(): Promise<readonly VersionInfo[]> {
    return (await this.#call<{ versions: VersionInfo[] }>("GET", "/v1/config/versions")).versions;
  }

  version(version: number): Promise<VersionDetail> {
    return this.#call("GET", `/v1/config/versions/${version}`);
  }

  status(): Promise<Status> {
    return this.#call("GET", "/v1/status");
  }

  /** Endpoints that callers are given, by service. */
  services(): Promise<{ readonly services: Readonly<Record<string, readonly EndpointStatus[]>> }> {
    return this.#call("GET", "/v1/services");
  }

  async deprecatedCallers(): Promise<readonly DeprecatedCaller[]> {
    return (await this.#call<{ callers: DeprecatedCaller[] }>("GET", "/v1/deprecated")).callers;
  }

  async drift(): Promise<readonly Drift[]> {
    return (await this.#call<{ drift: Drift[] }>("GET", "/v1/drift")).drift;
  }

  usage(query: Partial<Record<keyof UsageQuery, string>>): Promise<UsageAnswer> {
    return this.#call("GET", `/v1/usage?${new URLSearchParams(query)}`);
  }

  /** Past requests that are kept, newest first. */
  records(query: { readonly route?: string; readonly limit: number }): Promise<RecordsAnswer> {
    const members = Object.entries(query).map(([name, value]): [string, string] => [name, String(value)]);
    return this.#call("GET", `/v1/records?${new URLSearchParams(members)}`);
  }

  joinToken(request: JoinTokenRequest): Promise<{ token: string; expiresAtMs: number }> {
    return this.#call("POST", "/v1/join-tokens", request);
  }

  async enrolmentKeys(): Promise<readonly EnrolmentKeyInfo[]> {
    return (await this.#call<{ keys: EnrolmentKeyInfo[] }>("GET", "/v1/join/keys")).keys;
  }

  removeEnrolmentKey(id: string): Promise<EnrolmentKeyInfo> {
    return this.#call("DELETE", `/v1/join/keys/${encodeURIComponent(id)}`);
  }

  revoke(request: RevocationRequest): Promise<RevocationInfo> {
    return this.#call("POST", "/v1/revocations", request);
  }

  revocations(): Promise<Revocations> {
    return this.#call("GET", "/v1/revocations");
  }

  unrevoke(id: string): Promise<RevocationInfo> {
    return this.#call("DELETE", `/v1/revocations/${encodeURIComponent(id)}`);
  }

  rotate(request: RotateRequest): Promise<RotateAnswer> {
    return this.#call("POST", "/v1/keys/rotate", request);
  }

  ca(): Promise<CaStatus> {
    return this.#call("GET", "/v1/ca");
  }

  federation(): Promise<FederationStatus> {
    return this.#call("GET", "/v1/federation");
  }

  refreshFederation(): Promise<FederationStatus> {
    return this.#call("POST", "/v1/federation/refresh");
  }

  async issuanceLog(): Promise<readonly IssuanceEntry[]> {
    return (await this.#call<{ entries: IssuanceEntry[] }>("GET", "/v1/ca/log")).entries;
  }

  rotateCa(request: RotateCaRequest): Promise<CaStatus> {
    return this.#call("POST", "/v1/ca/rotations", request);
  }

  forceCa(request: ForceRequest): Promise<CaStatus> {
    return this.#call("POST", "/v1/ca/rotations/force", request);
  }

  abortCa(request: { readonly author: string }): Promise<CaStatus> {
    return this.#call("POST", "/v1/ca/rotations/abort", request);
  }

  issuerRequest(request: CsrRequest): Promise<CsrAnswer> {
    return this.#call("POST", "/v1/ca/csr", request);
  }

  importChain(request: ImportChainRequest): Promise<ImportChainAnswer> {
    return this.#call("POST", "/v1/ca/import", request);
  }

  deny(request: DenyRequest): Promise<DeniedInfo> {
    return this.#call("POST", "/v1/denied", request);
  }

  denied(): Promise<DeniedList> {
    return this.#call("GET", "/v1/denied");
  }

  lift(id: string): Promise<DeniedInfo> {
    return this.#call("DELETE", `/v1/denied/${encodeURIComponent(id)}`);
  }

  renewAgents(request: RenewAllRequest): Promise<RenewAllAnswer> {
    return this.#call("POST", "/v1/agents/renew", request);
  }

  drainAgent(request: DrainRequest): Promise<DrainRequest> {
    return this.#call("POST", "/v1/agents/drain", request);
  }

  createKey(request: CreateKeyRequest): Promise<CreatedKey> {
    return this.#call("POST", "/v1/keys", request);
  }

  /** @param query `after`: id that the page before ended with */
  listKeys(query: { readonly owner?: string; readonly after?: string; readonly limit?: number }): Promise<KeyPage> {
    const members = Object.entries(query).map(([name, value]): [string, string] => [name, String(value)]);
    return this.#call("GET", `/v1/keys?${new URLSearchParams(members)}`);
  }

  key(id: string): Promise<KeyRecord> {
    return this.#call("GET", `/v1/keys/${id}`);
  }

  updateKey(id: string, request: UpdateKeyRequest): Promise<KeyRecord> {
    return this.#call("PATCH", `/v1/keys/${id}`, request);
  }

  rollKey(id: string, request: RollKeyRequest): Promise<CreatedKey> {
    return this.#call("POST", `/v1/keys/${id}/roll`, request);
  }

  revokeKey(id: string): Promise<KeyRecord> {
    return this.#call("POST", `/v1/keys/${id}/revoke`);
  }

  openTap(request: TapRequest): Promise<{ id: string }> {
    return this.#call("POST", "/v1/taps", request);
  }

  readTap(id: string): Promise<TapNews> {
    return this.#call("POST", `/v1/taps/${id}/read`);
  }

  async closeTap(id: string): Promise<void> {
    await this.#send("DELETE", `/v1/taps/${id}`, undefined, CALL_TIMEOUT_MS);
  }

  purge(request: PurgeRequest): Promise<PurgeAnswer> {
    return this.#call("POST", "/v1/cache/purges", request);
  }

  purges(): Promise<PurgeStatus> {
    return this.#call("GET", "/v1/cache/purges");
  }

  makeToken(request: TokenRequest): Promise<MadeToken> {
    return this.#call("POST", "/v1/tokens", request);
  }

  async tokens(): Promise<readonly TokenInfo[]> {
    return (await this.#call<{ tokens: TokenInfo[] }>("GET", "/v1/tokens")).tokens;
  }

  revokeToken(jti: string): Promise<RevokedTokens> {
    return this.#call("DELETE", `/v1/tokens/${encodeURIComponent(jti)}`);
  }

  audit(query: { readonly before?: number; readonly limit?: number; readonly act?: string }): Promise<AuditPage> {
    const members = Object.entries(query).map(([name, value]): [string, string] => [name, String(value)]);
    return this.#call("GET", `/v1/audit?${new URLSearchParams(members)}`);
  }

  /** @param lines NDJSON of `ImportLine` */
  importKeys(lines: string): Promise<ImportAnswer> {
    return this.#call("POST", "/v1/keys/import", lines, limits.apiKeys.importCallMs);
  }

  async #call<Answer>(
    method: string,
    path: string,
    body?: unknown,
    timeoutMs: number = CALL_TIMEOUT_MS,
  ): Promise<Answer> {
    const { status, text } = await this.#send(method, path, body, timeoutMs);
    if (status >= 200 && status < 300) {
      try {
        return JSON.parse(text) as Answer;
      } catch {
        throw new CliError(exitCodes.unreachable, `${this.#address.url} does not answer like a control plane`);
      }
    }
    throw refusal(status, text, `${method} ${path}`);
  }

  /** @param body a text and bytes go as they are, anything else as JSON */
  async #send(
    method: string,
    path: string,
    body: unknown,
    timeoutMs: number,
  ): Promise<{ status: number; text: string }> {
    const { url, token } = this.#address;
    try {
      const response = await fetch(url + path, {
        method,
        headers: {
          authorization: `Bearer ${token}`,
          ...(body !== undefined && { "content-type": kindOf(body) }),
        },
        ...(body !== undefined && { body: isRaw(body) ? body : JSON.stringify(body) }),
        signal: AbortSignal.timeout(timeoutMs),
      });
      return { status: response.status, text: await response.text() };
    } catch (fault) {
      throw new CliError(exitCodes.unreachable, `the control plane at ${url} does not answer: ${reasonOf(fault)}`);
    }
  }
}

const isRaw = (body: unknown): body is string | Uint8Array<ArrayBuffer> =>
  typeof body === "string" || body instanceof Uint8Array;

function kindOf(body: unknown): string {
  if (typeof body === "string") return NDJSON;
  return body instanceof Uint8Array ? "application/octet-stream" : "application/json";
}

function reasonOf(fault: unknown): string {
  if (!(fault instanceof Error)) return String(fault);
  if (fault.name === "TimeoutError") return "nothing in time";
  return fault.cause instanceof Error
    ? fault.cause.message || ((fault.cause as NodeJS.ErrnoException).code ?? fault.message)
    : fault.message;
}

function refusal(status: number, text: string, call: string): ControlRefusal {
  const problem = readProblem(text);
  const errors = (problem.errors ?? [])
    .map(({ path, message }) => `\n  ${path?.join(".") ?? ""} ${message ?? ""}`)
    .join("");
  const what = problem.detail ?? problem.title ?? text.slice(0, 200);
  if (status === 401 || (status === 403 && problem.errors === undefined))
    return new ControlRefusal(exitCodes.findings, `the control plane refuses the token (${status}): ${what}`, problem);
  if (status >= 500)
    return new ControlRefusal(
      exitCodes.unreachable,
      `the control plane failed (${status}) at ${call}: ${what}`,
      problem,
    );
  const exitCode = status === 400 || status === 422 ? exitCodes.usage : exitCodes.findings;
  return new ControlRefusal(exitCode, `the control plane refuses (${status}): ${what}${errors}`, problem);
}

function readProblem(text: string): ControlProblem {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? (value as ControlProblem) : {};
  } catch {
    return {};
  }
}
