/** The `Idempotency-Key` field, and the request that it stands for. */
import { parseItem } from "structured-headers";
import { limits } from "../limits.ts";
import type { IdempotencySettings } from "./idempotency.ts";

export const IDEMPOTENCY_KEY = "idempotency-key";
/** Methods of which each request may do something again (RFC 9110 section 9.2.2). */
export const IDEMPOTENCY_METHODS: readonly string[] = ["PATCH", "POST"];

export type KeyVerdict =
  | { readonly kind: "key"; readonly key: string }
  /** The request goes its way as if there were no keys. */
  | { readonly kind: "none" }
  | { readonly kind: "missing" }
  | { readonly kind: "invalid"; readonly reason: string };

/**
 * What a request says of its key. A key is an Item of RFC 9651 whose value is a String; parameters mean nothing.
 * @param value of the field; several lines of it joined by commas, as everywhere, which is never one key
 */
export function readIdempotencyKey(
  { methods, required, unquoted }: IdempotencySettings,
  method: string,
  value: string | null | undefined,
): KeyVerdict {
  if (!methods.includes(method)) return { kind: "none" };
  if (value === null || value === undefined) return { kind: required ? "missing" : "none" };
  const bare = value.trim();
  const key = unquoted && BARE.test(bare) ? bare : stringOf(bare);
  if (key === undefined)
    return { kind: "invalid", reason: "the key is not one string in quotes (RFC 9651 section 3.3.3)" };
  if (key === "") return { kind: "invalid", reason: "the key is empty" };
  const { keyCharsMax } = limits.idempotency;
  if (key.length > keyCharsMax)
    return { kind: "invalid", reason: `the key has ${key.length} characters, more than ${keyCharsMax}` };
  return { kind: "key", key };
}

/** Without comma, semicolon, quote and space, so that it can neither be two keys nor half a string. */
const BARE = /^[A-Za-z0-9._~:/+=@-]+$/;

function stringOf(value: string): string | undefined {
  // Longer ones are parsed for nothing: a key and its escapes, and some room for parameters.
  if (value.length > 4 * limits.idempotency.keyCharsMax) return undefined;
  try {
    const [item] = parseItem(value);
    return typeof item === "string" ? item : undefined;
  } catch {
    return undefined;
  }
}

export interface FingerprintedRequest {
  readonly method: string;
  readonly host: string;
  /** Normalised. */
  readonly path: string;
  /** With its `?`; may be empty. */
  readonly query: string;
  /** Value of a field by its lower-case name. */
  header(name: string): string | null;
  /** SHA-256 of the content, hex. */
  readonly contentDigest: string;
}

/**
 * What makes a request the same as another, as one text to be hashed. Whoever is anonymous to the gateway may be somebody to
 * the upstream, so then `Authorization` belongs to it.
 */
export function fingerprintText(
  request: FingerprintedRequest,
  { fingerprintHeaders }: Pick<IdempotencySettings, "fingerprintHeaders">,
  isAnonymous: boolean,
): string {
  const names = ["content-type", ...(isAnonymous ? ["authorization"] : []), ...fingerprintHeaders];
  const fields = [...new Set(names)].map((name) => [name, request.header(name)]);
  const { method, host, path, query, contentDigest } = request;
  return JSON.stringify([method, host, path + query, fields, contentDigest]);
}
