/** A served system whose workloads join by tokens of an issuer; the agents are started by hand, with applications. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { LOCAL_SYSTEM_FILE, type LocalSystem, localSystemSchema } from "../../shared/wire/runtime-files.ts";
import { Fleet, type TestAgent } from "../mesh-agent/support/agents.ts";
import { type Served, serveDocument } from "./serve.ts";
import { type Ended, root, run } from "./system.ts";
import { TokenIssuer } from "./token-issuer.ts";
import { kubernetesClaims } from "./workload-tokens.ts";

export const AUDIENCE = "selvage.shop.internal";

const CALLER = "caller";
const CALLEE = "callee";

export class JoinWorld {
  readonly issuer: TokenIssuer;
  readonly served: Served;
  readonly fleet = new Fleet();
  readonly #folder: string;

  private constructor(issuer: TokenIssuer, served: Served, folder: string) {
    this.issuer = issuer;
    this.served = served;
    this.#folder = folder;
  }

  /** @param certificates such as `{ lifetime: 6s }`, YAML */
  static async start(certificates: string): Promise<JoinWorld> {
    const issuer = await TokenIssuer.start();
    const folder = mkdtempSync(join(tmpdir(), "selvage-join-"));
    const document = join(folder, "selvage.yaml");
    writeFileSync(document, documentOf(issuer.url, certificates));
    return new JoinWorld(issuer, await serveDocument(document), folder);
  }

  /** Where the control plane is, and how to administer it. */
  get local(): LocalSystem {
    return localSystemSchema.parse(JSON.parse(readFileSync(join(this.served.state, LOCAL_SYSTEM_FILE), "utf8")));
  }

  /** From the next certificate on. */
  async setLives(certificates: string): Promise<void> {
    const document = join(this.#folder, "selvage.yaml");
    writeFileSync(document, documentOf(this.issuer.url, certificates));
    const { code, stderr } = await this.selvage("apply", document);
    if (code !== 0) throw new Error(stderr);
  }

  selvage(...args: string[]): Promise<Ended> {
    return run(process.execPath, [join(root, "bin/selvage.mjs"), ...args], {
      SELVAGE_STATE: this.served.state,
      NO_COLOR: "1",
    });
  }

  token(service: string): Promise<string> {
    const account = { ...kubernetesClaims["kubernetes.io"], serviceaccount: { name: service, uid: "1" } };
    return this.issuer.token(AUDIENCE, { "kubernetes.io": account, sub: `system:serviceaccount:shop:${service}` });
  }

  /** A file as a projected volume has it. */
  tokenFile(name: string, token: string): string {
    const path = join(this.#folder, `${name}.token`);
    writeFileSync(path, token, { mode: 0o600 });
    return path;
  }

  /** @param folder of an earlier agent, to start it again */
  async agent(service: string, instance: string, folder?: string): Promise<TestAgent> {
    const path = this.tokenFile(instance, await this.token(service));
    return this.start(instance, path, folder);
  }

  start(instance: string, tokenFile: string, folder?: string): TestAgent {
    const flags = ["--join-oidc-token-file", tokenFile, "--control", this.local.control];
    return this.fleet.run(instance, undefined, flags, folder);
  }

  async audit(): Promise<{ act: string; detail: string }[]> {
    const { control, adminToken } = this.local;
    const answer = await fetch(`${control}/v1/audit`, { headers: { authorization: `Bearer ${adminToken}` } });
    return ((await answer.json()) as { entries: { act: string; detail: string }[] }).entries;
  }

  /** Sends a signal to the process of the control plane. */
  control(signal: NodeJS.Signals): void {
    const control = this.served.processes().find(({ name }) => name === "control");
    if (control === undefined) throw new Error("no control plane");
    process.kill(control.pid, signal);
  }

  async end(): Promise<void> {
    await this.fleet.end();
    await this.served.stop();
    await this.issuer.stop();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

const documentOf = (issuer: string, certificates: string): string => `
selvage: 1
name: shop
gateway:
  hosts: [localhost, "127.0.0.1"]
  routes: [{ name: callee, match: { path: /* }, to: callee }]
mesh:
  trustDomain: shop.internal
  certificates: ${certificates}
  join:
    issuers:
      cluster: { preset: kubernetes, issuer: "${issuer}", audience: ${AUDIENCE} }
    rules:
      - issuer: cluster
        claims: { kubernetes.io.namespace: shop, sub: "system:serviceaccount:shop:*" }
        service: "{kubernetes.io.serviceaccount.name}"
        allow: [${CALLER}, ${CALLEE}]
  services:
    ${CALLER}: { port: 8080, access: [] }
    ${CALLEE}: { port: 8080, access: [{ from: ${CALLER} }] }
`;
