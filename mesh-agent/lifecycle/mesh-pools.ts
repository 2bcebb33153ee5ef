import type { MakePool } from "../discovery/clusters.ts";
import { isFound } from "../discovery/found-endpoint.ts";
import { createMeshPool } from "../proxy/mesh-pool.ts";
import type { Log } from "../telemetry/log.ts";
import { outsidePool } from "./outside-pools.ts";
import type { TrustState } from "./trust-state.ts";

/** Connections to agents of the trust domain, by certificates that may change, and to what is found elsewhere. */
export function meshPools(trust: TrustState, log: Log): MakePool {
  return (to, endpoint, settings) => {
    const { breaker, discovery, protocol } = settings;
    const reach = isFound(endpoint) ? discovery?.reach : undefined;
    if (reach !== undefined) return outsidePool(endpoint, reach, settings, trust, log);
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
