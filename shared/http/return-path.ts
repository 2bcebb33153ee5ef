import { limits } from "../limits.ts";

/** Visible ASCII; no backslash, which browsers take for a slash. */
const PATH = /^\/(?![/\\])[\x21-\x5b\x5d-\x7e]*$/;

/**
 * Where a browser may be sent after a login: a path of the same origin with its query, and nothing that a browser could
 * read as another origin.
 * @param own path below which the gateway's own endpoints are: nobody is sent there
 * @returns the path, else the fallback
 */
export function returnPath(text: string | null | undefined, own: string, fallback: string): string {
  if (!text || text.length > limits.login.returnCharsMax || !PATH.test(text)) return fallback;
  const base = "https://origin.invalid";
  if (!URL.canParse(text, base)) return fallback;
  const { origin, pathname } = new URL(text, base);
  return origin !== base || pathname.startsWith("//") || pathname.startsWith(`${own}/`) ? fallback : text;
}
