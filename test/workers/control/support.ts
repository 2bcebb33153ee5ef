/** What the tests of the control Worker share: tokens, a document, certificate requests, an agent's socket. */
import "reflect-metadata";
import { env, exports } from "cloudflare:workers";
import * as x509 from "@peculiar/x509";
import { SignJWT } from "jose";
import {
  type Credentials,
  JOIN_TOKEN_PREFIX,
  type JoinToken,
  macInput,
  renewalProofInput,
} from "../../../shared/wire/enrolment.ts";
import { type AgentMessage, type HubMessage, hubMessageSchema } from "../../../shared/wire/hub.ts";
import { fromBase64Url, toBase64, toBase64Url, utf8 } from "../../../workers/control/authority/bytes.ts";
import type { Env } from "../../../workers/control/env.ts";
import { MAIN } from "../../../workers/control/objects/rpc.ts";

export const bindings = env as unknown as Env;
export const configStore = () => bindings.CONFIG.getByName(MAIN);
export const authority = () => bindings.AUTHORITY.getByName(MAIN);
export const hub = () => bindings.HUB.getByName(MAIN);

const worker = (exports as unknown as { default: Fetcher }).default;

/** A control token; any claim or header member can be made wrong. */
export function token(
  claims: Record<string, unknown>,
  wrong: {
    secret?: Uint8Array;
    header?: Record<string, string>;
    issuer?: string;
    audience?: string;
    exp?: number;
  } = {},
): Promise<string> {
  const key = wrong.secret ?? fromBase64Url(bindings.TOKEN_SECRET ?? "") ?? new Uint8Array();
  return new SignJWT({ sub: "tester", ...claims })
    .setProtectedHeader({ alg: "HS256", typ: "selvage-control+jwt", ...wrong.header })
    .setIssuer(wrong.issuer ?? "selvage")
    .setAudience(wrong.audience ?? "selvage-control")
    .setExpirationTime(wrong.exp ?? Math.floor(Date.now() / 1000) + 600)
    .sign(key);
}

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers of every shape
  readonly body: any;
}

/** One call of the API. @param as a role for a fresh token, or a token; undefined: none */
export async function call(method: string, path: string, as?: string, body?: unknown): Promise<Answer> {
  const bearer = as === "admin" || as === "gateway" ? await token({ role: as }) : as;
  const response = await worker.fetch(`http://control.test${path}`, {
    method,
    headers: bearer === undefined ? {} : { authorization: `Bearer ${bearer}` },
    ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
  });
  const text = await response.text();
  const isText = response.headers.get("content-type")?.startsWith("text/plain") === true;
  const told = text === "" ? undefined : isText ? text : JSON.parse(text);
  return { status: response.status, headers: response.headers, body: told };
}

/** A small shop: orders may call inventory, which nobody else may; users may be called by all. */
export function shop(timeout = "10s"): Record<string, unknown> {
  return {
    selvage: 1,
    name: "shop",
    gateway: {
      hosts: ["localhost"],
      routes: [{ name: "orders", match: { path: "/orders/*" }, to: "orders" }],
    },
    mesh: {
      trustDomain: "shop.internal",
      services: {
        users: { port: 8080 },
        orders: { port: 8080, timeout, access: [{ from: "gateway" }] },
        inventory: { port: 8080, access: [{ from: "orders" }] },
      },
    },
  };
}

export function applyShop(timeout?: string): Promise<Answer> {
  return applyDocument(shop(timeout));
}

export function applyDocument(document: unknown): Promise<Answer> {
  return call("POST", "/v1/config/versions", "admin", {
    document,
    source: "text",
    file: "selvage.yaml",
    author: "ann",
  });
}

export async function joinToken(service: string): Promise<JoinToken> {
  const { body } = await call("POST", "/v1/join-tokens", "admin", { service });
  return readJoinToken(body.token);
}

export function readJoinToken(text: string): JoinToken {
  const json = fromBase64Url(text.slice(JOIN_TOKEN_PREFIX.length));
  return JSON.parse(new TextDecoder().decode(json));
}

export const P256 = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;

/** A certificate request, base64 of the DER. */
export async function makeCsr(
  algorithm: Parameters<SubtleCrypto["generateKey"]>[0] = P256,
  extensions: x509.Extension[] = [],
): Promise<{ csr: string; keys: CryptoKeyPair }> {
  const keys = (await crypto.subtle.generateKey(algorithm, true, ["sign", "verify"])) as CryptoKeyPair;
  const request = await x509.Pkcs10CertificateRequestGenerator.create({
    name: "CN=somebody else",
    keys,
    signingAlgorithm: algorithm as x509.X509CertificateCreateParamsBase["signingAlgorithm"] & object,
    extensions,
  });
  return { csr: toBase64(new Uint8Array(request.rawData)), keys };
}

async function macKey(secret: string): Promise<CryptoKey> {
  const raw = await crypto.subtle.digest("SHA-256", fromBase64Url(secret) ?? new Uint8Array());
  return crypto.subtle.importKey("raw", raw, { name: "HMAC", hash: "SHA-256" }, false, ["sign"]);
}

export async function macOf(secret: string, text: string): Promise<string> {
  return toBase64Url(new Uint8Array(await crypto.subtle.sign("HMAC", await macKey(secret), utf8(text))));
}

/** Sends an enrolment as an agent would. */
export async function enrolWith(join: JoinToken, csr: string, instance: string): Promise<Answer> {
  const mac = await macOf(join.secret, macInput.request({ id: join.id, csr, instance }));
  return call("POST", "/v1/enrol", undefined, { id: join.id, csr, instance, mac });
}

