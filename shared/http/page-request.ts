/** What a browser says of where a request comes from: Fetch Metadata (W3C), `Origin` (RFC 6454, Fetch standard). */
import type { RequestTarget } from "./request-target.ts";

type Header = (name: string) => string | null | undefined;

/**
 * Origin of the pages that a host serves. A session's cookie is for secure origins alone, so a browser is there by https,
 * also where TLS ends before the gateway, but for loopback.
 * @param scheme of the client's own connection, as far as it is known
 */
export function publicOrigin({ host, authority }: RequestTarget, scheme: "http" | "https"): string {
  // Written as browsers do it. Parsers of URLs fail for some that a client may name as its host.
  return scheme === "https" || !isLoopback(host)
    ? `https://${authority.toLowerCase().replace(/:443$/, "")}`
    : `http://${authority.toLowerCase().replace(/:80$/, "")}`;
}

/** Hosts that browsers take for secure without TLS. @param host without port and brackets */
export function isLoopback(host: string): boolean {
  return host === "localhost" || host.endsWith(".localhost") || host === "::1" || /^127(\.\d{1,3}){3}$/.test(host);
}

const SAFE = new Set(["GET", "HEAD", "OPTIONS"]);

/**
 * Why a request with a session may have been made by somebody else's page, or undefined. Methods that change nothing may
 * come from anywhere: other sites' links lead here.
 * @param own origin of the gateway's own pages
 * @param trusted other origins whose pages may use the session
 */
export function refuseCrossSite(
  method: string,
  header: Header,
  own: string,
  trusted: readonly string[] = [],
): string | undefined {
  if (SAFE.has(method)) return undefined;
  const [site, origin] = [header("sec-fetch-site") ?? undefined, header("origin") ?? undefined];
  if (site === "same-origin" || site === "none") return undefined;
  if (origin !== undefined && trusted.includes(origin)) return undefined;
  if (site !== undefined) return `${method} from a page that is ${shown(site)}`;
  if (origin === own) return undefined;
  return origin === undefined ? `${method} that does not say where it comes from` : `${method} from ${shown(origin)}`;
}

/** Whether a person looks at the answer: a page is asked for, and not by a script or in advance. */
export function isNavigation(method: string, header: Header): boolean {
  if (method !== "GET" || header("sec-purpose")) return false;
  const mode = header("sec-fetch-mode") ?? undefined;
  return mode === undefined ? /\btext\/html\b/i.test(header("accept") ?? "") : mode === "navigate";
}

const shown = (value: string): string => JSON.stringify(value.slice(0, 200));
