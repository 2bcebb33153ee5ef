/**
 * HTTP message signatures (RFC 9421) as a proof of identity: which of a message's signatures is meant, whether it covers and
 * says what it must, and whom its key names. Checking the signature itself is the host's work.
 */
import type { SignatureInput } from "../http/signature-base.ts";
import type { Identity } from "../identity/identity.ts";
import { limits } from "../limits.ts";
import type { ChallengeError } from "./bearer.ts";
import type { PublicJwk } from "./jwk.ts";

/** Registered algorithms (section 6.2.2). */
export const messageAlgorithms = [
  "ed25519",
  "ecdsa-p256-sha256",
  "ecdsa-p384-sha384",
  "rsa-pss-sha512",
  "rsa-v1_5-sha256",
  "hmac-sha256",
] as const;
export type MessageAlgorithm = (typeof messageAlgorithms)[number];

/** Accepted where a document does not say: RSA as of PKCS #1 v1.5 must be asked for. */
export const usualMessageAlgorithms: readonly MessageAlgorithm[] = messageAlgorithms.filter(
  (algorithm) => algorithm !== "rsa-v1_5-sha256",
);

/** What a signature must cover where a document does not say. */
export const usualComponents: readonly string[] = ["@method", "@authority", "@path", "@query", "content-digest"];

/** Whom a key stands for. */
export interface Grants {
  readonly sub: string;
  readonly scopes: readonly string[];
  readonly groups: readonly string[];
  readonly consumer?: string;
  readonly plan?: string;
}

export interface MessageKey extends Grants {
  readonly keyid: string;
  /** Its only one; a message cannot choose another. */
  readonly algorithm: MessageAlgorithm;
  readonly material:
    | { readonly jwk: PublicJwk }
    /** Name of a secret of the host, whose bytes are its text or what that says in base64. */
    | { readonly secret: string; readonly encoding: "text" | "base64" };
}

export interface SignatureProvider {
  readonly kind: "signature";
  /** Name of the provider: the identity's issuer. */
  readonly name: string;
  readonly keys: readonly MessageKey[];
  /** Published keys, and whom each of them stands for. */
  readonly published?: { readonly url: string; readonly grants: Grants };
  readonly algorithms: readonly MessageAlgorithm[];
  /** Component names that must be covered; `content-digest` where there is content. */
  readonly components: readonly string[];
  readonly ageMsMax: number;
  readonly clockSkewMs: number;
  /** Absent: signatures without a tag. One that was made for another application must not count here. */
  readonly tag?: string;
  /** Absent: any. */
  readonly label?: string;
  /** Signatures need a `nonce` and pass once. */
  readonly once?: true;
}

/**
 * The one signature that is meant for a provider: by label, tag and, where all keys are known, its key.
 * @returns undefined when none is for it, or why it cannot be told which one is meant
 */
export function chooseSignature(
  inputs: ReadonlyMap<string, SignatureInput>,
  { label, tag, keys, published }: SignatureProvider,
): SignatureInput | string | undefined {
  const meant = [...inputs.values()].filter((one) => (label === undefined || one.label === label) && one.tag === tag);
  if (meant.length < 2) return meant[0];
  const ours = meant.filter((one) => published !== undefined || keys.some(({ keyid }) => keyid === one.keyid));
  if (ours.length === 1) return ours[0];
  return `it cannot be told which of the signatures ${meant.map((one) => one.label).join(", ")} is meant`;
}

/** Why a signature is refused by what it says and covers, or undefined. @param nowMs milliseconds since the epoch */
export function refuseSignature(input: SignatureInput, provider: SignatureProvider, nowMs: number): string | undefined {
  const refused = refuseTimes(input, provider, nowMs);
  if (refused !== undefined) return refused;
  if (input.keyid === undefined) return "keyid is missing";
  if (provider.once && !input.nonce) return "nonce is missing";
  for (const name of provider.components)
    if (name !== CONTENT_DIGEST && !covers(input, name)) return `${name} is not covered`;
  return undefined;
}

function refuseTimes(input: SignatureInput, provider: SignatureProvider, nowMs: number): string | undefined {
  const { created } = input;
  if (created === undefined) return "created is missing";
  if (created * 1000 > nowMs + provider.clockSkewMs) return "created in the future";
  if (nowMs < signatureEndMs(input, provider)) return undefined;
  const isOld = nowMs >= signatureEndMs({ created }, provider);
  return isOld ? "older than this provider accepts (created)" : "expired";
}

/** When a signature ends, milliseconds since the epoch: until then it is accepted, and could come again. */
export function signatureEndMs(
  { created = 0, expires = Number.POSITIVE_INFINITY }: Pick<SignatureInput, "created" | "expires">,
  { ageMsMax, clockSkewMs }: SignatureProvider,
): number {
  return Math.min(created * 1000 + ageMsMax, expires * 1000) + clockSkewMs;
}

