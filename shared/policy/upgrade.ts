/** Which change of protocol a service's callers may make (RFC 9110 section 7.8). */

export const WEBSOCKET = "websocket";
/** Of a service that says nothing. */
export const UPGRADES_DEFAULT: readonly string[] = [WEBSOCKET];

/** Of connections, not of what a request asks for: these cannot pass a hop that reads HTTP. */
const OF_THE_CONNECTION = /^(?:h2c?|tls|https?)(?:\/|$)/i;

/** A protocol's name, perhaps with a version: two tokens. */
export function isProtocolName(text: string): boolean {
  return /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}(?:\/[!#$%&'*+.^_`|~0-9A-Za-z-]{1,64})?$/.test(text);
}

/** Whether a protocol can be passed on. @param name as in `Upgrade` */
export function canBePassedOn(name: string): boolean {
  return isProtocolName(name) && !OF_THE_CONNECTION.test(name);
}

/**
 * The protocol that a request is to change to.
 * @param offered value of `Upgrade` in lower case
 * @param allowed lower case
 * @returns undefined: none, and the offer may be passed over; `refused`: the client has no use for an ordinary answer
 */
export function chooseUpgrade(
  offered: string,
  allowed: readonly string[],
): { readonly protocol: string } | "refused" | undefined {
  const names = offered.split(",").map((name) => name.trim());
  const protocol = names.find((name) => allowed.includes(name));
  if (protocol !== undefined) return { protocol };
  return names.includes(WEBSOCKET) ? "refused" : undefined;
}
