/** Workloads that join by tokens of their platform, and come back by enrolment keys. */
import { type CryptoKey, exportJWK, generateKeyPair, type JWK, SignJWT } from "jose";
import { joinInput } from "../../../shared/wire/joining.ts";
import { toBase64, utf8 } from "../../../workers/control/authority/bytes.ts";
import { azureClaims } from "../../support/workload-tokens.ts";
import { type Answer, call, makeCsr, P256, shop } from "./support.ts";

export const AUDIENCE = "selvage.shop.example";
const ISSUERS = {
  cluster: "https://oidc.eks.eu-central-1.amazonaws.com/id/EXAMPLE",
  actions: "https://token.actions.githubusercontent.com",
  pipelines: "https://gitlab.com",
  account: "https://0b1f6471-1bf0-4dda.tokens.sts.global.api.aws",
  machines: "https://accounts.google.com",
  tenant: "https://sts.windows.net/72f988bf-86f1-41af-91ab-2d7cd011db47/",
} as const;
type Issuer = keyof typeof ISSUERS;

/** Of the issuers: a pair whose public half the document names, and another private key. */
export let key: CryptoKey;
export let otherKey: CryptoKey;
export let jwk: JWK;

/** Keys of RSA take their time to make. */
export async function makeIssuerKeys(): Promise<void> {
  const pair = await generateKeyPair("RS256", { extractable: true });
  key = pair.privateKey;
  jwk = await exportJWK(pair.publicKey);
  otherKey = (await generateKeyPair("RS256", { extractable: true })).privateKey;
}

export function document(keyLifetime?: string): Record<string, unknown> {
  const keys = [{ ...jwk, kid: "k1", alg: "RS256" }];
  const common = { audience: AUDIENCE, keys };
  const made = shop();
  const mesh = made.mesh as Record<string, unknown>;
  return {
    ...made,
    mesh: {
      ...mesh,
      join: {
        ...(keyLifetime !== undefined && { keyLifetime }),
        issuers: {
          cluster: { preset: "kubernetes", issuer: ISSUERS.cluster, ...common },
          actions: { preset: "github", ...common },
          pipelines: { preset: "gitlab", ...common, reuse: true },
          account: { preset: "aws", issuer: ISSUERS.account, ...common },
          machines: { preset: "gcp", ...common },
          tenant: { preset: "azure", issuer: ISSUERS.tenant, ...common },
        },
        rules: [
          {
            issuer: "cluster",
            claims: { "kubernetes.io.namespace": "shop" },
            service: "{kubernetes.io.serviceaccount.name}",
            allow: ["orders", "users"],
          },
          {
            issuer: "actions",
            claims: { repository: "shop/*", ref: ["refs/heads/main", "refs/tags/v*"], environment: "production" },
            service: "orders",
          },
          { issuer: "pipelines", claims: { project_path: "shop/orders", ref_protected: "true" }, service: "orders" },
          { issuer: "account", claims: { sub: "arn:aws:iam::123456789012:role/orders" }, service: "orders" },
          { issuer: "machines", claims: { "google.compute_engine.project_id": "shop-production" }, service: "users" },
          { issuer: "tenant", claims: { oid: azureClaims.oid }, service: "inventory" },
        ],
      },
    },
  };
}

export const nowS = (): number => Math.floor(Date.now() / 1000);

interface Wrong {
  readonly claims?: Record<string, unknown>;
  readonly header?: Record<string, string>;
  readonly key?: CryptoKey | Uint8Array;
}

let counter = 0;

/** A token as that issuer would sign it, and anything of it wrong. */
export function tokenOf(issuer: Issuer, claims: Record<string, unknown>, wrong: Wrong = {}): Promise<string> {
  const times = { iat: nowS(), nbf: nowS(), exp: nowS() + 600 };
  const all = { iss: ISSUERS[issuer], aud: [AUDIENCE], ...times, ...claims, nonce: counter++, ...wrong.claims };
  return new SignJWT(all).setProtectedHeader({ alg: "RS256", kid: "k1", ...wrong.header }).sign(wrong.key ?? key);
}

export async function makeKeys(): Promise<{ keys: CryptoKeyPair; spki: string }> {
  const keys = (await crypto.subtle.generateKey(P256, true, ["sign", "verify"])) as CryptoKeyPair;
  const spki = (await crypto.subtle.exportKey("spki", keys.publicKey)) as ArrayBuffer;
  return { keys, spki: toBase64(new Uint8Array(spki)) };
}
export type Keys = Awaited<ReturnType<typeof makeKeys>>;

export async function signed({ keys }: Keys, text: string): Promise<string> {
  return toBase64(new Uint8Array(await crypto.subtle.sign(P256, keys.privateKey, utf8(text))));
}

export const challenge = async (): Promise<string> => (await call("POST", "/v1/join/challenge")).body.challenge;

interface Join {
  readonly token: string;
  readonly instance?: string;
  readonly keys?: Keys;
  readonly challenge?: string;
  readonly exchanged?: Record<string, unknown>;
}

export async function join({ token, instance = "pod-1", exchanged, ...given }: Join): Promise<Answer> {
  const keys = given.keys ?? (await makeKeys());
  const { csr } = await makeCsr();
  const request = { token, instance, csr, challenge: given.challenge ?? (await challenge()), key: keys.spki };
  const proof = await signed(keys, joinInput.token(request));
  return call("POST", "/v1/join/token", undefined, { ...request, proof, ...exchanged });
}

export async function comeBack(keys: Keys, given: { challenge?: string; signer?: Keys } = {}): Promise<Answer> {
  const { csr } = await makeCsr();
  const request = { csr, challenge: given.challenge ?? (await challenge()), key: keys.spki };
  const proof = await signed(given.signer ?? keys, joinInput.key(request));
  return call("POST", "/v1/join/key", undefined, { ...request, proof });
}
