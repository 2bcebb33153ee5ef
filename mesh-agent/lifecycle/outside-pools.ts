/** Connections to endpoints that are no agents of this mesh, as the document says that they are reached. */
import { createSecureContext, type SecureContext } from "node:tls";
import type { Reach } from "../../shared/discovery/settings.ts";
import { limits } from "../../shared/limits.ts";
import type { OutboundServicePlan } from "../../shared/plan/plan.ts";
import type { Endpoint } from "../../shared/wire/endpoint.ts";
import { readBounded } from "../discovery/sources/read-bounded.ts";
import type { ClientPool } from "../proxy/engine.ts";
import { createHttp1Pool } from "../proxy/http1/client-pool.ts";
import { createHttp2Pool } from "../proxy/http2/client-pool.ts";
import { createMeshPool } from "../proxy/mesh-pool.ts";
import { createOutsidePool } from "../proxy/outside-pool.ts";
import type { Log } from "../telemetry/log.ts";
import type { TrustState } from "./trust-state.ts";

export function outsidePool(
  { host, port }: Endpoint,
  reach: Reach,
  { breaker, discovery, protocol }: OutboundServicePlan,
  trust: TrustState,
  log: Log,
): ClientPool {
  const { maxConnections, maxPending, requestsPerConnection } = breaker;
  const bounds = { maxConnections, maxPending, ...(requestsPerConnection !== undefined && { requestsPerConnection }) };
  const at = { host, port, ...bounds };
  if (reach.kind === "spiffe") {
    const tunnels = protocol === "tcp" ? { maxTunnels: maxConnections } : {};
    return createOutsidePool(createMeshPool({ ...at, ...tunnels, tls: trust.towardsPeer(reach.id) }), discovery?.host);
  }
  const tls = reach.kind === "tls" ? { tls: namedTls(reach, log) } : {};
  const isHttp2 = protocol === "http2" || protocol === "grpc";
  // Servers of gRPC take more than a PING in minutes for an attack.
  const pool = isHttp2
    ? createHttp2Pool({ ...at, ...tls, pingAfterMs: Number.POSITIVE_INFINITY })
    : createHttp1Pool({ ...at, ...tls });
  return createOutsidePool(pool, discovery?.host);
}

/** Roots are read once for the connections of an endpoint, which are made anew with each certificate of the agent. */
function namedTls({ name, caFile }: Reach & { readonly kind: "tls" }, log: Log) {
  let context: SecureContext | undefined;
  const secureContext = (): SecureContext => {
    context ??= createSecureContext({
      minVersion: "TLSv1.2",
      ...(caFile !== undefined && { ca: rootsIn(caFile, log) }),
    });
    return context;
  };
  return { serverName: name, secureContext };
}

/** Without its roots nobody is believed. */
function rootsIn(caFile: string, log: Log): string | [] {
  try {
    return readBounded(caFile, limits.discovery.caBytesMax);
  } catch (error) {
    log.event("roots_unreadable", `no server is believed: ${(error as Error).message}`);
    return [];
  }
}
