/**
 * Fields of requests that upstreams are known to make answers by, although no `Vary` says so: with one of them a client could have
 * an answer stored that others get ("cache poisoning"). They are not sent where an answer may be stored, unless the route has them
 * in its key. Those that would be believed inside never pass the edge at all (`isForgeable` in header-names.ts).
 */

import { FORWARDING_FIELDS } from "../http/forwarding-fields.ts";
import { asRead, isForgeable } from "../http/header-names.ts";

const UNKEYED: ReadonlySet<string> = new Set([
  // Another host, scheme, port or path than was asked for.
  "x-host",
  "x-http-host-override",
  "x-http-path-override",
  "x-path-override",
  "x-original-path",
  "x-original-uri",
  "x-backend-host",
  "x-server-name",
  "x-url-scheme",
  "x-scheme",
  "x-proxy-url",
  "x-request-uri",
  "x-script-name",
  "x-base-url",
  "base-url",
  "request-uri",
  "front-end-https",
  "x-https",
  "x-port",
  "x-accel-redirect",
  "x-sendfile",
  // Another method.
  "x-http-method",
  "x-http-method-override",
  "x-method-override",
  "x-request-method",
  // Another form of the answer, or an error.
  "x-wap-profile",
  "x-amz-website-redirect-location",
  "x-oversized-header",
  "max-forwards",
  "x-middleware-prefetch",
  "x-middleware-subrequest",
  "x-middleware-rewrite",
  "x-invoke-status",
  "x-invoke-path",
  "x-invoke-error",
  "x-now-route-matches",
  "x-matched-path",
  "surrogate-capability",
]);

/** @param name in lower case; a `_` counts as `-` */
export function isUnkeyed(name: string): boolean {
  if (FORWARDING_FIELDS.has(name)) return false;
  const read = asRead(name);
  return UNKEYED.has(read) || isForgeable(read);
}
