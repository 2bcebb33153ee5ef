/** Public keys as JWKs (RFC 7517, RFC 7518 section 6): which are usable, and which fit a token. */
import { limits } from "../limits.ts";
import { isOfSmallOrder } from "./small-order.ts";

export interface PublicJwk {
  readonly kty: "RSA" | "EC" | "OKP";
  readonly kid?: string;
  readonly alg?: string;
  readonly crv?: string;
  readonly x?: string;
  readonly y?: string;
  readonly n?: string;
  readonly e?: string;
}

/** JWS algorithms with a public key. */
export const signatureAlgorithms = [
  ...["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"],
  ...["ES256", "ES384", "ES512", "EdDSA", "Ed25519"],
] as const;

/** JWS algorithms with a shared secret. */
export const hmacAlgorithms = ["HS256", "HS384", "HS512"] as const;

const PRIVATE_MEMBERS = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];
const COORDINATE_BYTES: Readonly<Record<string, number>> = { "P-256": 32, "P-384": 48, "P-521": 66 };
const CURVES: Readonly<Record<string, string>> = { ES256: "P-256", ES384: "P-384", ES512: "P-521" };

/**
 * What of a JWK signatures are checked with.
 * @returns the key without all other members, or why it is refused
 */
export function readPublicJwk(value: unknown): PublicJwk | string {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return "is not a mapping";
  const jwk = value as Record<string, unknown>;
  if (jwk.kty === "oct") return "is a shared secret, which is no public key";
  const secret = PRIVATE_MEMBERS.find((member) => jwk[member] !== undefined);
  if (secret !== undefined) return `holds a private key (${secret})`;
  const refused = refuseUse(jwk) ?? refuseMaterial(jwk);
  if (refused !== undefined) return refused;
  const { kty, kid, alg, crv, x, y, n, e } = jwk as unknown as PublicJwk;
  const material = kty === "RSA" ? { n, e } : kty === "EC" ? { crv, x, y } : { crv, x };
  const key = { kty, ...material, ...(kid !== undefined && { kid }), ...(alg !== undefined && { alg }) } as PublicJwk;
  if (alg !== undefined && !fitsAlgorithm(key, alg)) return `has an alg (${alg}) that is not its kind's`;
  return key;
}

function refuseUse({ kid, alg, use, key_ops }: Record<string, unknown>): string | undefined {
  if (kid !== undefined && (typeof kid !== "string" || kid.length > limits.identity.nameCharsMax))
    return "has a malformed kid";
  if (alg !== undefined && typeof alg !== "string") return "has a malformed alg";
  if (use !== undefined && use !== "sig") return "is not for signatures (use)";
  if (key_ops !== undefined && !(Array.isArray(key_ops) && key_ops.includes("verify")))
    return "is not for checking signatures (key_ops)";
  return undefined;
}

function refuseMaterial({ kty, crv, x, y, n, e }: Record<string, unknown>): string | undefined {
  if (kty === "RSA") return refuseRsa(bytesOf(n), bytesOf(e));
  if (kty === "EC") {
    const size = COORDINATE_BYTES[String(crv)];
    if (size === undefined) return "has a crv that is none of P-256, P-384, P-521";
    return bytesOf(x)?.length === size && bytesOf(y)?.length === size ? undefined : `is no point of ${crv}`;
  }
  if (kty === "OKP") {
    if (crv !== "Ed25519") return "has a crv that is not Ed25519";
    const point = bytesOf(x);
    if (point?.length !== 32) return "is no point of Ed25519";
    return isOfSmallOrder(point) ? "is a point of small order, for which anybody can sign" : undefined;
  }
  return "has a kty that is none of RSA, EC, OKP";
}

/** An exponent of 1 makes every text its own signature; an even one is no RSA key. */
function refuseRsa(modulus: number[] | undefined, exponent: number[] | undefined): string | undefined {
  if (modulus === undefined || exponent === undefined) return "has a malformed n or e";
  const [first = 0, ...rest] = withoutZeros(modulus);
  const bits = first === 0 ? 0 : rest.length * 8 + 32 - Math.clz32(first);
  const { rsaBitsMin, rsaBitsMax } = limits.identity;
  if (bits < rsaBitsMin || bits > rsaBitsMax)
    return `has a modulus of ${bits} bits, expected ${rsaBitsMin} to ${rsaBitsMax}`;
  const digits = withoutZeros(exponent);
  const last = digits.at(-1) ?? 0;
  const usable = last % 2 === 1 && digits.length <= 8 && (digits.length > 1 || last > 1);
  return usable ? undefined : "has an exponent that makes no RSA key";
}

function withoutZeros(bytes: readonly number[]): readonly number[] {
  const first = bytes.findIndex((byte) => byte !== 0);
  return first < 0 ? [] : bytes.slice(first);
}

const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/** Bytes of a base64url text; undefined when it is none. */
function bytesOf(text: unknown): number[] | undefined {
  if (typeof text !== "string" || text.length % 4 === 1 || text.length > 2 * limits.identity.rsaBitsMax)
    return undefined;
  const bytes: number[] = [];
  let held = 0;
  let bits = 0;
  for (const char of text) {
    const value = ALPHABET.indexOf(char);
    if (value < 0) return undefined;
    held = ((held << 6) | value) & 0xffff;
    bits += 6;
    if (bits < 8) continue;
    bits -= 8;
    bytes.push((held >> bits) & 0xff);
  }
  return bytes;
}

/** Whether signatures of this algorithm can be of this key: its kind, its curve, and what it says of itself. */
export function fitsAlgorithm({ kty, crv, alg: stated }: PublicJwk, alg: string): boolean {
  if (stated !== undefined && ed25519(stated) !== ed25519(alg)) return false;
  if (/^[RP]S(256|384|512)$/.test(alg)) return kty === "RSA";
  if (CURVES[alg] !== undefined) return kty === "EC" && crv === CURVES[alg];
  return ed25519(alg) === "Ed25519" && kty === "OKP";
}

/** Shortest secret, in bytes: as long as the longest hash that it is used with (RFC 7518 section 3.2). */
export function secretBytesMin(algorithms: readonly string[]): number {
  const sizes = hmacAlgorithms.filter((alg) => algorithms.includes(alg)).map((alg) => Number(alg.slice(2)) / 8);
  return Math.max(limits.identity.secretBytesMin, ...sizes);
}

/** One algorithm with two names (RFC 9864). */
const ed25519 = (alg: string): string => (alg === "EdDSA" ? "Ed25519" : alg);

/**
 * Keys that a token can be of. With a `kid`: those of that name, else those without a name. Without one: every key that
 * fits, as long as they are few.
 */
export function keysFor(keys: readonly PublicJwk[], alg: string, kid: string | undefined): readonly PublicJwk[] {
  const fitting = keys.filter((key) => fitsAlgorithm(key, alg));
  const named = kid === undefined ? fitting : fitting.filter((key) => key.kid === kid);
  const chosen = kid !== undefined && named.length === 0 ? fitting.filter((key) => key.kid === undefined) : named;
  return chosen.length > limits.identity.keysTriedMax ? [] : chosen;
}

/** Usable keys of a published set (RFC 7517 section 5); the others are for something else. @returns or why it is no set */
export function readKeySet(value: unknown): readonly PublicJwk[] | string {
  const keys = typeof value === "object" && value !== null ? (value as { keys?: unknown }).keys : undefined;
  if (!Array.isArray(keys)) return "has no list of keys";
  return keys.slice(0, limits.identity.jwksKeysMax).flatMap((key) => {
    const read = readPublicJwk(key);
    return typeof read === "string" ? [] : [read];
  });
}
