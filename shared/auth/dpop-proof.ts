/** DPoP proofs (RFC 9449 section 4): their form and what they say. Signatures, digests and memory are the hosts'. */
import { isCanonicalBase64url } from "../http/base64.ts";
import { limits } from "../limits.ts";
import { normalisePath } from "../route/normalise-path.ts";
import type { ChallengeError } from "./bearer.ts";
import { fitsAlgorithm, type PublicJwk, readPublicJwk } from "./jwk.ts";
import { refuseTokenForm } from "./token-form.ts";

/** Algorithms that proofs may be signed with; a challenge names them. */
export const proofAlgorithms = ["ES256", "EdDSA", "Ed25519", "PS256", "RS256"] as const;

export interface DpopProof {
  readonly alg: string;
  readonly jwk: PublicJwk;
  readonly jti: string;
  readonly htm: string;
  readonly htu: string;
  /** Seconds since the epoch. */
  readonly iat: number;
  readonly ath?: string;
  readonly nonce?: string;
}

/** Why a text cannot be a proof, before anything of it is decoded; two fields arrive as one text with a comma. */
export function refuseProofForm(proof: string): string | undefined {
  if (proof.length > limits.dpop.proofBytesMax) return "the proof is too long";
  const malformed = refuseTokenForm(proof);
  return malformed === undefined ? undefined : malformed.replace(/^token/, "the proof");
}

type Json = Readonly<Record<string, unknown>>;

/** @returns the proof, its signature not checked, or why it is none */
export function readProof(header: Json, claims: Json): DpopProof | string {
  const { typ, alg, jwk, crit, b64 } = header;
  if (typ !== "dpop+jwt") return "typ is not dpop+jwt";
  if (typeof alg !== "string" || !(proofAlgorithms as readonly string[]).includes(alg)) return "alg is not allowed";
  if (crit !== undefined || b64 !== undefined) return "crit is not supported";
  const key = readPublicJwk(jwk);
  if (typeof key === "string") return `jwk ${key}`;
  const { crv, kty, alg: _, kid: __, ...numbers } = key;
  if (Object.values(numbers).some((text) => !isCanonicalBase64url(text))) return "jwk is not canonical base64url";
  if (!fitsAlgorithm(key, alg)) return "jwk is no key of that alg";
  const refused = refuseClaimForms(claims);
  if (refused !== undefined) return refused;
  const { jti, htm, htu, iat, ath, nonce } = claims as unknown as DpopProof;
  return {
    alg,
    jwk: { kty, ...(crv !== undefined && { crv }), ...numbers },
    ...{ jti, htm, htu, iat },
    ...(ath !== undefined && { ath }),
    ...(nonce !== undefined && { nonce }),
  };
}

function refuseClaimForms({ jti, htm, htu, iat, ath, nonce }: Json): string | undefined {
  const { jtiCharsMax, htuCharsMax } = limits.dpop;
  const isText = (value: unknown, charsMax: number): boolean =>
    typeof value === "string" && value !== "" && value.length <= charsMax;
  if (!isText(jti, jtiCharsMax)) return "jti is missing or malformed";
  if (!isText(htm, 32)) return "htm is missing or malformed";
  if (!isText(htu, htuCharsMax)) return "htu is missing or malformed";
  if (typeof iat !== "number" || !Number.isFinite(iat)) return "iat is missing or malformed";
  if (ath !== undefined && !isText(ath, jtiCharsMax)) return "ath is malformed";
  if (nonce !== undefined && !isText(nonce, jtiCharsMax)) return "nonce is malformed";
  return undefined;
}

/** What a proof is shown for. */
export interface ProvenRequest {
  readonly method: string;
  readonly scheme: "http" | "https";
  /** As the client named it. */
  readonly authority: string;
  /** As sent, without query. */
  readonly path: string;
  /** SHA-256 of the token, base64url. */
  readonly ath: string;
  /** Nonces that are accepted now; absent: none is asked for. */
  readonly nonces?: readonly string[];
}

export interface ProofRefusal {
  readonly reason: string;
  readonly error: ChallengeError;
}

