import { type Identity, identityKey } from "../identity/identity.ts";
import type { RateLimitSettings } from "./settings.ts";

/**
 * Whom a limit counts by. IPv6 clients count by their /64, since one host has all of it.
 * @param clientIp absent where the platform does not tell: those count together
 */
export function rateLimitKey(by: RateLimitSettings["by"], identity: Identity, clientIp: string | undefined): string {
  if (by === "identity") return identityKey(identity);
  return clientIp?.includes(":") ? ipv6Network(clientIp) : (clientIp ?? "unknown");
}

/** First four groups of an IPv6 address with `::` written out; an IPv4-mapped one is its IPv4 address. */
function ipv6Network(address: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address);
  if (mapped !== null) return mapped[1] as string;
  const [head = "", tail] = address.toLowerCase().split("::");
  const before = head === "" ? [] : head.split(":");
  const after = tail === undefined || tail === "" ? [] : tail.split(":");
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - before.length - after.length);
  const groups = [...before, ...new Array<string>(zeros).fill("0"), ...after];
  return groups
    .slice(0, 4)
    .map((group) => group.replace(/^0+(?=.)/, ""))
    .join(":");
}
