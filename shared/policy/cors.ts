/** Cross-origin requests as the Fetch standard has them ("CORS protocol"): which fields an answer carries. */
import type { CorsSettings } from "./settings.ts";

/** A preflight: `OPTIONS` with `Origin` and `Access-Control-Request-Method`. */
export interface Preflight {
  readonly origin: string;
  readonly method: string;
  /** `Access-Control-Request-Headers` as sent. */
  readonly headers: string | undefined;
}

/** Fields of an answer that a gateway with `cors` says alone: an upstream's own would be a second say. */
export const CORS_OWNED: readonly string[] = [
  "access-control-allow-origin",
  "access-control-allow-credentials",
  "access-control-expose-headers",
];

/** The preflight that a request is, or undefined. @param field value of a field, by its name in lower case */
export function preflightOf(method: string, field: (name: string) => string | null | undefined): Preflight | undefined {
  const origin = field("origin") ?? undefined;
  const asked = method === "OPTIONS" ? (field("access-control-request-method") ?? undefined) : undefined;
  if (origin === undefined || asked === undefined) return undefined;
  return { origin, method: asked, headers: field("access-control-request-headers") ?? undefined };
}

type Fields = readonly (readonly [name: string, value: string])[];

/** Fields of the answer to a preflight; without any `access-control-*` when the browser is to refuse the request. */
export function preflightFields(settings: CorsSettings, preflight: Preflight): Fields {
  const fields: [string, string][] = [
    ["vary", "origin, access-control-request-method, access-control-request-headers"],
  ];
  const origin = allowedOrigin(settings, preflight.origin);
  if (origin === undefined || !settings.methods.includes(preflight.method)) return fields;
  const allowed =
    settings.allowHeaders.length === 0 ? askedHeaders(preflight.headers) : settings.allowHeaders.join(", ");
  fields.push(["access-control-allow-origin", origin]);
  fields.push(["access-control-allow-methods", settings.methods.join(", ")]);
  if (allowed !== "") fields.push(["access-control-allow-headers", allowed]);
  if (settings.credentials) fields.push(["access-control-allow-credentials", "true"]);
  fields.push(["access-control-max-age", String(Math.floor(settings.maxAgeMs / 1000))]);
  return fields;
}

/** Fields added to the answer of any other request. @param origin its `Origin`; absent for most */
export function corsFields(settings: CorsSettings, origin: string | undefined): Fields {
  const fields: [string, string][] = variesByOrigin(settings) ? [["vary", "origin"]] : [];
  const allowed = origin === undefined ? undefined : allowedOrigin(settings, origin);
  if (allowed === undefined) return fields;
  fields.push(["access-control-allow-origin", allowed]);
  if (settings.credentials) fields.push(["access-control-allow-credentials", "true"]);
  if (settings.exposeHeaders.length > 0)
    fields.push(["access-control-expose-headers", settings.exposeHeaders.join(", ")]);
  return fields;
}

/** What an answer says of an origin that is allowed; undefined: it is not. Origins compare byte by byte. With credentials the wildcard is no wildcard (Fetch, "CORS protocol and credentials"). */
export function allowedOrigin(settings: CorsSettings, origin: string): string | undefined {
  if (settings.origins.includes(origin)) return origin;
  return variesByOrigin(settings) ? undefined : "*";
}

function variesByOrigin(settings: CorsSettings): boolean {
  return settings.credentials || !settings.origins.includes("*");
}

/** What a preflight asks for, when all of it are field names. */
function askedHeaders(value: string | undefined): string {
  return value !== undefined && /^[!#$%&'*+.^_`|~0-9A-Za-z-]+([ \t]*,[ \t]*[!#$%&'*+.^_`|~0-9A-Za-z-]+)*$/.test(value)
    ? value
    : "";
}
