import { isIP } from "node:net";

/** Whether no other machine is behind a host. @param host name or address, IPv6 without brackets */
export function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || (isIP(host) === 4 && host.startsWith("127."));
}
