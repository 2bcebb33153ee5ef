/** The real control Worker alone, in `workerd` as `npm start` runs it, and calls of its API. */
import { randomBytes } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Child, endGroup, startChild } from "../../cli/local/child.ts";
import { mintControlToken } from "../../cli/local/control-token.ts";
import { type PreparedWorker, prepareWorker, workerChild } from "../../cli/local/worker-process.ts";
import { freePort } from "../../mesh-agent/lifecycle/ports.ts";
import type { Status } from "../../shared/wire/admin.ts";
import { until } from "./system.ts";

const secret = (): string => randomBytes(32).toString("base64url");

export class ControlWorker {
  readonly state: string;
  readonly url: string;
  readonly #worker: PreparedWorker;
  readonly #port: number;
  readonly #hubs: number;
  readonly #secrets = { TOKEN_SECRET: secret(), KEY_SECRET: secret(), KEY_ADMIN_SECRET: secret() };
  #child: Child | undefined;

  private constructor(state: string, worker: PreparedWorker, port: number, hubs: number) {
    this.state = state;
    this.url = `http://127.0.0.1:${port}`;
    this.#worker = worker;
    this.#port = port;
    this.#hubs = hubs;
  }

  static async start(hubs = 4): Promise<ControlWorker> {
    const state = mkdtempSync(join(tmpdir(), "selvage-control-"));
    const control = new ControlWorker(state, await prepareWorker("control", state), await freePort("127.0.0.1"), hubs);
    await control.open();
    return control;
  }

  async open(): Promise<void> {
    const settings = {
      ...{ host: "127.0.0.1", port: this.#port, secrets: this.#secrets },
      vars: { CONTROL_URL: this.url, HUBS: String(this.#hubs) },
      // Nobody administers keys or stored answers here.
      services: { KEY_ADMIN: "127.0.0.1:9", CACHE_ADMIN: "127.0.0.1:9" },
    };
    const spec = workerChild("control", this.#worker, settings, this.logFile);
    this.#child = await startChild(spec);
    await spec.ready(AbortSignal.timeout(20_000), this.#child.pid);
  }

  get pid(): number {
    if (this.#child === undefined) throw new Error("the control Worker does not run");
    return this.#child.pid;
  }

  get logFile(): string {
    return join(this.state, "control.log");
  }

  log(): string {
    return readFileSync(this.logFile, "utf8");
  }

  /** As a machine that loses its power; what is stored stays. */
  async kill(): Promise<void> {
    if (this.#child === undefined) return;
    process.kill(this.#child.pid, "SIGKILL");
    await this.#child.exited;
    this.#child = undefined;
  }

  async end(): Promise<void> {
    if (this.#child !== undefined) await endGroup(this.#child.pid, 100);
    rmSync(this.state, { recursive: true, force: true });
  }

  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers of every shape
  async call(method: string, path: string, body?: object): Promise<any> {
    const token = await mintControlToken(this.#secrets.TOKEN_SECRET, { sub: "test", role: "admin" }, 60_000);
    const headers = { authorization: `Bearer ${token}` };
    const init = { method, headers, ...(body !== undefined && { body: JSON.stringify(body) }) };
    const answer = await fetch(this.url + path, init);
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`);
    return answer.json();
  }

  async apply(document: object): Promise<void> {
    const change = { document, source: JSON.stringify(document), file: "selvage.yaml", author: "test" };
    await this.call("POST", "/v1/config/versions", change);
  }

  async joinToken(service: string): Promise<string> {
    return (await this.call("POST", "/v1/join-tokens", { service })).token;
  }

  async status(): Promise<Status> {
    return this.call("GET", "/v1/status");
  }

  /** Waits until callers are given exactly these instances of a service. */
  async knows(service: string, ...instances: string[]): Promise<void> {
    await until(`the control plane knows ${instances.join(" and ")}`, async () => {
      const { services } = await this.call("GET", "/v1/services");
      const names = (services[service] ?? []).map(({ instance }: { instance: string }) => instance);
      return JSON.stringify(names.sort()) === JSON.stringify(instances.sort());
    });
  }
}
