/** A client whose token is bound to its key: every request has a proof of its own (RFC 9449), which passes once and is soon too old. */
import { createHash, generateKeyPairSync, type KeyObject, randomUUID, sign } from "node:crypto";
import { calculateJwkThumbprint, type JWK } from "jose";
import type { Fields } from "./load.ts";

/** What the gateway takes in a second or more; beyond it proofs are signed one by one. */
const STOCK = 3_000;

export class DpopClient {
  readonly #privateKey: KeyObject;
  readonly #header: string;
  readonly #publicJwk: JWK;
  #stock: Fields[] = [];
  #make: () => Fields = () => ({});

  constructor() {
    const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
    this.#privateKey = privateKey;
    this.#publicJwk = publicKey.export({ format: "jwk" }) as JWK;
    this.#header = segment({ typ: "dpop+jwt", alg: "ES256", jwk: this.#publicJwk });
  }

  /** What its tokens are bound to. */
  thumbprint(): Promise<string> {
    return calculateJwkThumbprint(this.#publicJwk);
  }

  /** Uses a token for GET requests of a URL. */
  use(token: string, url: string): void {
    const authorization = `DPoP ${token}`;
    const ath = createHash("sha256").update(token).digest("base64url");
    this.#make = () => ({ authorization, dpop: this.#prove({ htm: "GET", htu: url, ath }) });
  }

  /** Signs proofs ahead, so that it does not compete with the gateway for the processor while that is measured. */
  readonly prepare = (): void => {
    this.#stock = Array.from({ length: STOCK }, this.#make);
  };

  /** Those of one request, never again. */
  readonly next = (): Fields => this.#stock.pop() ?? this.#make();

  #prove(claims: object): string {
    const text = `${this.#header}.${segment({ ...claims, jti: randomUUID(), iat: Math.floor(Date.now() / 1000) })}`;
    const signature = sign("sha256", Buffer.from(text), { key: this.#privateKey, dsaEncoding: "ieee-p1363" });
    return `${text}.${signature.toString("base64url")}`;
  }
}

const segment = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");
