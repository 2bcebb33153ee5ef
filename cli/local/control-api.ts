/** The few calls of the control API that bringing up a system needs; shapes in shared/wire/admin.ts. */
import type { ApplyAnswer, ApplyRequest, Status, VersionDetail } from "../../shared/wire/admin.ts";
import type { LocalSystem } from "../../shared/wire/runtime-files.ts";

const CALL_TIMEOUT_MS = 10_000;

export class ControlApi {
  readonly #url: string;
  readonly #token: string;

  constructor({ control, adminToken }: Pick<LocalSystem, "control" | "adminToken">) {
    this.#url = control;
    this.#token = adminToken;
  }

  /** A one-use token by which an agent of that service joins. */
  async joinToken(service: string): Promise<string> {
    return (await this.#call<{ token: string }>("POST", "/v1/join-tokens", { service })).token;
  }

  /** The live version with its source; undefined when nothing was applied yet. */
  async live(): Promise<VersionDetail | undefined> {
    const { version } = await this.#call<Status>("GET", "/v1/status");
    return version === 0 ? undefined : this.#call("GET", `/v1/config/versions/${version}`);
  }

  async apply(request: ApplyRequest): Promise<ApplyAnswer> {
    return this.#call("POST", "/v1/config/versions", request);
  }

  async #call<Answer>(method: string, path: string, body?: unknown): Promise<Answer> {
    const response = await fetch(`${this.#url}${path}`, {
      method,
      headers: { authorization: `Bearer ${this.#token}`, "content-type": "application/json" },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(CALL_TIMEOUT_MS),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`the control plane answered ${response.status} to ${method} ${path}: ${text}`);
    return JSON.parse(text) as Answer;
  }
}
