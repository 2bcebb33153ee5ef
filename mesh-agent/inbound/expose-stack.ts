/** What happens to a request from the outside before and after the application sees it, outermost first. */
import type { RevocationIndex } from "../../shared/auth/revocations.ts";
import { allowUpgrade } from "../proxy/allow-upgrade.ts";
import { answerErrors } from "../proxy/answer-errors.ts";
import { runStages, type Stage } from "../proxy/call.ts";
import type { ClientPool, ServerExchange } from "../proxy/engine.ts";
import { translateGrpcWeb } from "../proxy/translate-grpc-web.ts";
import { type AccessLogOptions, logAccess } from "../telemetry/log-access.ts";
import { drainGate, type Gate } from "./drain-gate.ts";
import { answerCors } from "./expose/answer-cors.ts";
import { authenticate } from "./expose/authenticate.ts";
import { checkHead } from "./expose/check-head.ts";
import { ExposedCall } from "./expose/exposed-call.ts";
import type { HeldExposure } from "./expose/held-exposure.ts";
import type { JwtVerifier } from "./expose/jwt-verifier.ts";
import { keepGrpcTimeout } from "./expose/keep-grpc-timeout.ts";
import { limitRate } from "./expose/limit-rate.ts";
import { matchRequest } from "./expose/match-request.ts";
import { shapeFields } from "./expose/shape-fields.ts";
import { stripFields } from "./expose/strip-fields.ts";
import { forwardToApp } from "./forward-to-app.ts";
import type { InboundCall } from "./inbound-call.ts";

export interface ExposeOptions {
  readonly accessLog: Omit<AccessLogOptions, "hop">;
  readonly gate: Gate;
  /** What the plan in use says of the outside; undefined: nothing any more. */
  readonly held: () => HeldExposure | undefined;
  readonly verifier: JwtVerifier;
  readonly revocations: () => RevocationIndex;
  /** `shedLoad`, of all that goes to the application. */
  readonly shed: Stage<InboundCall>;
  /** Connections to the application. */
  readonly app: () => ClientPool;
}

export function exposeStack(options: ExposeOptions): (exchange: ServerExchange) => void {
  const run = runStages<ExposedCall>([
    logAccess({ ...options.accessLog, hop: "expose" }),
    answerErrors("client"),
    drainGate(options.gate),
    checkHead,
    answerCors,
    matchRequest,
    stripFields,
    translateGrpcWeb((call) => call.plan.plan.inbound?.protocol === "grpc"),
    keepGrpcTimeout,
    authenticate(options),
    limitRate(options.accessLog.metrics),
    shapeFields,
    allowUpgrade(() => []),
    options.shed,
    forwardToApp(options.app),
  ]);
  return (exchange) => {
    const held = options.held();
    if (held === undefined) exchange.abort("the plan shows nothing to the outside");
    else run(new ExposedCall(exchange, held, performance.now()));
  };
}
