/** What the edge says of the client to those behind it; whatever a client said itself was removed before. */

export interface ForwardedRequest {
  /** Address of the client, when it is known. */
  readonly clientIp: string | undefined;
  readonly authority: string;
  readonly scheme: "http" | "https";
  /** Gateways of this kind that the request has passed before. Absent: none. */
  readonly hops?: number;
}

const PSEUDONYM = "1.1 selvage";

/** How many gateways of this kind a request says that it has passed: entries of others tell nothing that is believed. */
export function hopsIn(via: string | undefined): number {
  if (via === undefined) return 0;
  return via.split(",").filter((entry) => entry.trim() === PSEUDONYM).length;
}

/** Names of what `forwardingFields` sets: where the gateway has proven itself, these are its word. */
export const FORWARDING_FIELDS: ReadonlySet<string> = new Set([
  "via",
  "forwarded",
  "x-forwarded-host",
  "x-forwarded-proto",
  "x-forwarded-for",
]);

const FORWARDED = /^for=("?)([^";]+)\1;host="([^"]+)";proto=(https?)$/;

/**
 * The `X-Forwarded-*` fields that say the same as a `Forwarded` in the form of `forwardingFields`.
 * @returns none when it has another form
 */
export function parseForwarded(forwarded: string | undefined): [name: string, value: string][] {
  const parts = FORWARDED.exec(forwarded ?? "");
  if (parts === null) return [];
  const [, , who = "", authority = "", scheme = ""] = parts;
  const fields: [string, string][] = [
    ["x-forwarded-host", authority],
    ["x-forwarded-proto", scheme],
  ];
  if (who !== "unknown") fields.push(["x-forwarded-for", who.replace(/^\[|\]$/g, "")]);
  return fields;
}

/** `Via` (RFC 9110 section 7.6.3), `Forwarded` (RFC 7239) and its older kin. */
export function forwardingFields({
  clientIp,
  authority,
  scheme,
  hops = 0,
}: ForwardedRequest): [name: string, value: string][] {
  const who = clientIp === undefined ? "unknown" : clientIp.includes(":") ? `"[${clientIp}]"` : clientIp;
  // Keys of caches know no case of it, so neither may what answers are made by (RFC 9110 section 4.2.3).
  const host = authority.toLowerCase();
  const fields: [string, string][] = [
    [
      "via",
      hops === 0
        ? PSEUDONYM
        : Array(hops + 1)
            .fill(PSEUDONYM)
            .join(", "),
    ],
    ["forwarded", `for=${who};host="${host}";proto=${scheme}`],
    ["x-forwarded-host", host],
    ["x-forwarded-proto", scheme],
  ];
  if (clientIp !== undefined) fields.push(["x-forwarded-for", clientIp]);
  return fields;
}
