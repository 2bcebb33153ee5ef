/**
 * One hop with all that an agent does for a call of its application: service, deadline, balancing, breaker, retry budget, metrics,
 * trace. To the upstream without TLS, as peers do it. `ACCESS_LOG=1`: with a line for each call.
 */
import { Versions } from "../../../mesh-agent/control/versions.ts";
import { Clusters } from "../../../mesh-agent/discovery/clusters.ts";
import { TxnVerifier } from "../../../mesh-agent/inbound/txn-verifier.ts";
import { outboundStack } from "../../../mesh-agent/outbound/stack.ts";
import { createHttp2Pool } from "../../../mesh-agent/proxy/http2/client-pool.ts";
import { createMeshServer } from "../../../mesh-agent/proxy/mesh-server.ts";
import { Log } from "../../../mesh-agent/telemetry/log.ts";
import { Metrics } from "../../../mesh-agent/telemetry/metrics.ts";
import { limits } from "../../../shared/limits.ts";
import { compileService } from "../../../shared/plan/compile-service.ts";

const headerTableBytes = limits.http2.meshHeaderTableBytes;
const clusters = new Clusters((_service, { host, port }) => createHttp2Pool({ host, port, headerTableBytes }));
const upstream = { instance: "upstream", host: "127.0.0.1", port: Number(process.env.UPSTREAM), labels: {} };
const orders = { ...compileService({ port: upstream.port, protocol: "grpc" }), protocol: "grpc" } as const;
clusters.update({ orders }, { orders: [upstream] });

const chosen = { share: process.env.ACCESS_LOG === "1" ? 1 : 0, failures: true };
const listen = { host: "127.0.0.1", port: Number(process.env.PORT) };
const server = await createMeshServer({ listen, proxy: true });
server.onExchange(
  outboundStack({
    accessLog: {
      service: "bench",
      instance: "bench-1",
      log: new Log(),
      metrics: new Metrics(),
      tracing: { tracer: undefined },
      chosen,
    },
    planVersion: () => 1,
    versions: new Versions(),
    clusters,
    verifier: new TxnVerifier("bench.internal"),
    random: Math.random,
  }),
);
