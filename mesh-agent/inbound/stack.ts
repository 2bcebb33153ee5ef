/** What happens to a request from the mesh before and after the application sees it, outermost first. */
import type { KnownPlan } from "../control/known-plan.ts";
import type { Versions } from "../control/versions.ts";
import { allowUpgrade } from "../proxy/allow-upgrade.ts";
import { answerErrors } from "../proxy/answer-errors.ts";
import { runStages, type Stage } from "../proxy/call.ts";
import type { ClientPool, ServerExchange } from "../proxy/engine.ts";
import { type AccessLogOptions, logAccess } from "../telemetry/log-access.ts";
import { authorize } from "./authorize.ts";
import { drainGate, type Gate } from "./drain-gate.ts";
import { type AppAddress, forwardTcp } from "./forward-tcp.ts";
import { forwardToApp } from "./forward-to-app.ts";
import { forwardUpgrade } from "./forward-upgrade.ts";
import { identifyPeer } from "./identify-peer.ts";
import { InboundCall } from "./inbound-call.ts";
import { keepDeadline } from "./keep-deadline.ts";
import { keepVersion } from "./keep-version.ts";
import { limitCalls } from "./limit-calls.ts";
import type { MeshLimits } from "./mesh-limits.ts";
import type { TxnVerifier } from "./txn-verifier.ts";
import { verifyTxnToken } from "./verify-txn-token.ts";

export interface InboundOptions {
  readonly accessLog: Omit<AccessLogOptions, "hop">;
  readonly gate: Gate;
  /** What decides a request that arrives. */
  readonly plan: (exchange: ServerExchange) => KnownPlan;
  readonly versions: Versions;
  readonly verifier: TxnVerifier;
  /** Limits that all instances share. */
  readonly meshLimits: MeshLimits;
  /** `shedLoad`, of all that goes to the application. */
  readonly shed: Stage<InboundCall>;
  /** Connections to the application. */
  readonly app: () => ClientPool;
  readonly appAddress: () => AppAddress;
}

export function inboundStack(options: InboundOptions): (exchange: ServerExchange) => void {
  const run = runStages<InboundCall>([
    logAccess({ ...options.accessLog, hop: "inbound" }),
    answerErrors("agent"),
    drainGate(options.gate),
    identifyPeer,
    verifyTxnToken(options.verifier),
    authorize(options.accessLog),
    keepVersion(options.versions),
    limitCalls(options.accessLog.metrics, options.meshLimits),
    keepDeadline,
    forwardTcp(options.appAddress),
    allowUpgrade((call) => call.plan.plan.inbound?.upgrades),
    options.shed,
    forwardUpgrade(options.app),
    forwardToApp(options.app),
  ]);
  return (exchange) => run(new InboundCall(exchange, options.plan(exchange), performance.now()));
}