/** Why a proof is not one of this request and this moment, or undefined (section 4.3, checks 8 to 12). */
export function refuseProof(proof: DpopProof, request: ProvenRequest, nowMs: number): ProofRefusal | undefined {
  const reason = refuseTarget(proof, request) ?? refuseTime(proof, request.nonces !== undefined, nowMs);
  if (reason !== undefined) return { reason, error: "invalid_dpop_proof" };
  if (proof.ath !== request.ath) return { reason: "ath is not of this token", error: "invalid_dpop_proof" };
  if (request.nonces === undefined || request.nonces.includes(proof.nonce ?? "")) return undefined;
  const what = proof.nonce === undefined ? "nonce is missing" : "nonce is none of ours, or too old";
  return { reason: what, error: "use_dpop_nonce" };
}

function refuseTarget({ htm, htu }: DpopProof, { method, scheme, authority, path }: ProvenRequest): string | undefined {
  if (htm !== method) return `htm is ${htm}, the request is ${method}`;
  const [asked, stated] = [normaliseUrl(`${scheme}://${authority}${path}`), normaliseUrl(htu)];
  if (asked !== undefined && stated === asked) return undefined;
  // Not as it was sent: clients leave queries and passwords in it.
  return `htu is ${stated?.slice(0, 200) ?? "an unusual URL"}, the request is for ${asked ?? "an unusual URL"}`;
}

/** Also bounds how long a proof must be remembered: see `proofEndMs`. */
function refuseTime({ iat }: DpopProof, hasNonce: boolean, nowMs: number): string | undefined {
  const { clockAheadMs, clockSkewWithNonceMs } = limits.dpop;
  if (nowMs >= proofEndMs({ iat }, hasNonce)) return "the proof is too old (iat)";
  if (iat * 1000 > nowMs + (hasNonce ? clockSkewWithNonceMs : clockAheadMs)) return "the proof is of the future (iat)";
  return undefined;
}

/** When a proof ends, milliseconds: until then it must not be accepted a second time. */
export function proofEndMs({ iat }: Pick<DpopProof, "iat">, hasNonce: boolean): number {
  const { proofAgeMsMax, clockSkewWithNonceMs } = limits.dpop;
  return iat * 1000 + (hasNonce ? clockSkewWithNonceMs : proofAgeMsMax);
}

/**
 * A URL without query and fragment in the form in which two are compared (RFC 3986 sections 6.2.2 and 6.2.3): case of scheme
 * and host, default port, empty path, escapes. Undefined for what is no http(s) URL or can be read in two ways.
 */
export function normaliseUrl(url: string): string | undefined {
  const match = /^(https?):\/\/([A-Za-z0-9_.-]+|\[[0-9A-Fa-f:.]+\])(?::(\d{0,5}))?(\/[^?#]*)?(?:[?#].*)?$/is.exec(url);
  if (match === null) return undefined;
  const [, scheme = "", host = "", port = "", path = "/"] = match;
  const { path: normalised } = normalisePath(path);
  if (normalised === undefined) return undefined;
  const isDefault = port === "" || Number(port) === (scheme.toLowerCase() === "https" ? 443 : 80);
  return `${scheme}://${host}${isDefault ? "" : `:${Number(port)}`}`.toLowerCase() + normalised;
}

/** What the thumbprint of a key is the SHA-256 of (RFC 7638 section 3, RFC 8037 section 2): required members in their order. */
export function thumbprintInput({ kty, crv, x, y, n, e }: PublicJwk): string {
  if (kty === "RSA") return JSON.stringify({ e, kty, n });
  return JSON.stringify(kty === "EC" ? { crv, kty, x, y } : { crv, kty, x });
}

/**
 * `WWW-Authenticate` of the scheme DPoP (RFC 9449 section 7.1).
 * @param realm host that was asked
 */
export function dpopChallenge(realm: string, error?: ChallengeError, scopes: readonly string[] = []): string {
  const parts = [`realm="${realm}"`, `algs="${proofAlgorithms.join(" ")}"`];
  if (error !== undefined) parts.push(`error="${error}"`);
  if (error === "insufficient_scope") parts.push(`scope="${scopes.join(" ")}"`);
  return `DPoP ${parts.join(", ")}`;
}

/** Which time a nonce stands for (section 8), and that of the one before it, which is accepted still. */
export function nonceTimes(nowMs: number): readonly [current: number, previous: number] {
  const current = Math.floor(nowMs / limits.dpop.nonceMs);
  return [current, current - 1];
}
