/** Envoy as a server of mutual TLS that checks its clients by the SPIFFE standard. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { connect } from "node:tls";
import { freePort } from "../../mesh-agent/lifecycle/ports.ts";
import { until } from "./system.ts";

export const hasEnvoy = spawnSync("envoy", ["--version"]).status === 0;

/** What a side proves itself with. PEM texts; the certificate with all up to the root. */
export interface Proof {
  readonly key: string;
  readonly cert: string;
}

export class Envoy {
  readonly port: number;
  readonly #child: ChildProcess;

  private constructor(port: number, child: ChildProcess) {
    this.port = port;
    this.#child = child;
  }

  /** @param roots PEM of what it believes of the trust domain */
  static async start(folder: string, own: Proof, trustDomain: string, roots: string): Promise<Envoy> {
    const port = await freePort("127.0.0.1");
    const file = (name: string, text: string): { filename: string } => {
      writeFileSync(join(folder, name), text);
      return { filename: join(folder, name) };
    };
    const bundle = { name: trustDomain, trust_bundle: file("envoy-roots.pem", roots) };
    const tls = {
      "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext",
      require_client_certificate: true,
      common_tls_context: {
        tls_certificates: [{ certificate_chain: file("envoy.pem", own.cert), private_key: file("envoy.key", own.key) }],
        validation_context: {
          custom_validator_config: {
            name: "envoy.tls.cert_validator.spiffe",
            typed_config: {
              "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.SPIFFECertValidatorConfig",
              trust_domains: [bundle],
            },
          },
        },
      },
    };
    const config = file("envoy.json", JSON.stringify(configOf(port, tls)));
    const args = ["-c", config.filename, "--use-dynamic-base-id", "--concurrency", "1", "--log-level", "error"];
    const envoy = new Envoy(port, spawn("envoy", args, { stdio: "ignore" }));
    await until("Envoy listens", () => envoy.answers({ key: own.key, cert: own.cert }, roots), 30_000);
    return envoy;
  }

  /** Whether it answers a client that proves itself so, and proves itself to who believes these roots. */
  answers(client: Proof, roots: string): Promise<boolean> {
    return new Promise((resolve) => {
      const socket = connect({ host: "127.0.0.1", port: this.port, ...client, ca: roots, checkServerIdentity });
      socket.once("secureConnect", () => socket.write("GET / HTTP/1.1\r\nhost: envoy\r\n\r\n"));
      socket.once("data", (data) => {
        resolve(data.toString().startsWith("HTTP/1.1 200"));
        socket.destroy();
      });
      socket.on("error", () => undefined);
      socket.once("close", () => resolve(false));
    });
  }

  async stop(): Promise<void> {
    const ended = once(this.#child, "exit");
    this.#child.kill("SIGKILL");
    await ended;
  }
}

/** The name is a SPIFFE ID, no host. */
const checkServerIdentity = (): undefined => undefined;

function configOf(port: number, tls: object): object {
  const name = "envoy.filters.network.http_connection_manager";
  const type = "type.googleapis.com/envoy.extensions.filters";
  const routes = [{ match: { prefix: "/" }, direct_response: { status: 200 } }];
  const manager = {
    "@type": `${type}.network.http_connection_manager.v3.HttpConnectionManager`,
    stat_prefix: "in",
    route_config: { virtual_hosts: [{ name: "all", domains: ["*"], routes }] },
    http_filters: [{ name: "envoy.filters.http.router", typed_config: { "@type": `${type}.http.router.v3.Router` } }],
  };
  const filters = [{ name, typed_config: manager }];
  const transport_socket = { name: "envoy.transport_sockets.tls", typed_config: tls };
  const address = { socket_address: { address: "127.0.0.1", port_value: port } };
  return { static_resources: { listeners: [{ name: "in", address, filter_chains: [{ filters, transport_socket }] }] } };
}
