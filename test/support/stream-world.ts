/** `stream-app.ts` behind everything: clients reach it through front, workerd and gateway, as an origin and through the mesh. */
import type { ChildProcess } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { BrokenAnswer } from "../../mesh-agent/front/pass-on.ts";
import type { WebSocketEnd } from "../../mesh-agent/front/web-sockets.ts";
import type { AccessLogEntry } from "../../shared/http/access-log.ts";
import { makeAuthority } from "./certificates.ts";
import { type Served, serveDocument } from "./serve.ts";
import { startAgent, stopAgents } from "./serve-agent.ts";
import type { StreamState } from "./stream-app.ts";
import { freePorts, until } from "./system.ts";

/** Through the gateway to the application as an origin, or through two agents. */
export type Way = "origin" | "mesh";

const documentOf = (app: number): string => `selvage: 1
name: streams
gateway:
  hosts: [localhost, "127.0.0.1"]
  cors: { origins: ["https://app.example"], credentials: true }
  routes:
    - { name: origin, match: { path: /origin/* }, to: "http://127.0.0.1:${app}", rewrite: "/*", upgrades: [websocket], timeout: 30s, maxBody: 200MiB }
    - { name: mesh, match: { path: /mesh/* }, to: app, rewrite: "/*", upgrades: [websocket], timeout: 30s, maxBody: 200MiB }
    - { name: quick-origin, match: { path: /quick/origin/* }, to: "http://127.0.0.1:${app}", rewrite: "/*", upgrades: [websocket], timeout: 2s }
    - { name: quick-mesh, match: { path: /quick/mesh/* }, to: app, rewrite: "/*", upgrades: [websocket], timeout: 2s }
    - { name: edited, match: { path: /edited/* }, to: "http://127.0.0.1:${app}", rewrite: "/*", timeout: 60s, maxBody: 200MiB, transform: { request: { json: { remove: ["$.items[*].secret"] } }, response: { json: { remove: ["$.items[*].secret"] } } } }
    - { name: small, match: { path: /small/* }, to: "http://127.0.0.1:${app}", rewrite: "/*", maxBody: 1MiB }
    - { name: few, match: { path: /few/* }, to: "http://127.0.0.1:${app}", rewrite: "/*", upgrades: [websocket], maxConnections: 2 }
    - { name: limited, match: { path: /limited/* }, to: "http://127.0.0.1:${app}", rewrite: "/*", upgrades: [websocket], rateLimit: { limit: 1/hour, by: ip, mode: exact } }
    - { name: brief, match: { path: /brief/* }, to: "http://127.0.0.1:${app}", rewrite: "/*", upgrades: [websocket], streamIdle: 1s }
    - { name: cached, match: { path: /cached/* }, to: "http://127.0.0.1:${app}", rewrite: "/*", cache: { ttl: 10s } }
    - { name: kept, match: { path: /kept/* }, to: "http://127.0.0.1:${app}", rewrite: "/*", cache: { ttl: 10s }, timeout: 2s }
    - { name: running, match: { path: /running/* }, to: "http://127.0.0.1:${app}", rewrite: "/*", rateLimit: { concurrent: 5, by: ip, onFailure: open }, timeout: 2s }
    - { name: once, match: { path: /once/* }, to: "http://127.0.0.1:${app}", rewrite: "/*", idempotency: { ttl: 1m } }
    - { name: closed, match: { path: /closed/* }, to: "http://127.0.0.1:${app}", rewrite: "/*" }
mesh:
  trustDomain: streams.internal
  services:
    app: { port: ${app}, access: [{ from: gateway }] }
`;

export class StreamWorld {
  readonly served: Served;
  /** Plain and TLS listeners of the front. */
  readonly plain: number;
  readonly secure: number;
  readonly #app: number;
  readonly #agents: ChildProcess[];
  readonly #folder: string;

  constructor(served: Served, ports: readonly number[], agents: ChildProcess[], folder: string) {
    const [plain = 0, secure = 0, app = 0] = ports;
    this.served = served;
    this.plain = plain;
    this.secure = secure;
    this.#app = app;
    this.#agents = agents;
    this.#folder = folder;
  }

