/** An issuer of workload tokens as a platform runs it: discovery, a key set that rotates, tokens that are really signed. */
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { type CryptoKey, exportJWK, generateKeyPair, type JWK, SignJWT } from "jose";

interface IssuerKey {
  readonly privateKey: CryptoKey;
  readonly jwk: JWK;
}

export class TokenIssuer {
  readonly url: string;
  readonly #server: Server;
  #keys: IssuerKey[] = [];
  #count = 0;
  /** How often its key set was asked for. */
  asked = 0;

  private constructor(server: Server) {
    this.#server = server;
    this.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    server.on("request", ({ url }, response) => {
      const send = (body: unknown): void => {
        response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(body));
      };
      if (url === "/.well-known/openid-configuration") send({ issuer: this.url, jwks_uri: `${this.url}/keys` });
      else if (url === "/keys") {
        this.asked++;
        send({ keys: this.#keys.map(({ jwk }) => jwk) });
      } else response.writeHead(404).end();
    });
  }

  static async start(): Promise<TokenIssuer> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const issuer = new TokenIssuer(server);
    await issuer.rotate();
    return issuer;
  }

  /** From now on it signs with another key; the former one is no longer published. */
  async rotate(): Promise<void> {
    const { publicKey, privateKey } = await generateKeyPair("ES256", { extractable: true });
    const jwk = { ...(await exportJWK(publicKey)), kid: `k${++this.#count}`, alg: "ES256", use: "sig" };
    this.#keys = [{ privateKey, jwk }];
  }

  token(audience: string, claims: Record<string, unknown>, lifeS = 600): Promise<string> {
    const [current] = this.#keys;
    if (current === undefined) throw new Error("an issuer without keys");
    const iat = Math.floor(Date.now() / 1000);
    return new SignJWT({
      iss: this.url,
      aud: [audience],
      iat,
      nbf: iat,
      exp: iat + lifeS,
      jti: crypto.randomUUID(),
      ...claims,
    })
      .setProtectedHeader({ alg: "ES256", kid: current.jwk.kid ?? "" })
      .sign(current.privateKey);
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
