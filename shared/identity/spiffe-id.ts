/** SPIFFE IDs of the form `spiffe://<trustDomain>/service/<name>` (SPIFFE-ID standard, section 2). */

const TRUST_DOMAIN = /^[a-z0-9._-]{1,255}$/;
const SERVICE = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;

/** The service name that the edge itself carries inside the mesh. */
export const GATEWAY_SERVICE = "gateway";

export function isTrustDomain(text: string): boolean {
  return TRUST_DOMAIN.test(text);
}

/** Service names are DNS labels (RFC 1123), so that `http://<name>.mesh` is always a valid URL. */
export function isServiceName(text: string): boolean {
  return SERVICE.test(text);
}

export function spiffeIdOf(trustDomain: string, service: string): string {
  return `spiffe://${trustDomain}/service/${service}`;
}

/**
 * The service that a SPIFFE ID names, or undefined when it is malformed or of another trust domain.
 * Compared byte by byte: no normalisation, no percent-decoding (SPIFFE-ID section 2.3).
 */
export function serviceOf(spiffeId: string, trustDomain: string): string | undefined {
  const prefix = `spiffe://${trustDomain}/service/`;
  if (!spiffeId.startsWith(prefix)) return undefined;
  const service = spiffeId.slice(prefix.length);
  return isServiceName(service) ? service : undefined;
}

const SPIFFE_ID = /^spiffe:\/\/([a-z0-9._-]{1,255})(?:\/[A-Za-z0-9._-]+)+$/;
const SPIFFE_ID_CHARS_MAX = 2048;

/** The trust domain of a workload's SPIFFE ID; undefined: it is none (SPIFFE-ID sections 2.1 to 2.3). */
export function trustDomainOf(spiffeId: string): string | undefined {
  if (spiffeId.length > SPIFFE_ID_CHARS_MAX || /\/\.{1,2}(?:\/|$)/.test(spiffeId)) return undefined;
  return SPIFFE_ID.exec(spiffeId)?.[1];
}
