/** A control plane in the test's own process: the wire's messages, and ways to misbehave. */
import { createHash, createHmac, type KeyObject, randomBytes, verify, X509Certificate } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { type CryptoKey, exportJWK, generateKeyPair, type JWK, SignJWT } from "jose";
import type { RevocationList } from "../../../shared/auth/revocations.ts";
import { TXN_TOKEN_ALGORITHM, TXN_TOKEN_TYPE } from "../../../shared/identity/txn-token.ts";
import { canonicalJson } from "../../../shared/plan/canonical-json.ts";
import { compileBreaker } from "../../../shared/plan/compile-balance.ts";
import { type AgentPlan, type ExposePlan, type OutboundServicePlan, PLAN_FORMAT } from "../../../shared/plan/plan.ts";
import { watchedBy } from "../../../shared/plan/watched-services.ts";
import type { CallLimit } from "../../../shared/policy/call-limits.ts";
import type { DeniedPeers } from "../../../shared/policy/denial.ts";
import type { ConcurrencySettings } from "../../../shared/policy/load-shedding.ts";
import type { AccessRule } from "../../../shared/policy/settings.ts";
import type { TelemetrySettings } from "../../../shared/telemetry/settings.ts";
import type { Endpoint } from "../../../shared/wire/endpoint.ts";
import {
  type Credentials,
  type EnrolRequest,
  JOIN_TOKEN_PREFIX,
  macInput,
  type RenewRequest,
  renewalProofInput,
} from "../../../shared/wire/enrolment.ts";
import type { HopKey } from "../../../shared/wire/hop-key.ts";
import { type AgentMessage, PING, PONG } from "../../../shared/wire/hub.ts";
import { makeAuthority, type TestAuthority } from "../../support/certificates.ts";
import { answerLimits, type LimiterStates } from "./count-limits.ts";
import { acceptWebSocket, type ServerSocket } from "./web-socket-server.ts";

export const TRUST_DOMAIN = "test.internal";

export const outboundDefaults: OutboundServicePlan = {
  subsets: {},
  traffic: [],
  timeoutMs: 5_000,
  retries: { attempts: 2, on: ["reset", "connect-failure"] },
  breaker: { ...compileBreaker(undefined), maxConnections: 10 },
  balance: { policy: "round-robin" },
};

interface TxnKey {
  readonly kid: string;
  readonly privateKey: CryptoKey;
  readonly jwk: JWK;
}

interface Agent {
  readonly service: string;
  readonly socket: ServerSocket;
  endpoint: Endpoint | undefined;
  ready: boolean;
}

export class TestControl {
  authority: TestAuthority;
  readonly #txnKey: TxnKey;
  readonly #secrets = new Map<string, { secret: Buffer; service: string }>();
  /** `key`: certified with it. */
  readonly #tokens = new Map<string, { service: string; key: KeyObject }>();
  readonly #agents = new Map<string, Agent>();
  readonly #plans = new Map<string, { version: number; plan: AgentPlan }>();
  readonly #streams = new Set<{ destroy(): void }>();
  #server: Server | undefined;
  #port = 0;
  #revision = 0;
  /** PEM roots of the trust bundle beside the own. */
  otherRoots: string[] = [];
  /** What ingress agents check the gateway's proofs by. */
  hopKeys: HopKey[] = [makeHopKey("h1")];
  trustId = "t1";
  /** Peers that agents refuse, from the next `announceTrust` on. */
  denied: DeniedPeers | undefined;
  /** PEM roots of other trust domains, from the next `announceTrust` on. */
  federated: Record<string, string[]> | undefined;
  /** What every plan says of it from the next `setPlan` on. */
  telemetry: TelemetrySettings | undefined;
  /** Endpoints that no agent registered. */
  extra: Record<string, Endpoint[]> = {};
  /** What is revoked, for agents that face the outside. */
  #revocations: RevocationList = { revision: 0, entries: [] };
  /** Instances that are ready and yet announced to nobody. */
  readonly hidden = new Set<string>();
  /** Everything that agents said but pings. */
  readonly heard: (AgentMessage & { from: string })[] = [];
  leafLifetimeMs = 86_400_000;
  issued = 0;
  /** Set: enrolment and renewal answer this status. */
  failWith: number | undefined;
  failDetail = "told to fail";
  /** Limits that are counted over all instances: as the control plane counts them, or (undefined) not at all. */
  limiters: LimiterStates | undefined = new Map();