const CONTENT_DIGEST = "content-digest";

/** Whether the digest of the content is signed. */
export const coversContent = (input: SignatureInput): boolean => covers(input, CONTENT_DIGEST);

/** Whether there must be a signed digest wherever there is content. */
export const mustCoverContent = ({ components }: SignatureProvider): boolean => components.includes(CONTENT_DIGEST);

/** The whole of it: one member of a dictionary, or a component of another message, is something else. */
function covers({ components }: SignatureInput, name: string): boolean {
  return components.some(
    (one) =>
      (one.name === name || WIDER.get(one.name)?.includes(name) === true) &&
      [...one.params.keys()].every((param) => param === "sf" || param === "bs"),
  );
}

/** Components that say what others say. */
const WIDER: ReadonlyMap<string, readonly string[]> = new Map([
  ["@target-uri", ["@scheme", "@authority", "@path", "@query", "@request-target"]],
  ["@request-target", ["@path", "@query"]],
]);

/**
 * The algorithm of a key: its own, never a message's. An RSA key that does not say (`alg`) is of the first that is allowed.
 * @returns undefined when it is of none that is allowed
 */
export function algorithmOf(jwk: PublicJwk, allowed: readonly MessageAlgorithm[]): MessageAlgorithm | undefined {
  return messageAlgorithms.find((algorithm) => {
    const row = FAMILIES[algorithm];
    if (row === undefined || !allowed.includes(algorithm)) return false;
    const fits = row.kty === jwk.kty && (row.crv === undefined || row.crv === jwk.crv);
    return fits && (jwk.alg === undefined || row.algs.includes(jwk.alg));
  });
}

const FAMILIES: Readonly<Partial<Record<MessageAlgorithm, { kty: string; crv?: string; algs: readonly string[] }>>> = {
  ed25519: { kty: "OKP", crv: "Ed25519", algs: ["EdDSA", "Ed25519"] },
  "ecdsa-p256-sha256": { kty: "EC", crv: "P-256", algs: ["ES256"] },
  "ecdsa-p384-sha384": { kty: "EC", crv: "P-384", algs: ["ES384"] },
  "rsa-pss-sha512": { kty: "RSA", algs: ["PS512"] },
  "rsa-v1_5-sha256": { kty: "RSA", algs: ["RS256"] },
};

/** Why a signature cannot be of a key, or undefined: what it says of its algorithm must be the key's. */
export function refuseAlgorithm({ alg }: SignatureInput, algorithm: MessageAlgorithm): string | undefined {
  return alg === undefined || alg === algorithm ? undefined : `alg is ${alg}, but the key is of ${algorithm}`;
}

/** Who a good signature names. `iat` lets revocations by time hold. */
export function identityOfSignature(input: SignatureInput, { name }: SignatureProvider, grants: Grants): Identity {
  const { keyid, created, expires, nonce, tag, components } = input;
  return identityOfGrants(grants, name, "signature", {
    keyid,
    iat: created,
    ...(expires !== undefined && { exp: expires }),
    ...(nonce !== undefined && { nonce }),
    ...(tag !== undefined && { tag }),
    covered: components.map(({ text }) => text),
  });
}

/** @param issuer name of the provider @param claims what the proof itself says */
export function identityOfGrants(
  { sub, scopes, groups, consumer, plan }: Grants,
  issuer: string,
  method: Identity["method"],
  claims: Identity["claims"],
): Identity {
  return {
    sub,
    issuer,
    scopes,
    claims: { sub, ...claims, scope: scopes.join(" ") },
    ...(consumer !== undefined && { consumer }),
    ...(plan !== undefined && { plan }),
    groups,
    method,
  };
}

/** `WWW-Authenticate` (RFC 9110 section 11.6.1). No scheme is registered for signatures; this one says what must be covered. */
export function signatureChallenge(
  realm: string,
  { components, tag }: SignatureProvider,
  error?: ChallengeError,
  scopes: readonly string[] = [],
): string {
  const parts = [`realm="${realm}"`, `covers="${components.join(" ")}"`];
  if (tag !== undefined) parts.push(`tag="${tag}"`);
  if (error !== undefined) parts.push(`error="${error === "invalid_token" ? "invalid_signature" : error}"`);
  if (error === "insufficient_scope") parts.push(`scope="${scopes.join(" ")}"`);
  return `Signature ${parts.join(", ")}`;
}

/** Shortest secret in bytes: as long as its hash (RFC 2104 section 3). */
export const messageSecretBytesMin = limits.identity.secretBytesMin;
