import { createServer } from "node:net";
import { listenerOf } from "./process-info.ts";

/** A port that one part of the system wants. */
export interface PortWish {
  /** What it is for, such as "gateway". */
  readonly name: string;
  readonly host: string;
  readonly port: number;
  /** The option or variable that chooses another port. */
  readonly setting: string;
}

/** @returns one sentence for each port that cannot be had, naming its holder where the system tells */
export async function takenPorts(wishes: readonly PortWish[]): Promise<string[]> {
  const twice = wishes.flatMap((wish, index) => {
    const other = wishes.slice(0, index).find((one) => one.port === wish.port && shareHost(one.host, wish.host));
    if (other === undefined) return [];
    return [`port ${wish.port} is given to both ${other.name} and ${wish.name} (${other.setting}, ${wish.setting})`];
  });
  if (twice.length > 0) return twice;
  const sentences = await Promise.all(wishes.map(refusal));
  return sentences.filter((sentence) => sentence !== undefined);
}

const EVERY_ADDRESS = new Set(["", "::", "0.0.0.0"]);

function shareHost(one: string, other: string): boolean {
  return one === other || EVERY_ADDRESS.has(one) || EVERY_ADDRESS.has(other);
}

async function refusal({ name, host, port, setting }: PortWish): Promise<string | undefined> {
  const code = await tryListen(host, port);
  if (code === undefined) return undefined;
  const advice = `choose another with ${setting}`;
  if (code !== "EADDRINUSE") return `the ${name} cannot listen on ${host}:${port} (${code}); ${advice}`;
  const holder = listenerOf(port);
  const by = holder === undefined ? "by another process" : `by pid ${holder.pid} (${holder.command})`;
  return `port ${port} of the ${name} is taken ${by}; end it, or ${advice}`;
}

function tryListen(host: string, port: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(undefined)));
  });
}

/** A port of loopback that is free right now. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen({ host: LOOPBACK, port: 0 }, () => {
      const address = server.address();
      server.close(() => (typeof address === "object" && address !== null ? resolve(address.port) : reject()));
    });
  });
}

export const LOOPBACK = "127.0.0.1";

/**
 * A port number from an option or a variable.
 * @throws Error when it is no port
 */
export function parsePort(value: string | undefined, fallback: number, name: string): number {
  if (value === undefined || value === "") return fallback;
  const port = Number(value);
  if (!/^\d{1,5}$/.test(value) || port < 1 || port > 65535) throw new Error(`${name}: ${value} is no port number`);
  return port;
}
