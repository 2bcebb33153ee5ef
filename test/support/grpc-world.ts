/** `grpc-app.ts`, a real server of gRPC, behind everything: clients reach it through front, workerd, gateway and two agents. */
import type { ChildProcess } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { AccessLogEntry } from "../../shared/http/access-log.ts";
import { EchoClient } from "../mesh-agent/support/grpc-client.ts";
import { callWeb } from "./grpc-web-client.ts";
import { type Served, serveDocument } from "./serve.ts";
import { startAgent, stopAgents } from "./serve-agent.ts";
import { freePorts, until } from "./system.ts";

export const ORIGIN = "https://app.example";
const ECHO = "test/mesh-agent/support/grpc-app.ts";

const documentOf = (app: number, page: string): string => `selvage: 1
name: calls
gateway:
  hosts: [localhost, "127.0.0.1"]
  cors: { origins: ["${ORIGIN}", "${page}"], methods: [POST], exposeHeaders: [echo-x-text] }
  routes:
    - { name: echo, match: { path: /test.Echo/*, methods: [POST] }, to: echo, timeout: 5s, maxBody: 40MiB }
    - { name: quick, match: { path: /quick/test.Echo/*, methods: [POST] }, to: echo, rewrite: "/test.Echo/*", timeout: 1s }
    - { name: few, match: { path: /few/*, methods: [POST] }, to: echo, rewrite: "/test.Echo/Unary", rateLimit: { limit: 1/hour, by: ip, mode: exact } }
mesh:
  trustDomain: calls.internal
  services:
    echo: { port: ${app}, protocol: grpc, access: [{ from: gateway }] }
`;

export class GrpcWorld {
  readonly served: Served;
  /** Where a page may be that calls. */
  readonly pagePort: number;
  /** Past everything. */
  readonly app: EchoClient;
  readonly #agents: readonly ChildProcess[];
  readonly #folder: string;

  constructor(
    served: Served,
    { app, page }: { app: number; page: number },
    agents: readonly ChildProcess[],
    folder: string,
  ) {
    this.served = served;
    this.pagePort = page;
    this.app = new EchoClient(`127.0.0.1:${app}`);
    this.#agents = agents;
    this.#folder = folder;
  }

  /** Of a method at the gateway. @param before path of another route to it */
  url(method: string, before = ""): string {
    return `${this.served.url}${before}/test.Echo/${method}`;
  }

  accessLog(): AccessLogEntry[] {
    const lines = this.served.log("gateway").split("\n");
    return lines.filter((line) => line.includes('"kind":"access"')).map((line) => JSON.parse(line) as AccessLogEntry);
  }

  async stop(): Promise<void> {
    this.app.close();
    await stopAgents(this.#agents);
    await this.served.stop();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

export async function startGrpcWorld(): Promise<GrpcWorld> {
  const folder = mkdtempSync(join(tmpdir(), "selvage-grpc-"));
  const [app = 0, ingress = 0, page = 0] = await freePorts(3);
  const document = join(folder, "selvage.yaml");
  writeFileSync(document, documentOf(app, `http://localhost:${page}`));
  const served = await serveDocument(document, {}, ["--ingress-url", `http://127.0.0.1:${ingress}`]);
  const agents = [
    await startAgent(served, folder, "gateway", ["ingress", "--listen", `127.0.0.1:${ingress}`]),
    await startAgent(served, folder, "echo", ["run", "--port", String(app), "--", process.execPath, ECHO]),
  ];
  const world = new GrpcWorld(served, { app, page }, agents, folder);
  await until(
    "the service is reached",
    async () => (await callWeb(world.url("Unary"), "ready?").catch(() => undefined))?.code === 0,
    40_000,
  );
  return world;
}
