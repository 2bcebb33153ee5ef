/** `selvage-agent front`: its options. `selvage serve` starts it; by hand it is of use before a workerd of one's own. */
import { Command, InvalidArgumentError } from "commander";
import { isNetwork } from "../../shared/http/address-list.ts";
import { type ListenAddress, parseListenAddress } from "../../shared/http/listen-address.ts";
import { limits } from "../../shared/limits.ts";
import { FRONT_KEY, isFrontKey } from "../../shared/wire/front-fields.ts";
import { parseHostPort } from "../lifecycle/ports.ts";
import type { CertificateFiles } from "./certificates.ts";
import type { FrontProcessOptions } from "./run-front.ts";

interface FrontFlags {
  readonly listen: readonly string[];
  readonly redirect?: readonly string[];
  readonly tlsCert?: readonly string[];
  readonly tlsKey?: readonly string[];
  readonly clientCa?: string;
  readonly gateway: string;
  readonly admin?: string;
  readonly maxConnections?: number;
  readonly maxConnectionsPerAddress?: number;
  readonly proxyProtocol?: readonly string[];
}

const EXAMPLES = `
The variable ${FRONT_KEY} holds the secret by which the gateway's workerd knows the front.

Example:
  $ ${FRONT_KEY}=$(openssl rand -hex 32) selvage-agent front --listen https://:443 --redirect :80 \\
      --tls-cert cert.pem --tls-key key.pem --gateway unix:/run/gateway/http.sock`;

export function frontCommand(run: (options: FrontProcessOptions) => Promise<void>): Command {
  return new Command("front")
    .description("take the clients' connections for a gateway that runs on workerd on this machine")
    .requiredOption("--listen <address...>", "what to listen on: http://HOST:PORT or https://HOST:PORT")
    .option("--redirect <address...>", "plain listeners that send everybody to https")
    .option(
      "--tls-cert <file...>",
      "PEM certificate chain, one for each --tls-key; chosen by the name that clients ask for",
    )
    .option("--tls-key <file...>", "PEM key")
    .option("--client-ca <file>", "PEM certificates of the CAs whose client certificates are good")
    .requiredOption("--gateway <address>", "where workerd listens: unix:PATH or HOST:PORT")
    .option("--admin <address>", "health and metrics")
    .option("--max-connections <number>", "connections in all", count)
    .option("--max-connections-per-address <number>", "connections of one address", count)
    .option(
      "--proxy-protocol <network...>",
      "load balancers whose connections begin with a header of the PROXY protocol: addresses and networks",
    )
    .addHelpText("after", EXAMPLES)
    .action((flags: FrontFlags) => run(optionsOf(flags, process.env[FRONT_KEY] ?? "")));
}

function count(text: string): number {
  if (!/^[1-9]\d{0,6}$/.test(text)) throw new InvalidArgumentError("expected a number from 1 on");
  return Number(text);
}

/** @throws Error in words for a person */
function optionsOf(flags: FrontFlags, key: string): FrontProcessOptions {
  if (!isFrontKey(key))
    throw new Error(
      `${FRONT_KEY} is not set to a secret of 32 hexadecimal digits or more, such as openssl rand -hex 32 prints`,
    );
  const { maxConnections, maxConnectionsPerAddress, proxyProtocol = [] } = flags;
  const wrong = proxyProtocol.find((text) => !isNetwork(text));
  if (wrong !== undefined)
    throw new Error(`--proxy-protocol ${wrong} is no network: expected such as 10.0.0.7 or 10.0.0.0/8`);
  return {
    listen: flags.listen.map(address),
    redirect: (flags.redirect ?? []).map(address),
    certificates: certificateFiles(flags),
    gateway: gatewayOf(flags.gateway),
    key,
    admin: flags.admin === undefined ? undefined : parseHostPort(flags.admin),
    proxies: proxyProtocol,
    bounds: {
      ...(maxConnections !== undefined && { connectionsMax: maxConnections }),
      ...(maxConnectionsPerAddress !== undefined && { connectionsPerAddressMax: maxConnectionsPerAddress }),
    },
  };
}

function address(text: string): ListenAddress {
  const found = parseListenAddress(text, { scheme: "http" });
  if (found === undefined)
    throw new Error(`${JSON.stringify(text)} is no address: expected such as http://127.0.0.1:8787 or https://:443`);
  return found;
}

function certificateFiles({ tlsCert = [], tlsKey = [], clientCa }: FrontFlags): CertificateFiles | undefined {
  if (tlsCert.length !== tlsKey.length) throw new Error("--tls-cert and --tls-key belong together, one key for each");
  if (tlsCert.length > limits.front.certificatesMax)
    throw new Error(`more than ${limits.front.certificatesMax} certificates`);
  if (tlsCert.length === 0) {
    if (clientCa !== undefined) throw new Error("--client-ca needs --tls-cert and --tls-key");
    return undefined;
  }
  const pairs = tlsCert.map((cert, at) => ({ cert, key: tlsKey[at] as string }));
  return { pairs, ...(clientCa !== undefined && { clientCa }) };
}

function gatewayOf(text: string): FrontProcessOptions["gateway"] {
  return text.startsWith("unix:") ? { socketPath: text.slice("unix:".length) } : parseHostPort(text);
}
