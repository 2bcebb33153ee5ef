/** Listeners for h2spec: the engine plain and over TLS as agents have it, and a front before a gateway. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Certificates } from "../../../mesh-agent/front/certificates.ts";
import type { ServerExchange } from "../../../mesh-agent/proxy/engine.ts";
import { createHttp1Server } from "../../../mesh-agent/proxy/http1/server-engine.ts";
import { createHttp2Server } from "../../../mesh-agent/proxy/http2/server-engine.ts";
import { createMeshServer } from "../../../mesh-agent/proxy/mesh-server.ts";
import { FieldList } from "../../../shared/http/field-list.ts";
import { makeAuthority, type TestAuthority } from "../../support/certificates.ts";
import { startFront } from "../../support/front.ts";

export interface H2specListener {
  readonly name: string;
  readonly port: number;
  readonly tls: boolean;
  /** Titles of cases that cannot be passed there. */
  readonly except?: readonly string[];
}

/** Where HTTP/1.1 is spoken as well, what is no preface of HTTP/2 is a broken request, and answered as one (RFC 9112 section 3). */
const NO_PREFACE = "Sends invalid connection preface";

export interface H2specListeners {
  readonly listeners: readonly H2specListener[];
  close(): Promise<void>;
}

const HERE = { host: "127.0.0.1", port: 0 };
const CONTENT = Buffer.from("what windows of one byte are tried with\n");

/** Some cases need a body to be answered with, others one to be read. */
function answer(exchange: ServerExchange): void {
  exchange.onFail(() => undefined);
  exchange.body.onChunk(() => undefined);
  exchange.body.onEnd(() => {
    const writer = exchange.respond({ status: 200, fields: new FieldList(), bodyLength: CONTENT.length });
    writer.write(CONTENT);
    writer.end();
  });
}

async function openFront(authority: TestAuthority): Promise<{ port: number; close(): Promise<void> }> {
  const folder = mkdtempSync(join(tmpdir(), "selvage-h2spec-"));
  const { certPem, keyPem } = await authority.issue("front", { dnsNames: ["localhost"] });
  const pair = { cert: join(folder, "cert.pem"), key: join(folder, "key.pem") };
  writeFileSync(pair.cert, certPem);
  writeFileSync(pair.key, keyPem);
  const gateway = await createHttp1Server({ listen: HERE });
  gateway.onExchange(answer);
  const { front, port } = await startFront(gateway.port, new Certificates({ pairs: [pair] }));
  const close = async (): Promise<void> => {
    await front.close(0);
    await gateway.close(0);
    rmSync(folder, { recursive: true, force: true });
  };
  return { port, close };
}

/** The agent's TLS listener asks for a certificate here as always, but serves who has none: h2spec shows none. */
export async function openH2specListeners(): Promise<H2specListeners> {
  const authority = await makeAuthority("h2spec.example");
  const { certPem, keyPem } = await authority.issue("agent", { dnsNames: ["localhost"] });
  const identity = { key: keyPem, cert: certPem, ca: authority.rootPem, requireClientCert: false };
  const [plain, mixed, secure] = await Promise.all([
    createHttp2Server({ listen: HERE }),
    createMeshServer({ listen: HERE }),
    createMeshServer({ listen: HERE, tls: identity, connect: true }),
  ]);
  for (const listener of [plain, mixed, secure]) listener.onExchange(answer);
  const front = await openFront(authority);
  return {
    listeners: [
      { name: "HTTP/2 alone, without TLS", port: plain.port, tls: false },
      { name: "agent, without TLS", port: mixed.port, tls: false, except: [NO_PREFACE] },
      { name: "agent, TLS", port: secure.port, tls: true },
      { name: "front, TLS", port: front.port, tls: true },
    ],
    close: async () => {
      await Promise.all([front.close(), ...[plain, mixed, secure].map((listener) => listener.close(0))]);
    },
  };
}
