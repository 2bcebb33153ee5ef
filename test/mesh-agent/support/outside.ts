/** The outside of an exposed service: clients over TLS, an issuer of tokens, and documents. */
import { writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { request } from "node:https";
import { join } from "node:path";
import { type CryptoKey, exportJWK, generateKeyPair, type JWK, SignJWT } from "jose";
import { checkDocument } from "../../../shared/config/check-document.ts";
import { compile } from "../../../shared/plan/compile.ts";
import type { ExposePlan, ServicePlan } from "../../../shared/plan/plan.ts";
import { makeAuthority, type TestAuthority } from "../../support/certificates.ts";

export const HOST = "api.example.com";

/** A service of a document, compiled. @param identity the gateway's providers */
export function compiledService(service: object, identity: object = {}): ServicePlan {
  const { document, problems } = checkDocument({
    selvage: 1,
    name: "test",
    gateway: { hosts: ["localhost"], identity, routes: [] },
    mesh: { trustDomain: "test.internal", services: { shop: { port: 8080, access: [], ...service } } },
  });
  if (document === undefined) throw new Error(JSON.stringify(problems));
  const plan = compile(document).mesh.services.shop;
  if (plan === undefined) throw new Error("no service");
  return plan;
}

export function compiledExpose(expose: object, identity: object = {}): ExposePlan {
  const { expose: plan } = compiledService({ expose: { hosts: [HOST], ...expose } }, identity);
  if (plan === undefined) throw new Error("nothing is exposed");
  return plan;
}

/** Publishes its keys by discovery, and counts how often it is asked. */
export class TestIssuer {
  asked = 0;
  readonly #server: Server;
  #keys: { kid: string; privateKey: CryptoKey; jwk: JWK }[] = [];

  private constructor() {
    this.#server = createServer((asked, answer) => {
      this.asked++;
      const { url } = this;
      const body =
        asked.url === "/keys"
          ? { keys: this.#keys.map(({ jwk }) => jwk) }
          : { issuer: url, jwks_uri: `${url}/keys`, authorization_endpoint: url, token_endpoint: url };
      answer.setHeader("content-type", "application/json").end(JSON.stringify(body));
    });
  }

  static async start(): Promise<TestIssuer> {
    const issuer = new TestIssuer();
    await issuer.rotate("k1");
    await new Promise<void>((resolve) => issuer.#server.listen(0, "127.0.0.1", resolve));
    return issuer;
  }

  get url(): string {
    const address = this.#server.address();
    return `http://127.0.0.1:${typeof address === "object" ? address?.port : ""}`;
  }

  /** Another key instead of those before. */
  async rotate(kid: string): Promise<void> {
    const { privateKey, publicKey } = await generateKeyPair("ES256", { extractable: true });
    this.#keys = [{ kid, privateKey, jwk: { ...(await exportJWK(publicKey)), kid, alg: "ES256" } }];
  }

  /** A token that is good but for the claims given. */
  async token(claims: Record<string, unknown> = {}): Promise<string> {
    const [key] = this.#keys;
    if (key === undefined) throw new Error("no key");
    const nowSeconds = Math.floor(Date.now() / 1000);
    const usual = { iss: this.url, aud: "shop-api", iat: nowSeconds, exp: nowSeconds + 300 };
    return new SignJWT({ sub: "ann", scope: "orders:read", ...usual, ...claims })
      .setProtectedHeader({ alg: "ES256", kid: key.kid })
      .sign(key.privateKey);
  }

  async close(): Promise<void> {
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

/** A certificate of the outside world for `HOST`, in files. */
export class TestCertificate {
  readonly authority: TestAuthority;
  readonly cert: string;
  readonly key: string;

  private constructor(authority: TestAuthority, folder: string) {
    this.authority = authority;
    this.cert = join(folder, "cert.pem");
    this.key = join(folder, "key.pem");
  }

  static async make(folder: string): Promise<TestCertificate> {
    const certificate = new TestCertificate(await makeAuthority("example.com"), folder);
    await certificate.renew("first");
    return certificate;
  }

  /** @param name common name of the new one */
  async renew(name: string): Promise<void> {
    const { certPem, keyPem } = await this.authority.issue(name, { uris: [], dnsNames: [HOST] });
    writeFileSync(this.key, keyPem);
    writeFileSync(this.cert, certPem);
  }

  /** Another key than the certificate's. */
  spoil(): void {
    writeFileSync(this.key, "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n");
  }

  get flags(): string[] {
    return ["--expose-cert", this.cert, "--expose-key", this.key];
  }
}

export interface OutsideAnswer {
  readonly status: number;
  readonly headers: Record<string, string | string[] | undefined>;
  readonly text: string;
  readonly json: Record<string, unknown>;
  /** Common name of the server's certificate. */
  readonly server: string;
}

/** One request over a connection of its own. */
export function outside(
  port: number,
  ca: string,
  path: string,
  options: { method?: string; headers?: Record<string, string | string[]>; body?: string } = {},
): Promise<OutsideAnswer> {
  const { method = "GET", headers = {}, body } = options;
  return new Promise((resolve, reject) => {
    const sent = request(
      {
        ...{ host: "127.0.0.1", port, ca, servername: HOST, path, method, agent: false },
        headers: { host: HOST, ...headers },
      },
      (answer) => {
        const { socket } = answer as unknown as { socket: { getPeerCertificate(): { subject?: { CN?: string } } } };
        const server = socket.getPeerCertificate().subject?.CN ?? "";
        let text = "";
        answer.setEncoding("utf8");
        answer.on("data", (chunk) => {
          text += chunk;
        });
        answer.on("end", () =>
          resolve({
            ...{ status: answer.statusCode ?? 0, headers: answer.headers, text, server },
            json: text.startsWith("{") ? JSON.parse(text) : {},
          }),
        );
      },
    );
    sent.on("error", reject);
    sent.end(body);
  });
}
