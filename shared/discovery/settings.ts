/** Where the endpoints of a service are found beside the registry, and how they are reached; in the plans of agents that may call it. */

export type DiscoverySource =
  | { readonly kind: "static"; readonly endpoints: readonly StaticEndpoint[] }
  | DnsSource
  | KubernetesSource
  | ConsulSource;

export interface StaticEndpoint {
  /** A name is looked up by the system with each connection. */
  readonly host: string;
  readonly port: number;
  readonly labels: Readonly<Record<string, string>>;
}

export interface DnsSource {
  readonly kind: "dns";
  readonly name: string;
  /** `a`: addresses of both families; `srv`: RFC 2782. */
  readonly type: "a" | "srv";
  /** Of `a`. */
  readonly port?: number;
  /** The longest pause between questions; shorter times to live shorten it. */
  readonly everyMs: number;
  /** `address` or `address:port`; absent: those of the agent's machine. */
  readonly servers?: readonly string[];
}

export interface KubernetesSource {
  readonly kind: "kubernetes";
  readonly service: string;
  readonly namespace: string;
  /** A port of the slices by name or number. */
  readonly port: string | number;
  /** Absent: that of the cluster which the agent runs in. */
  readonly api?: string;
  /** Absent: those of the agent's own pod. */
  readonly tokenFile?: string;
  readonly caFile?: string;
}

export interface ConsulSource {
  readonly kind: "consul";
  readonly service: string;
  /** URL of an agent or server. */
  readonly address: string;
  readonly datacenter?: string;
  readonly tag?: string;
  readonly tokenFile?: string;
  readonly caFile?: string;
}

/** How endpoints are reached that are no agents of this mesh. */
export type Reach =
  | { readonly kind: "plain" }
  /** The server's certificate is for this name, by the roots of the file or, without one, those of Node. */
  | { readonly kind: "tls"; readonly name: string; readonly caFile?: string }
  /** Mutual TLS with a workload of another trust domain. */
  | { readonly kind: "spiffe"; readonly id: string };

export interface DiscoverySettings {
  readonly source: DiscoverySource;
  /** Absent: through an agent of this mesh that proves to be the service. */
  readonly reach?: Reach;
  /** What requests name as their host where no agent takes them. */
  readonly host?: string;
  /** Networks of addresses that are refused otherwise. */
  readonly allow?: readonly string[];
  /** How long the last good list stays without an answer of the source, and against one that is empty. */
  readonly keepMs: number;
  readonly keepEmptyMs: number;
}