  /** What the application knows of an exchange, past everything. */
  async state(id: string): Promise<StreamState> {
    return (await (await fetch(`http://127.0.0.1:${this.#app}/state?id=${id}`)).json()) as StreamState;
  }

  async go(id: string): Promise<void> {
    await (await fetch(`http://127.0.0.1:${this.#app}/go?id=${id}`)).text();
  }

  /** One more ingress agent, which gateways are told of. */
  async startIngress(port: number, admin: number): Promise<ChildProcess> {
    const folder = join(this.#folder, `ingress-${port}`);
    const agent = await startIngressAgent(this.served, folder, port, ["--admin", `127.0.0.1:${admin}`]);
    this.#agents.push(agent);
    return agent;
  }

  url(path: string): string {
    return `http://127.0.0.1:${this.plain}${path}`;
  }

  /** Of the gateway's access log. */
  accessLog(): AccessLogEntry[] {
    return this.#lines<AccessLogEntry>("gateway", "access");
  }

  /** WebSockets that are over, as the front tells of them. */
  ended(): WebSocketEnd[] {
    return this.#lines<WebSocketEnd>("front", "websocket");
  }

  /** Answers that ended too early, as the front tells of them. */
  broken(): BrokenAnswer[] {
    return this.#lines<BrokenAnswer>("front", "broken");
  }

  /** Resident memory of the processes that every byte passes, in MiB. */
  memory(): Readonly<Record<"front" | "workerd", number>> {
    return { front: this.#residentMiB("front"), workerd: this.#residentMiB("gateway") };
  }

  #lines<Line>(log: string, kind: string): Line[] {
    const lines = this.served.log(log).split("\n");
    return lines.filter((line) => line.includes(`"kind":"${kind}"`)).map((line) => JSON.parse(line) as Line);
  }

  #residentMiB(role: string): number {
    const found = this.served.processes().find((one) => one.role === role);
    if (found === undefined) throw new Error(`no process ${role}`);
    const status = readFileSync(`/proc/${found.pid}/status`, "utf8");
    return Math.round(Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) / 1024);
  }

  async stop(): Promise<void> {
    await stopAgents(this.#agents);
    await this.served.stop();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

function startIngressAgent(
  served: Served,
  folder: string,
  port: number,
  more: readonly string[] = [],
): Promise<ChildProcess> {
  const args = ["ingress", "--listen", `127.0.0.1:${port}`, "--advertise", "127.0.0.1", ...more];
  return startAgent(served, folder, "gateway", args);
}

/** Starts all of it; the front has a plain listener and one with TLS. */
export async function startStreamWorld(): Promise<StreamWorld> {
  const folder = mkdtempSync(join(tmpdir(), "selvage-streams-"));
  const file = (name: string, text: string): string => {
    writeFileSync(join(folder, name), text);
    return join(folder, name);
  };
  const [plain = 0, secure = 0, app = 0, ingress = 0] = await freePorts(4);
  const leaf = await (await makeAuthority("streams.example")).issue("front", { dnsNames: ["localhost"] });
  const served = await serveDocument(file("selvage.yaml", documentOf(app)), {}, [
    ...["--listen", `http://127.0.0.1:${plain}`, "--listen", `127.0.0.1:${secure}`],
    ...["--tls-cert", file("cert.pem", leaf.certPem), "--tls-key", file("key.pem", leaf.keyPem)],
    ...["--ingress-url", `http://127.0.0.1:${ingress}`],
  ]);
  const agents = [
    await startIngressAgent(served, folder, ingress),
    await startAgent(served, folder, "app", [
      "run",
      "--port",
      String(app),
      "--",
      process.execPath,
      "test/support/stream-app.ts",
    ]),
  ];
  const world = new StreamWorld(served, [plain, secure, app], agents, folder);
  await until(
    "the application is reached on both ways",
    async () => {
      const answers = await Promise.all(["origin", "mesh"].map((way) => fetch(world.url(`/${way}/state?id=none`))));
      return answers.every(({ status }) => status === 200);
    },
    40_000,
  );
  return world;
}