export async function enrol(
  service: string,
  instance: string,
): Promise<{ credentials: Credentials; keys: CryptoKeyPair }> {
  const { csr, keys } = await makeCsr();
  return { credentials: (await enrolWith(await joinToken(service), csr, instance)).body, keys };
}

/** What an agent sends to renew. @param keys certified last */
export async function renewal(csr: string, keys: CryptoKeyPair): Promise<{ csr: string; key: string; proof: string }> {
  const key = (await crypto.subtle.exportKey("spki", keys.publicKey)) as ArrayBuffer;
  const proof = await crypto.subtle.sign(P256, keys.privateKey, utf8(renewalProofInput(csr)));
  return { csr, key: toBase64(new Uint8Array(key)), proof: toBase64(new Uint8Array(proof)) };
}

/** An agent's end of the socket: what comes is kept, and waited for by type. */
export class TestAgent {
  readonly messages: HubMessage[] = [];
  closed: { code: number; reason: string } | undefined;
  readonly #socket: WebSocket;
  readonly #waiting = new Set<() => void>();

  constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.accept();
    socket.addEventListener("message", ({ data }) => {
      if (data !== "pong") this.messages.push(hubMessageSchema.parse(JSON.parse(String(data))));
      this.#wake();
    });
    socket.addEventListener("close", ({ code, reason }) => {
      this.closed = { code, reason };
      this.#wake();
    });
  }

  send(message: AgentMessage | string | ArrayBuffer): void {
    const isText = typeof message === "string" || message instanceof ArrayBuffer;
    this.#socket.send(isText ? message : JSON.stringify(message));
  }

  close(): void {
    this.#socket.close(1000, "test");
  }

  /** The first message of that type, taken out; waits for it. */
  async take<T extends HubMessage["type"]>(type: T): Promise<Extract<HubMessage, { type: T }>> {
    await this.until(() => this.closed !== undefined || this.messages.some((message) => message.type === type));
    const at = this.messages.findIndex((message) => message.type === type);
    const [message] = at < 0 ? [] : this.messages.splice(at, 1);
    if (message === undefined) throw new Error(`closed (${this.closed?.code} ${this.closed?.reason}) before ${type}`);
    return message as Extract<HubMessage, { type: T }>;
  }

  async untilClosed(): Promise<{ code: number; reason: string }> {
    await this.until(() => this.closed !== undefined);
    return this.closed ?? { code: 0, reason: "" };
  }

  async until(condition: () => boolean): Promise<void> {
    while (!condition()) await new Promise<void>((resolve) => this.#waiting.add(resolve));
  }

  #wake(): void {
    for (const resolve of this.#waiting) resolve();
    this.#waiting.clear();
  }
}

export async function connect(agentToken: string): Promise<TestAgent> {
  const headers = { authorization: `Bearer ${agentToken}`, upgrade: "websocket" };
  const response = await worker.fetch("http://control.test/v1/agents/connect", { headers });
  if (response.webSocket === null) throw new Error(`no upgrade: ${response.status} ${await response.text()}`);
  return new TestAgent(response.webSocket);
}

export function helloOf(instance: string, port = 0, planVersion = 0): Extract<AgentMessage, { type: "hello" }> {
  const endpoint = { instance, host: "127.0.0.1", port, labels: { version: "v1" } };
  const own = port === 0 ? {} : { endpoint };
  return { type: "hello", format: 1, instance, ...own, planVersion, certificateNotAfterMs: Date.now() + 86_400_000 };
}

/** An agent that has said hello and has got its first three messages. */
export async function joined(service: string, instance: string, port = 0): Promise<TestAgent> {
  const agent = await connect(await token({ role: "agent", service, sub: instance }));
  agent.send(helloOf(instance, port));
  await agent.take("trust");
  await agent.take("plan");
  await agent.take("endpoints");
  return agent;
}

export type Trust = Extract<HubMessage, { type: "trust" }>;

/** An agent that has joined by a token and is connected. */
export interface Enrolled {
  readonly agent: TestAgent;
  readonly trust: Trust;
  /** Gets a new certificate, and says that it has the bundle. */
  renew(trust: Trust): Promise<string[]>;
  readonly token: string;
  readonly serial: string;
}

export async function agentOf(service: string, instance: string): Promise<Enrolled> {
  const enrolled = await enrol(service, instance);
  let { credentials, keys } = enrolled;
  const agent = await connect(credentials.token);
  agent.send(helloOf(instance));
  return {
    agent,
    trust: await agent.take("trust"),
    renew: async (trust) => {
      const next = await makeCsr();
      const { body } = await call("POST", "/v1/renew", credentials.token, await renewal(next.csr, keys));
      ({ credentials, keys } = { credentials: body, keys: next.keys });
      agent.send({ type: "trusts", id: trust.id ?? "" });
      return body.certificates;
    },
    token: credentials.token,
    serial: new x509.X509Certificate(credentials.certificates[0] ?? "").serialNumber,
  };
}

/** The trust bundle that has the rotation at that step. */
export async function bundleAt(agent: TestAgent, test: (trust: Trust) => boolean): Promise<Trust> {
  for (;;) {
    const trust = await agent.take("trust");
    if (test(trust)) return trust;
  }
}

/** Newest first. */
export async function audit(): Promise<{ act: string; detail: string }[]> {
  return (await call("GET", "/v1/audit", "admin")).body.entries;
}
