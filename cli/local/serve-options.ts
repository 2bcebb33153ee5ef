/** The options of `selvage serve` that are the front's: what clients connect to. */
import type { Command } from "commander";
import { isNetwork } from "../../shared/http/address-list.ts";
import { type ListenAddress, parseListenAddress } from "../../shared/http/listen-address.ts";
import { limits } from "../../shared/limits.ts";
import { CliError, exitCodes } from "../cli-error.ts";
import type { FrontSettings } from "./front-process.ts";
import { LOOPBACK } from "./ports.ts";

export interface FrontOptions {
  readonly listen?: readonly string[];
  readonly redirectHttp?: readonly string[];
  readonly tlsCert?: readonly string[];
  readonly tlsKey?: readonly string[];
  readonly clientCa?: string;
  readonly frontAdmin?: string;
  readonly maxConnections?: string;
  readonly maxConnectionsPerAddress?: string;
  readonly proxyProtocol?: readonly string[];
}

const more = (value: string, before: readonly string[] | undefined): readonly string[] => [...(before ?? []), value];

export function withFrontOptions(command: Command): Command {
  return command
    .option(
      "--listen <address>",
      "what clients connect to, again for more: 127.0.0.1:8787, :443, http://0.0.0.0:80 (127.0.0.1)",
      more,
    )
    .option("--tls-cert <file>", "PEM certificate chain, again for more names: --listen speaks TLS then", more)
    .option("--tls-key <file>", "PEM key, one for each --tls-cert in the same order", more)
    .option("--client-ca <file>", "ask clients for certificates; PEM file of the CAs that issue them")
    .option("--redirect-http <address>", "send clients of plain HTTP there to https", more)
    .option("--front-admin <address>", "health and metrics of the listeners")
    .option("--max-connections <number>", `connections of clients in all (${limits.front.connectionsMax})`)
    .option(
      "--max-connections-per-address <number>",
      `connections of one address (${limits.front.connectionsPerAddressMax})`,
    )
    .option(
      "--proxy-protocol <network>",
      "load balancers whose connections begin with a header of the PROXY protocol, again for more: 10.0.0.7, 10.0.0.0/8",
      more,
    );
}

const wrong = (message: string): CliError => new CliError(exitCodes.usage, message);

/**
 * @param port where an address names none
 * @throws CliError for options that do not fit each other
 */
export function frontAddresses(options: FrontOptions, port: number): Omit<FrontSettings, "program"> {
  const { tlsCert = [], tlsKey = [], clientCa, frontAdmin, redirectHttp = [] } = options;
  if (tlsCert.length !== tlsKey.length)
    throw wrong("--tls-cert and --tls-key belong together, one key for each certificate");
  const hasTls = tlsCert.length > 0;
  const defaults = { scheme: hasTls ? "https" : "http", port } as const;
  const listen = (options.listen ?? [LOOPBACK]).map((text) => addressOf(text, "--listen", defaults));
  const redirect = redirectHttp.map((text) => addressOf(text, "--redirect-http", { scheme: "http" }));
  const secure = listen.some(({ scheme }) => scheme === "https");
  if (secure && !hasTls) throw wrong("a listener of https:// needs --tls-cert and --tls-key");
  if (hasTls && !secure) throw wrong("--tls-cert is of no use: no --listen speaks TLS");
  if (clientCa !== undefined && !secure) throw wrong("--client-ca needs a listener that speaks TLS");
  if (redirect.length > 0 && !secure) throw wrong("--redirect-http needs a listener that speaks TLS");
  if (redirect.some(({ scheme }) => scheme === "https")) throw wrong("--redirect-http is for plain HTTP");
  if (listen.length + redirect.length > limits.front.listenersMax)
    throw wrong(`more than ${limits.front.listenersMax} listeners`);
  const noNetwork = options.proxyProtocol?.find((text) => !isNetwork(text));
  if (noNetwork !== undefined)
    throw wrong(`--proxy-protocol: ${noNetwork} is no network; expected such as 10.0.0.7 or 10.0.0.0/8`);
  return {
    listen,
    redirect,
    tlsCert,
    tlsKey,
    ...(clientCa !== undefined && { clientCa }),
    ...(frontAdmin !== undefined && { admin: frontAdmin }),
    ...(options.proxyProtocol !== undefined && { proxies: options.proxyProtocol }),
    bounds: boundsOf(options),
  };
}

function addressOf(text: string, option: string, defaults: Parameters<typeof parseListenAddress>[1]): ListenAddress {
  const address = parseListenAddress(text, defaults);
  if (address === undefined || address.port === 0)
    throw wrong(
      `${option}: ${text} is no address to listen on; expected such as 127.0.0.1:8787, :443 or http://0.0.0.0:80`,
    );
  return address;
}

function boundsOf({ maxConnections, maxConnectionsPerAddress }: FrontOptions): Readonly<Record<string, string>> {
  const given = { "--max-connections": maxConnections, "--max-connections-per-address": maxConnectionsPerAddress };
  const bounds = Object.entries(given).filter((entry): entry is [string, string] => entry[1] !== undefined);
  for (const [option, value] of bounds)
    if (!/^[1-9]\d{0,6}$/.test(value)) throw wrong(`${option}: ${value} is no number from 1 on`);
  return Object.fromEntries(bounds);
}
