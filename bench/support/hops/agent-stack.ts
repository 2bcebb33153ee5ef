/** One plain hop with all that an agent does with a call of its application, and no TLS: HTTP/1.1 in and out. */
import { Versions } from "../../../mesh-agent/control/versions.ts";
import { Clusters } from "../../../mesh-agent/discovery/clusters.ts";
import { TxnVerifier } from "../../../mesh-agent/inbound/txn-verifier.ts";
import { outboundStack } from "../../../mesh-agent/outbound/stack.ts";
import { createHttp1Pool } from "../../../mesh-agent/proxy/http1/client-pool.ts";
import { createHttp1Server } from "../../../mesh-agent/proxy/http1/server-engine.ts";
import { Log } from "../../../mesh-agent/telemetry/log.ts";
import { Metrics } from "../../../mesh-agent/telemetry/metrics.ts";
import { Tracing } from "../../../mesh-agent/telemetry/tracing.ts";
import { loadDocument } from "../../../shared/config/load.ts";
import { agentPlan } from "../../../shared/plan/agent-face.ts";
import { compile } from "../../../shared/plan/compile.ts";
import { compileTelemetry } from "../../../shared/plan/compile-telemetry.ts";
import { documentOf } from "../sidecars/document.ts";

const { document } = loadDocument(documentOf(["orders"]), "bench.yaml", () => undefined);
const plan = document === undefined ? undefined : agentPlan(compile(document), "web");
if (plan === undefined) throw new Error("the document does not compile");

const clusters = new Clusters((_service, { host, port }) => createHttp1Pool({ host, port }));
const endpoint = { instance: "orders-1", host: "127.0.0.1", port: Number(process.env.UPSTREAM), labels: {} };
clusters.update(plan.outbound, { orders: [endpoint] });

const log = new Log();
const metrics = new Metrics();
const tracing = new Tracing("web", "web-1", log);
tracing.families = () => metrics.families([]);
const { TELEMETRY } = process.env;
if (TELEMETRY !== undefined) await tracing.use(compileTelemetry(JSON.parse(TELEMETRY), "bench"));

const server = await createHttp1Server({ listen: { host: "127.0.0.1", port: Number(process.env.PORT) }, proxy: true });
server.onExchange(
  outboundStack({
    accessLog: {
      service: "web",
      instance: "web-1",
      log,
      metrics,
      tracing,
      chosen: { share: process.env.ACCESS_LOG === "none" ? 0 : 1, failures: true },
    },
    planVersion: () => 1,
    versions: new Versions(),
    clusters,
    verifier: new TxnVerifier(plan.trustDomain),
    random: Math.random,
  }),
);
