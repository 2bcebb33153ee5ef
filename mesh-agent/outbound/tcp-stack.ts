/** What happens to a connection that the application makes to a service of TCP, outermost first. Errors end it. */
import type { Clusters } from "../discovery/clusters.ts";
import { runStages, type Stage } from "../proxy/call.ts";
import type { ServerExchange } from "../proxy/engine.ts";
import { type AccessLogOptions, logAccess } from "../telemetry/log-access.ts";
import { toService } from "./choose-service.ts";
import { OutboundCall } from "./outbound-call.ts";
import { routeTraffic } from "./route-traffic.ts";
import { sendTunnel } from "./send-tunnel.ts";
import { setDeadline } from "./set-deadline.ts";

export interface TcpStackOptions {
  readonly accessLog: Omit<AccessLogOptions, "hop">;
  readonly planVersion: () => number;
  readonly clusters: Clusters;
  /** At least 0, below 1. */
  readonly random: () => number;
}

/** @returns for each service what takes its connections */
export function tcpStack(options: TcpStackOptions): (service: string) => (one: ServerExchange) => void {
  const { accessLog, clusters, planVersion, random } = options;
  return (service) => {
    const run = runStages<OutboundCall>([
      logAccess({ ...accessLog, hop: "outbound" }),
      chooseService(service, clusters),
      setDeadline,
      routeTraffic(random),
      sendTunnel({ forAgents: false, metrics: accessLog.metrics, random }),
    ]);
    return (exchange) => run(new OutboundCall(exchange, planVersion(), performance.now()));
  };
}

/** By the listener that it came to. */
function chooseService(service: string, clusters: Clusters): Stage<OutboundCall> {
  return (call, next) => {
    toService(call, service, call.exchange.head.target, clusters);
    next();
  };
}
