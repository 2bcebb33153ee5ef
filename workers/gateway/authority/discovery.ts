/** What issuers say about themselves: OpenID Connect Discovery 1.0 section 4, RFC 8414. */
import { limits } from "../../../shared/limits.ts";
import { readText } from "../upstream/read-text.ts";

/** @returns the text of the issuer's discovery document */
export function fetchDiscovery(issuer: string, signal: AbortSignal): Promise<string> {
  return fetchText(`${issuer.replace(/\/$/, "")}/.well-known/openid-configuration`, signal);
}

/**
 * The URL that a discovery document states.
 * @param member such as `jwks_uri`
 * @throws Error when the document is of another issuer or states none that can be used
 */
export function discoveredUrl(text: string, issuer: string, member: string): string {
  const found = (JSON.parse(text) ?? {}) as Readonly<Record<string, unknown>>;
  if (found.issuer !== issuer) throw new Error("discovery names another issuer");
  const url = found[member];
  if (typeof url !== "string" || !URL.canParse(url)) throw new Error(`discovery has no ${member}`);
  const scheme = new URL(url).protocol;
  if (scheme !== "https:" && !(scheme === "http:" && issuer.startsWith("http:")))
    throw new Error(`${member} is not https`);
  return url;
}

/** @throws Error for every answer but 200 */
export async function fetchText(url: string, signal: AbortSignal): Promise<string> {
  const response = await fetch(url, { headers: { accept: "application/json" }, redirect: "manual", signal });
  const text = await readText(response, limits.identity.jwksBytesMax);
  if (response.status !== 200) throw new Error(`${new URL(url).pathname} answered ${response.status}`);
  return text;
}
