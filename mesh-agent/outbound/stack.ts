/** What happens to a call that the application makes into the mesh, outermost first. */
import type { Versions } from "../control/versions.ts";
import type { Clusters } from "../discovery/clusters.ts";
import type { TxnVerifier } from "../inbound/txn-verifier.ts";
import { allowUpgrade } from "../proxy/allow-upgrade.ts";
import { answerErrors } from "../proxy/answer-errors.ts";
import { runStages } from "../proxy/call.ts";
import type { ServerExchange } from "../proxy/engine.ts";
import { type AccessLogOptions, logAccess } from "../telemetry/log-access.ts";
import { chooseServiceByHost } from "./choose-service.ts";
import { chooseVersion } from "./choose-version.ts";
import { findHashKey } from "./find-hash-key.ts";
import { injectFault } from "./inject-fault.ts";
import { knowUser } from "./know-user.ts";
import { mirrorTraffic } from "./mirror-traffic.ts";
import { OutboundCall } from "./outbound-call.ts";
import { routeTraffic } from "./route-traffic.ts";
import { sendTunnel } from "./send-tunnel.ts";
import { sendWithRetries } from "./send-with-retries.ts";
import { setDeadline } from "./set-deadline.ts";

export interface OutboundOptions {
  readonly accessLog: Omit<AccessLogOptions, "hop">;
  readonly planVersion: () => number;
  readonly versions: Versions;
  readonly clusters: Clusters;
  readonly verifier: TxnVerifier;
  /** At least 0, below 1. */
  readonly random: () => number;
}

export function outboundStack(options: OutboundOptions): (exchange: ServerExchange) => void {
  const { accessLog, clusters, planVersion, random, verifier, versions } = options;
  const run = runStages<OutboundCall>([
    logAccess({ ...accessLog, hop: "outbound" }),
    answerErrors("application"),
    chooseVersion(versions, (call) => versions.callOf(call)),
    chooseServiceByHost(clusters),
    allowUpgrade((call) => call.cluster?.settings.upgrades),
    setDeadline,
    knowUser(verifier),
    injectFault({ metrics: accessLog.metrics, random }),
    routeTraffic(random),
    findHashKey,
    sendTunnel({ forAgents: false, metrics: accessLog.metrics, random }),
    mirrorTraffic({ metrics: accessLog.metrics, random }),
    sendWithRetries({ forAgents: false, metrics: accessLog.metrics, random }),
  ]);
  return (exchange) => run(new OutboundCall(exchange, planVersion(), performance.now()));
}
