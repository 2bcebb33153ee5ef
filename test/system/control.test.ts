/** The control Worker on plain workerd, seen from Node: are its certificates what TLS stacks take, does a killed process come back whole? */
import "reflect-metadata";
import { type ChildProcess, execFileSync, spawn, spawnSync } from "node:child_process";
import { createHash, createHmac, randomBytes, webcrypto, X509Certificate } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createServer as createTlsServer, type TLSSocket, connect as tlsConnect } from "node:tls";
import * as x509 from "@peculiar/x509";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { mintControlToken } from "../../cli/local/control-token.ts";
import { listens, prepareWorker, workerChild } from "../../cli/local/worker-process.ts";
import { JOIN_TOKEN_PREFIX, macInput } from "../../shared/wire/enrolment.ts";
import { uriNameConstraints } from "../../workers/control/authority/name-constraints.ts";
import { freePorts } from "../support/system.ts";

const P256 = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;
const makeKeys = async () =>
  (await webcrypto.subtle.generateKey(P256, true, ["sign", "verify"])) as webcrypto.CryptoKeyPair;

const state = mkdtempSync(join(tmpdir(), "selvage-control-"));
const secrets = { TOKEN_SECRET: secret(), KEY_SECRET: secret(), KEY_ADMIN_SECRET: secret() };
let port = 0;
let child: ChildProcess;
let spec: ReturnType<typeof workerChild>;

function secret(): string {
  return randomBytes(32).toString("base64url");
}

async function start(): Promise<void> {
  child = spawn(spec.command, spec.args, { env: { ...spec.environment }, stdio: "ignore" });
  await listens("127.0.0.1", port, AbortSignal.timeout(10_000));
}

async function kill(): Promise<void> {
  const gone = new Promise((resolve) => child.once("exit", resolve));
  child.kill("SIGKILL");
  await gone;
}

beforeAll(async () => {
  [port = 0] = await freePorts(1);
  const worker = await prepareWorker("control", state);
  spec = workerChild("control", worker, { host: "127.0.0.1", port, secrets, services }, join(state, "control.log"));
  await start();
  const document = { selvage: 1, name: "shop", mesh: { trustDomain: "shop.internal", services: SERVICES } };
  const body = { document, source: "text", file: "selvage.yaml", author: "ann" };
  expect((await call("POST", "/v1/config/versions", await admin(), body)).status).toBe(201);
});

afterAll(async () => {
  await kill();
  rmSync(state, { recursive: true, force: true });
});

/** Nobody is there: keys have tests of their own. */
const services = { KEY_ADMIN: "127.0.0.1:1", CACHE_ADMIN: "127.0.0.1:1" };
const SERVICES = { orders: { port: 8080 }, inventory: { port: 8080, access: [{ from: "orders" }] } };
const admin = () => mintControlToken(secrets.TOKEN_SECRET, { role: "admin", sub: "ann" }, 600_000);

// biome-ignore lint/suspicious/noExplicitAny: answers of every shape
type Json = any;