  private constructor(authority: TestAuthority, txnKey: TxnKey) {
    this.authority = authority;
    this.#txnKey = txnKey;
  }

  static async start(): Promise<TestControl> {
    const { publicKey, privateKey } = await generateKeyPair(TXN_TOKEN_ALGORITHM, { extractable: true });
    const jwk = { ...(await exportJWK(publicKey)), kid: "k1" };
    const control = new TestControl(await makeAuthority(TRUST_DOMAIN), { kid: "k1", privateKey, jwk });
    await control.open();
    return control;
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  /** Listens (again) at the same port. */
  async open(): Promise<void> {
    const server = createServer((request, response) => void this.#call(request, response));
    server.on("upgrade", (request, stream) => this.#connect(request, stream));
    server.on("connection", (stream) => {
      this.#streams.add(stream);
      stream.on("close", () => this.#streams.delete(stream));
    });
    await new Promise<void>((resolve) => server.listen(this.#port, "127.0.0.1", resolve));
    const address = server.address();
    this.#port = typeof address === "object" && address !== null ? address.port : 0;
    this.#server = server;
  }

  /** Gone as by SIGKILL. */
  async close(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    if (server === undefined) return;
    const closed = new Promise((resolve) => server.close(resolve));
    for (const stream of this.#streams) stream.destroy();
    await closed;
    this.#agents.clear();
  }

  joinToken(service: string, change: { url?: string; root?: string; secret?: string } = {}): string {
    const id = randomBytes(8).toString("hex");
    const secret = randomBytes(32);
    this.#secrets.set(id, { secret, service });
    const root = new X509Certificate(this.authority.rootPem).fingerprint256.replaceAll(":", "").toLowerCase();
    const token = { url: this.url, root, id, secret: secret.toString("base64url"), ...change };
    return `${JOIN_TOKEN_PREFIX}${Buffer.from(JSON.stringify(token)).toString("base64url")}`;
  }

  /** A plan for a service: who may call it, and whom it calls. */
  setPlan(
    service: string,
    {
      access,
      shedding,
      inbound = {},
      rateLimits,
      expose,
      outbound = {},
    }: {
      access?: readonly AccessRule[];
      shedding?: ConcurrencySettings;
      inbound?: Partial<NonNullable<AgentPlan["inbound"]>>;
      rateLimits?: readonly CallLimit[];
      expose?: ExposePlan;
      outbound?: Record<string, Partial<OutboundServicePlan>>;
    },
  ): void {
    const version = (this.#plans.get(service)?.version ?? 0) + 1;
    const plan: AgentPlan = {
      format: PLAN_FORMAT,
      trustDomain: TRUST_DOMAIN,
      service,
      ...(this.telemetry !== undefined && { telemetry: this.telemetry }),
      ...(service !== "gateway" && {
        inbound: {
          port: 8080,
          protocol: "http" as const,
          ...inbound,
          ...(access !== undefined && { access }),
          ...(shedding !== undefined && { shedding }),
          ...(rateLimits !== undefined && { rateLimits }),
          ...(expose !== undefined && { expose }),
        },
      }),
      outbound: Object.fromEntries(
        Object.entries(outbound).map(([name, settings]) => [name, { ...outboundDefaults, ...settings }]),
      ),
    };
    this.#plans.set(service, { version, plan });
    for (const agent of this.#agents.values())
      if (agent.service === service) {
        this.#sendPlan(agent);
        this.#sendEndpoints(agent);
      }
  }

  /** Gives an instance a second version beside its plan. @param access of the service */
  sendCanary(instance: string, version: number, access?: readonly AccessRule[]): void {
    const known = this.#plans.get(this.#agents.get(instance)?.service ?? "");
    if (known === undefined) throw new Error(`${instance} has no plan`);
    const { inbound } = known.plan;
    const own = inbound && { inbound: { ...inbound, ...(access !== undefined && { access }) } };
    const plan = { ...known.plan, ...own };
    const hash = createHash("sha256").update(canonicalJson(plan)).digest("hex");
    this.sendRaw(instance, { type: "canary", version, hash, plan });
  }

  /** Sends a plan message as it is. */
  sendRaw(instance: string, message: object): void {
    this.#agents.get(instance)?.socket.send(JSON.stringify(message));
  }

  isReady(instance: string): boolean {
    return this.#agents.get(instance)?.ready ?? false;
  }

  announce(): void {
    this.#revision++;
    for (const agent of this.#agents.values()) this.#sendEndpoints(agent);
  }

  /** A token as the gateway mints it. */
  async txnToken(scope: string, change: Record<string, unknown> = {}, key = this.#txnKey.privateKey): Promise<string> {
    const iat = Math.floor(Date.now() / 1000);
    const claims = { iat, exp: iat + 30, aud: TRUST_DOMAIN, txn: "t1", sub: "alice", scope };
    const more = { req_wl: `spiffe://${TRUST_DOMAIN}/service/gateway`, tctx: { route: "r" }, ...change };
    return new SignJWT({ ...claims, ...more, rctx: { issuer: "i", method: "jwt" } })
      .setProtectedHeader({ alg: TXN_TOKEN_ALGORITHM, typ: TXN_TOKEN_TYPE, kid: this.#txnKey.kid })
      .sign(key);
  }

  async #call(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const answer = (status: number, body: object): void => {
      response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
    };
    if (this.failWith !== undefined) return answer(this.failWith, { detail: this.failDetail });
    const body = JSON.parse(Buffer.concat(chunks).toString("utf8")) as EnrolRequest & RenewRequest;
    if (request.url === "/v1/renew") {
      const known = this.#tokens.get(request.headers.authorization?.slice("Bearer ".length) ?? "");
      if (known === undefined) return answer(401, { detail: "unknown token" });
      if (!proves(body, known.key)) return answer(401, { detail: "not the key that was certified last" });
      return answer(200, await this.#credentials(known.service, body.csr));
    }
    const known = this.#secrets.get(body.id);
    if (known === undefined) return answer(403, { detail: "This join token is not known or was used." });
    this.#secrets.delete(body.id);
    const key = createHash("sha256").update(known.secret).digest();
    const mac = (text: string): string => createHmac("sha256", key).update(text).digest("base64url");
    if (mac(macInput.request(body)) !== body.mac) return answer(403, { detail: "The request is not from its holder." });
    const credentials = await this.#credentials(known.service, body.csr);
    answer(200, { ...credentials, mac: mac(macInput.answer(body, credentials)) });
  }

  async #credentials(service: string, csr: string): Promise<Credentials> {
    this.issued++;
    const token = randomBytes(8).toString("hex");
    const notBefore = new Date(Date.now() - 1_000);
    const notAfter = new Date(Date.now() + this.leafLifetimeMs);
    const certificates = await this.authority.certify(csr, service, { notBefore, notAfter });
    this.#tokens.set(token, { service, key: new X509Certificate(certificates[0] ?? "").publicKey });
    return { service, trustDomain: TRUST_DOMAIN, certificates, roots: [this.authority.rootPem], token };
  }

  #connect(request: IncomingMessage, stream: Parameters<typeof acceptWebSocket>[1]): void {
    const service = this.#tokens.get(request.headers.authorization?.slice("Bearer ".length) ?? "")?.service;
    if (service === undefined) {
      stream.end("HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\n\r\n");
      return;
    }
    let instance: string | undefined;
    const socket = acceptWebSocket(request, stream, {
      text: (text) => {
        if (text === PING) return socket.send(PONG);
        const message = JSON.parse(text) as AgentMessage;
        if (message.type === "hello") {
          instance = message.instance;
          const { endpoint, planVersion } = message;
          const agent = { service, socket, endpoint, ready: false };
          this.#agents.set(instance, agent);
          this.#sendTrust(agent);
          this.#sendRevocations(agent);
          if (this.#plans.get(service)?.version !== planVersion) this.#sendPlan(agent);
          this.#sendEndpoints(agent);
        }
        if (message.type === "limits" && this.limiters !== undefined) {
          const all = this.#plans.get(service)?.plan.inbound?.rateLimits ?? [];
          socket.send(JSON.stringify(answerLimits(this.limiters, message, { service, instance: instance ?? "" }, all)));
        }
        const agent = this.#agents.get(instance ?? "");
        this.heard.push({ ...message, from: instance ?? "" });
        if (agent === undefined || (message.type !== "ready" && message.type !== "draining")) return;
        agent.ready = message.type === "ready";
        this.announce();
      },
      end: () => {
        if (instance === undefined || this.#agents.get(instance)?.socket !== socket) return;
        this.#agents.delete(instance);
        this.announce();
      },
    });
  }

  /** Pushes roots and keys as they are now. */
  announceTrust(): void {
    for (const agent of this.#agents.values()) this.#sendTrust(agent);
  }

  #sendTrust({ service, socket }: Agent): void {
    const roots = [this.authority.rootPem, ...this.otherRoots];
    const hopKeys = service === "gateway" ? { hopKeys: this.hopKeys } : {};
    const { trustId: id, denied, federated } = this;
    socket.send(
      JSON.stringify({ type: "trust", id, roots, txnKeys: [this.#txnKey.jwk], ...hopKeys, denied, federated }),
    );
  }

  /** Tells those who face the outside what is revoked from now on. */
  revoke(entries: RevocationList["entries"]): void {
    this.#revocations = { revision: this.#revocations.revision + 1, entries };
    for (const agent of this.#agents.values()) this.#sendRevocations(agent);
  }

  #sendRevocations({ service, socket }: Agent): void {
    if (this.#plans.get(service)?.plan.inbound?.expose === undefined) return;
    socket.send(JSON.stringify({ type: "revocations", ...this.#revocations }));
  }

  #sendPlan({ service, socket }: Agent): void {
    const known = this.#plans.get(service);
    if (known === undefined) return;
    const hash = createHash("sha256").update(canonicalJson(known.plan)).digest("hex");
    socket.send(JSON.stringify({ type: "plan", ...known, hash }));
  }

  #sendEndpoints({ service, socket }: Agent): void {
    const services: Record<string, Endpoint[]> = {};
    const plan = this.#plans.get(service)?.plan;
    for (const name of plan === undefined ? [] : watchedBy(plan)) {
      const ready = [...this.#agents.values()].filter((agent) => agent.service === name && agent.ready);
      const registered = ready.flatMap(({ endpoint }) => endpoint ?? []);
      const announced = registered.filter(({ instance }) => !this.hidden.has(instance));
      services[name] = [...announced, ...(this.extra[name] ?? [])];
    }
    socket.send(JSON.stringify({ type: "endpoints", revision: this.#revision, services }));
  }
}

export function makeHopKey(kid: string): HopKey {
  return { kid, key: randomBytes(32).toString("base64url") };
}

function proves({ csr, key, proof }: RenewRequest, certified: KeyObject): boolean {
  const input = Buffer.from(renewalProofInput(csr));
  const isGood = verify("sha256", input, { key: certified, dsaEncoding: "ieee-p1363" }, Buffer.from(proof, "base64"));
  return isGood && certified.export({ type: "spki", format: "der" }).toString("base64") === key;
}
