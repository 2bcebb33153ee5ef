import type { MakePool } from "../discovery/clusters.ts";
import { createMeshPool } from "../proxy/mesh-pool.ts";
import type { TrustState } from "./trust-state.ts";

/** Connections to agents of the trust domain, by certificates that may change. */
export function meshPools(trust: TrustState): MakePool {
  return (to, endpoint, { breaker, protocol }) => {
    const { maxConnections, maxPending, requestsPerConnection } = breaker;
    return createMeshPool({
      host: endpoint.host,
      port: endpoint.port,
      maxConnections,
      maxPending,
      ...(requestsPerConnection !== undefined && { requestsPerConnection }),
      ...(protocol === "tcp" && { maxTunnels: maxConnections }),
      tls: trust.towards(to),
    });
  };
}
