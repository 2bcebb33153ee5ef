/** Addresses of listeners: reading, choosing, saying clearly what is wrong with one. */
import { randomInt } from "node:crypto";
import { createServer } from "node:net";
import { networkInterfaces } from "node:os";

export interface HostPort {
  readonly host: string;
  readonly port: number;
}

/**
 * Reads `127.0.0.1:8790`, `[::1]:8790` or `host:0`.
 * @param defaultPort for a text without port; absent: one is needed
 * @throws with the text and what was expected
 */
export function parseHostPort(text: string, defaultPort?: number): HostPort {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]]+))(?::(\d{1,5}))?$/.exec(text);
  const host = match?.[1] ?? match?.[2];
  const port = match?.[3] === undefined ? defaultPort : Number(match[3]);
  if (host === undefined || port === undefined || port > 65_535)
    throw new Error(`${JSON.stringify(text)} is no address: expected HOST:PORT, such as 127.0.0.1:8080 or [::1]:8080`);
  return { host, port };
}

/** Below the ports that systems give to outgoing connections and to listeners of port 0 (Linux from 32768, others higher). */
const CHOICE = { first: 20_000, end: 32_768 };
const TRIES = 50;

/**
 * A port that was free a moment ago, and that the system gives to nobody by itself until it is used.
 * @throws when the host cannot be listened on
 */
export async function freePort(host: string): Promise<number> {
  for (let tries = 1; ; tries++) {
    const port = tries < TRIES ? randomInt(CHOICE.first, CHOICE.end) : 0;
    try {
      return await listenOnce(host, port);
    } catch (error) {
      if (port === 0 || (error as NodeJS.ErrnoException).code !== "EADDRINUSE") throw error;
    }
  }
}

function listenOnce(host: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen({ host, port }, () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" && address !== null ? address.port : port));
    });
  });
}

/** What others call a wildcard listener by: this machine's first address that is not loopback. */
export function advertisedHost(host: string): string {
  if (host !== "0.0.0.0" && host !== "::") return host;
  for (const addresses of Object.values(networkInterfaces()))
    for (const { address, family, internal } of addresses ?? [])
      if (!internal && family === (host === "::" ? "IPv6" : "IPv4") && !address.startsWith("fe80")) return address;
  throw new Error(`nobody can be told how to reach ${host}: name an address with --advertise`);
}

/** The error of opening a listener as a sentence that says what to do. */
export function listenError(error: unknown, what: string, { host, port }: HostPort): Error {
  const { code, message } = error as NodeJS.ErrnoException;
  const where = `${what} listener ${host}:${port}`;
  if (code === "EADDRINUSE") return new Error(`${where}: the port is in use by another process`);
  if (code === "EACCES") return new Error(`${where}: this user may not open the port`);
  if (code === "EADDRNOTAVAIL" || code === "ENOTFOUND") return new Error(`${where}: this machine has no such address`);
  return new Error(`${where}: ${message}`);
}