async function call(
  method: string,
  path: string,
  token?: string,
  body?: unknown,
): Promise<{ status: number; body: Json }> {
  const response = await fetch(`http://127.0.0.1:${port}${path}`, {
    method,
    headers: token === undefined ? {} : { authorization: `Bearer ${token}` },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return { status: response.status, body: await response.json() };
}

interface Identity {
  readonly key: string;
  readonly cert: string;
  readonly certificates: string[];
  readonly ca: string;
  readonly token: string;
}

/** Enrols as an agent does, with a key made here. */
async function enrol(service: string, instance: string): Promise<Identity> {
  const { body: made } = await call("POST", "/v1/join-tokens", await admin(), { service });
  const token = JSON.parse(Buffer.from(made.token.slice(JOIN_TOKEN_PREFIX.length), "base64url").toString());
  const keys = await makeKeys();
  const request = await x509.Pkcs10CertificateRequestGenerator.create({ keys, signingAlgorithm: P256 });
  const csr = Buffer.from(request.rawData).toString("base64");
  const macKey = createHash("sha256").update(Buffer.from(token.secret, "base64url")).digest();
  const mac = createHmac("sha256", macKey)
    .update(macInput.request({ id: token.id, csr, instance }))
    .digest("base64url");
  const { status, body } = await call("POST", "/v1/enrol", undefined, { id: token.id, csr, instance, mac });
  expect(status).toBe(200);
  const pkcs8 = await webcrypto.subtle.exportKey("pkcs8", keys.privateKey);
  return {
    key: x509.PemConverter.encode(pkcs8, "PRIVATE KEY"),
    cert: body.certificates.join("\n"),
    certificates: body.certificates,
    ca: body.roots.join("\n"),
    token: body.token,
  };
}

const hasOpenssl = spawnSync("openssl", ["version"]).status === 0;

describe("certificates", () => {
  test.skipIf(!hasOpenssl)("pass OpenSSL's strict check and hold what the SPIFFE standard asks for", async () => {
    const { certificates, ca } = await enrol("orders", "orders-1");
    expect(opensslVerify(ca, certificates)).toMatch(/: OK/);
    const leaf = new X509Certificate(certificates[0] ?? "");
    expect(leaf.subjectAltName).toBe("URI:spiffe://shop.internal/service/orders");
    expect(leaf.checkIssued(new X509Certificate(certificates[1] ?? ""))).toBe(true);
  });

  test.skipIf(!hasOpenssl)(
    "of another trust domain would not verify, since root and issuer are constrained",
    async () => {
      const { certificates, ca } = await enrol("orders", "orders-constrained");
      for (const pem of [ca, certificates[1] ?? ""])
        expect(Buffer.from(constraintsOf(pem))).toEqual(Buffer.from(uriNameConstraints("shop.internal")));
      const [keys, leafKeys] = [await makeKeys(), await makeKeys()];
      const root = await x509.X509CertificateGenerator.createSelfSigned({
        name: "CN=root",
        keys,
        signingAlgorithm: P256,
        extensions: [
          new x509.BasicConstraintsExtension(true, undefined, true),
          new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign, true),
          new x509.Extension(NAME_CONSTRAINTS, true, constraintsOf(ca)),
          await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
        ],
      });
      const leafFor = async (name: { type: "url" | "dns"; value: string }): Promise<string> => {
        const leaf = await x509.X509CertificateGenerator.create({
          issuer: root.subjectName,
          publicKey: leafKeys.publicKey,
          signingKey: keys.privateKey,
          signingAlgorithm: P256,
          extensions: [
            new x509.SubjectAlternativeNameExtension([name], true),
            await x509.SubjectKeyIdentifierExtension.create(leafKeys.publicKey),
            await x509.AuthorityKeyIdentifierExtension.create(keys.publicKey),
          ],
        });
        return leaf.toString("pem");
      };
      const verify = async (name: { type: "url" | "dns"; value: string }): Promise<string> =>
        opensslVerify(root.toString("pem"), [await leafFor(name)]);
      expect(await verify({ type: "url", value: "spiffe://shop.internal/service/orders" })).toMatch(/: OK/);
      expect(await verify({ type: "url", value: "spiffe://evil.internal/service/orders" })).toMatch(
        /permitted subtree/,
      );
      expect(await verify({ type: "dns", value: "bank.example" })).toMatch(/excluded subtree/);
    },
  );

  test("carry mutual TLS 1.3 between two agents, and none without a certificate", async () => {
    const [orders, inventory] = [await enrol("orders", "orders-2"), await enrol("inventory", "inventory-2")];
    const { key, cert, ca } = inventory;
    const options = { key, cert, ca, requestCert: true, rejectUnauthorized: true, minVersion: "TLSv1.3" as const };
    const server = createTlsServer(options, (socket) => socket.end(`hello ${uriOf(socket)}`));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port: tlsPort } = server.address() as AddressInfo;
    try {
      const client = { key: orders.key, cert: orders.cert, ca: orders.ca };
      expect(await greet(tlsPort, client)).toEqual([
        "TLSv1.3",
        "URI:spiffe://shop.internal/service/inventory",
        "hello URI:spiffe://shop.internal/service/orders",
      ]);
      await expect(greet(tlsPort, { ca: orders.ca })).rejects.toThrow(/certificate required/i);
    } finally {
      server.close();
    }
  });
});

