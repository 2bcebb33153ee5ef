/** What happens to a request of the gateway on its way into the mesh, outermost first. */
import { SelvageError } from "../../shared/errors.ts";
import { FORWARDING_FIELDS } from "../../shared/http/forwarding-fields.ts";
import { DEADLINE, isForgeable, PLAN_VERSION, PRIORITY, SERVICE, TXN_TOKEN } from "../../shared/http/header-names.ts";
import { readPriority } from "../../shared/policy/load-shedding.ts";
import type { Versions } from "../control/versions.ts";
import type { Clusters } from "../discovery/clusters.ts";
import { toService } from "../outbound/choose-service.ts";
import { chooseVersion } from "../outbound/choose-version.ts";
import { findHashKey } from "../outbound/find-hash-key.ts";
import { injectFault } from "../outbound/inject-fault.ts";
import { mirrorTraffic } from "../outbound/mirror-traffic.ts";
import { OutboundCall } from "../outbound/outbound-call.ts";
import { routeTraffic } from "../outbound/route-traffic.ts";
import { sendTunnel } from "../outbound/send-tunnel.ts";
import { sendWithRetries } from "../outbound/send-with-retries.ts";
import { setDeadline } from "../outbound/set-deadline.ts";
import { allowUpgrade } from "../proxy/allow-upgrade.ts";
import { answerErrors } from "../proxy/answer-errors.ts";
import { runStages, type Stage } from "../proxy/call.ts";
import type { ServerExchange } from "../proxy/engine.ts";
import { translateGrpcWeb } from "../proxy/translate-grpc-web.ts";
import { type AccessLogOptions, logAccess } from "../telemetry/log-access.ts";
import { drainGate, type Gate } from "./drain-gate.ts";
import type { HopVerifier } from "./hop-verifier.ts";
import { requireHopProof } from "./require-hop-proof.ts";
import type { TxnVerifier } from "./txn-verifier.ts";
import { requireTxnToken } from "./verify-txn-token.ts";

export interface IngressOptions {
  readonly accessLog: Omit<AccessLogOptions, "hop">;
  readonly gate: Gate;
  readonly planVersion: () => number;
  readonly versions: Versions;
  readonly verifier: TxnVerifier;
  readonly hopVerifier: HopVerifier;
  readonly clusters: Clusters;
  /** At least 0, below 1. */
  readonly random: () => number;
}

export function ingressStack(options: IngressOptions): (exchange: ServerExchange) => void {
  const { accessLog, clusters, gate, hopVerifier, planVersion, random, verifier, versions } = options;
  const run = runStages<OutboundCall>([
    logAccess({ ...accessLog, hop: "ingress" }),
    answerErrors("agent"),
    drainGate(gate),
    requireHopProof(hopVerifier),
    requireTxnToken(verifier),
    chooseVersion(versions, (call) => call.exchange.head.fields.get(PLAN_VERSION)),
    chooseServiceByField(clusters),
    stripForgeable,
    allowUpgrade((call) => call.cluster?.settings.upgrades),
    translateGrpcWeb((call) => call.cluster?.settings.protocol === "grpc"),
    setDeadline,
    injectFault({ metrics: accessLog.metrics, random }),
    routeTraffic(random),
    findHashKey,
    sendTunnel({ forAgents: true, metrics: accessLog.metrics, random }),
    mirrorTraffic({ metrics: accessLog.metrics, random }),
    sendWithRetries({ forAgents: true, metrics: accessLog.metrics, random }),
  ]);
  return (exchange) => run(new OutboundCall(exchange, planVersion(), performance.now()));
}

/** The gateway cannot choose the Host of a call, so it names the service in a field. */
function chooseServiceByField(clusters: Clusters): Stage<OutboundCall> {
  return (call, next) => {
    const { fields, target } = call.exchange.head;
    const names = fields.getAll(SERVICE);
    const [service] = names;
    if (service === undefined || names.length > 1)
      throw new SelvageError("bad_request", `the gateway names ${names.length} services in ${SERVICE}`);
    if (!target.startsWith("/") && target !== "*")
      throw new SelvageError("bad_request", "the request target is not in origin-form");
    call.priority = readPriority(fields.get(PRIORITY));
    toService(call, service, target, clusters);
    next();
  };
}

/** What the gateway itself says; its proof covers them, but for `Via`, which whoever passes a request on adds to. */
const SAID_BY_GATEWAY: ReadonlySet<string> = new Set([TXN_TOKEN, DEADLINE, PLAN_VERSION, ...FORWARDING_FIELDS]);

/** The edge has done this already; here it holds whatever sits before this listener. */
const stripForgeable: Stage<OutboundCall> = (call, next) => {
  call.exchange.head.fields.removeWhere((name) => isForgeable(name) && !SAID_BY_GATEWAY.has(name));
  next();
};
