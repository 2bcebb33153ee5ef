/** SPIFFE bundles: what a trust domain says of its roots (SPIFFE Trust Domain and Bundle section 4, X509-SVID section 6). */
import { limits } from "../limits.ts";

export interface Bundle {
  /** DER of the roots of its X.509-SVIDs, base64. None: nobody of the trust domain is to be believed. */
  readonly certificates: readonly string[];
  /** Grows with each change. */
  readonly sequence?: number;
  /** How often it wants to be fetched. */
  readonly hintMs?: number;
}

/** Of a root: its public key as JWK, and its certificate, DER in base64. */
export interface BundleKey {
  readonly jwk: { readonly kty: string; readonly crv?: string; readonly x?: string; readonly y?: string };
  readonly certificate: string;
}

/** What a bundle endpoint answers. Neither `kid` nor anything else that the standard does not define. */
export function bundleDocument(keys: readonly BundleKey[], sequence: number): object {
  return {
    spiffe_sequence: sequence,
    spiffe_refresh_hint: limits.federation.ownRefreshMs / 1_000,
    keys: keys.map(({ jwk: { kty, crv, x, y, ...rsa }, certificate }) => {
      const { n, e } = rsa as { n?: string; e?: string };
      return { kty, crv, x, y, n, e, use: "x509-svid", x5c: [certificate] };
    }),
  };
}

/**
 * The number of a bundle: it changes with its content, and only grows, also when the control plane was made anew.
 * @param last of the bundle before; 0: there was none
 */
export function nextSequence(last: number, nowMs: number): number {
  return Math.max(last + 1, Math.floor(nowMs / 1_000));
}

/**
 * Reads a bundle; keys of other uses are passed over, as are those without a certificate.
 * @returns what is wrong with it, instead
 */
export function readBundle(json: unknown): Bundle | { readonly refused: string } {
  if (!isObject(json) || !Array.isArray(json.keys)) return { refused: "it is no SPIFFE bundle: it has no `keys`" };
  const { spiffe_sequence: sequence, spiffe_refresh_hint: hint } = json;
  if (sequence !== undefined && !isCount(sequence)) return { refused: "its `spiffe_sequence` is no whole number" };
  if (hint !== undefined && !isCount(hint)) return { refused: "its `spiffe_refresh_hint` is no number of seconds" };
  const certificates = json.keys.flatMap(certificateOf);
  const { rootsMax } = limits.federation;
  if (certificates.length > rootsMax)
    return { refused: `it holds ${certificates.length} roots, at most ${rootsMax} are taken` };
  return {
    certificates,
    ...(sequence !== undefined && { sequence }),
    ...(hint !== undefined && { hintMs: hint * 1_000 }),
  };
}

function certificateOf(key: unknown): string[] {
  if (!isObject(key) || key.use !== "x509-svid" || typeof key.kty !== "string") return [];
  const first: unknown = Array.isArray(key.x5c) ? key.x5c[0] : undefined;
  return typeof first === "string" && first !== "" ? [first] : [];
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;
