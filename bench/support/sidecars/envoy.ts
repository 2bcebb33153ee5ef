/** Envoy with one worker as Istio sets its sidecars up: mTLS, retries, outlier detection, statistics; no access log. */
import { writeFileSync } from "node:fs";
import path from "node:path";
import { freePort } from "../../../cli/local/ports.ts";
import type { Bed, Identity, Proxies } from "./peers.ts";
import { findProgram } from "./programs.ts";

/** Between the two: what the client spoke, as Istio does by default, or HTTP/2 (its `h2UpgradePolicy`). */
type Between = "http/1.1" | "h2";

export async function envoyHop(bed: Bed, app: number): Promise<Proxies | undefined> {
  const port = await freePort();
  const pid = await start(bed, "envoy-hop", port, { listener: listener(port, "outbound"), cluster: cluster(app) });
  return pid === undefined ? undefined : { name: "envoy", port, pids: [pid] };
}

export async function envoyPair(bed: Bed, app: number, between: Between): Promise<Proxies | undefined> {
  const [outer, inner] = [await freePort(), await freePort()];
  const name = between === "h2" ? "envoy-h2" : "envoy";
  const server = transportSocket("Downstream", bed.identity, between, { require_client_certificate: true });
  const client = transportSocket("Upstream", bed.identity, between, { sni: bed.identity.name });
  const second = await start(bed, `${name}-inner`, inner, {
    listener: listener(inner, "inbound", server),
    cluster: cluster(app),
  });
  const first = await start(bed, `${name}-outer`, outer, {
    listener: listener(outer, "outbound"),
    cluster: { ...cluster(inner), transport_socket: client, ...(between === "h2" && HTTP2) },
  });
  return first === undefined || second === undefined ? undefined : { name, port: outer, pids: [first, second] };
}

const type = (name: string): string => `type.googleapis.com/envoy.${name}`;

const HTTP2 = {
  typed_extension_protocol_options: {
    "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
      "@type": type("extensions.upstreams.http.v3.HttpProtocolOptions"),
      explicit_http_config: { http2_protocol_options: {} },
    },
  },
};

/** Istio's defaults: two retries, elsewhere where there is another. */
const RETRIES = {
  retry_on: "connect-failure,refused-stream,unavailable,cancelled,retriable-status-codes",
  num_retries: 2,
  retriable_status_codes: [503],
  host_selection_retry_max_attempts: 5,
  retry_host_predicate: [
    {
      name: "envoy.retry_host_predicates.previous_hosts",
      typed_config: { "@type": type("extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate") },
    },
  ],
};

function listener(port: number, side: "inbound" | "outbound", transport_socket?: object): object {
  const route = { cluster: "next", timeout: "15s", ...(side === "outbound" && { retry_policy: RETRIES }) };
  const manager = {
    "@type": type("extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"),
    stat_prefix: side,
    codec_type: "AUTO",
    route_config: {
      name: side,
      virtual_hosts: [{ name: "all", domains: ["*"], routes: [{ match: { prefix: "/" }, route }] }],
    },
    http_filters: [
      {
        name: "envoy.filters.http.router",
        typed_config: { "@type": type("extensions.filters.http.router.v3.Router") },
      },
    ],
  };
  const filters = [{ name: "envoy.filters.network.http_connection_manager", typed_config: manager }];
  return {
    name: side,
    address: address(port),
    filter_chains: [{ filters, ...(transport_socket && { transport_socket }) }],
  };
}

function cluster(port: number): object {
  const most = 4_294_967_295;
  return {
    name: "next",
    type: "STATIC",
    connect_timeout: "10s",
    lb_policy: "LEAST_REQUEST",
    circuit_breakers: {
      thresholds: [
        {
          max_connections: most,
          max_pending_requests: most,
          max_requests: most,
          max_retries: most,
          track_remaining: true,
        },
      ],
    },
    outlier_detection: { consecutive_5xx: 5, interval: "10s", base_ejection_time: "30s", max_ejection_percent: 10 },
    load_assignment: {
      cluster_name: "next",
      endpoints: [{ lb_endpoints: [{ endpoint: { address: address(port) } }] }],
    },
  };
}

function transportSocket(side: "Upstream" | "Downstream", identity: Identity, between: Between, more: object): object {
  const { cert, key, root, uri } = identity;
  return {
    name: "envoy.transport_sockets.tls",
    typed_config: {
      "@type": type(`extensions.transport_sockets.tls.v3.${side}TlsContext`),
      common_tls_context: {
        tls_params: { tls_minimum_protocol_version: "TLSv1_3", tls_maximum_protocol_version: "TLSv1_3" },
        alpn_protocols: [between],
        tls_certificates: [{ certificate_chain: { filename: cert }, private_key: { filename: key } }],
        validation_context: {
          trusted_ca: { filename: root },
          match_typed_subject_alt_names: [{ san_type: "URI", matcher: { exact: uri } }],
        },
      },
      ...more,
    },
  };
}

const address = (port: number): object => ({ socket_address: { address: "127.0.0.1", port_value: port } });

async function start(
  bed: Bed,
  name: string,
  port: number,
  { listener, cluster }: { readonly listener: object; readonly cluster: object },
): Promise<number | undefined> {
  const program = findProgram("envoy", "ENVOY");
  if (program === undefined) return undefined;
  const file = path.join(bed.folder, `${name}.json`);
  writeFileSync(file, JSON.stringify({ static_resources: { listeners: [listener], clusters: [cluster] } }));
  const args = ["-c", file, "--concurrency", "1", "--log-level", "error", "--disable-hot-restart"];
  return bed.programs.start("proxies", program, args, port);
}