test("a killed process comes back with versions, keys and endpoints", async () => {
  const { token, ca } = await enrol("inventory", "inventory-3");
  const agent = await connectAgent(token, "inventory-3");
  agent.send(JSON.stringify({ type: "ready" }));
  agent.send(JSON.stringify({ type: "ack", version: 1 }));
  const status = async () => (await call("GET", "/v1/status", await admin())).body;
  const ofAgent = async () =>
    (await status()).agents.find((one: { instance: string }) => one.instance === "inventory-3");
  await expect.poll(ofAgent).toMatchObject({ phase: "ready", state: "current" });

  await kill();
  await start();
  expect(await ofAgent()).toMatchObject({ phase: "ready", state: "offline" });
  const { services } = (await call("GET", "/v1/services", await admin())).body;
  expect(services.inventory).toMatchObject([{ instance: "inventory-3", port: 4000 }]);
  expect((await enrol("orders", "orders-3")).ca).toBe(ca);
  const again = await connectAgent(token, "inventory-3", 1);
  again.send(JSON.stringify({ type: "ready" }));
  await expect.poll(ofAgent).toMatchObject({ phase: "ready", state: "current" });
  again.close();
});

async function connectAgent(token: string, instance: string, planVersion = 0): Promise<WebSocket> {
  const headers = { authorization: `Bearer ${token}` };
  const socket = new WebSocket(`ws://127.0.0.1:${port}/v1/agents/connect`, { headers } as unknown as string[]);
  await new Promise<void>((resolve, reject) => {
    socket.addEventListener("open", () => resolve());
    socket.addEventListener("error", () => reject(new Error("no upgrade")));
  });
  const endpoint = { instance, host: "127.0.0.1", port: 4000, labels: {} };
  const answered = new Promise((resolve) => socket.addEventListener("message", resolve, { once: true }));
  socket.send(
    JSON.stringify({ type: "hello", format: 1, instance, endpoint, planVersion, certificateNotAfterMs: Date.now() }),
  );
  await answered;
  return socket;
}

const NAME_CONSTRAINTS = "2.5.29.30";

function constraintsOf(pem: string): ArrayBuffer {
  const extension = new x509.X509Certificate(pem).extensions.find(({ type }) => type === NAME_CONSTRAINTS);
  return extension?.critical === true ? extension.value : new ArrayBuffer(0);
}

function uriOf(socket: TLSSocket): string {
  return socket.getPeerCertificate().subjectaltname ?? "";
}

/** @returns protocol, the server's name, and what the server said */
function greet(tlsPort: number, options: { key?: string; cert?: string; ca: string }): Promise<string[]> {
  return new Promise((resolve, reject) => {
    const socket = tlsConnect({ ...options, host: "127.0.0.1", port: tlsPort, checkServerIdentity: () => undefined });
    let text = "";
    socket.setEncoding("utf8");
    socket.on("data", (chunk: string) => {
      text += chunk;
    });
    const facts: string[] = [];
    socket.on("secureConnect", () => facts.push(socket.getProtocol() ?? "", uriOf(socket)));
    socket.on("end", () => resolve([...facts, text]));
    socket.on("error", reject);
  });
}

/** What `openssl verify -x509_strict` says of a chain, leaf first. */
function opensslVerify(root: string, [leaf = "", issuer = ""]: readonly string[]): string {
  const file = (name: string, pem: string): string => {
    const path = join(state, name);
    writeFileSync(path, pem);
    return path;
  };
  const args = ["verify", "-x509_strict", "-CAfile", file("root.pem", root)];
  try {
    const all = [...args, "-untrusted", file("issuer.pem", issuer === "" ? root : issuer), file("leaf.pem", leaf)];
    return execFileSync("openssl", all, { encoding: "utf8", stdio: "pipe" });
  } catch (error) {
    return String((error as { stderr?: string }).stderr ?? error);
  }
}
