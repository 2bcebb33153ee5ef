import type { CallerRules } from "../../shared/auth/access.ts";
import type { Priority } from "../../shared/policy/load-shedding.ts";
import type { KnownPlan } from "../control/known-plan.ts";
import { Call } from "../proxy/call.ts";
import type { ServerExchange } from "../proxy/engine.ts";

/** A call that came in from the mesh, or at the ingress from the gateway; stages fill in who makes it. */
export class InboundCall extends Call {
  /** One plan decides all of a request. */
  readonly plan: KnownPlan;
  /** Calling service by its proven identity. */
  from: string | undefined;
  /** What the service's access list says of it. */
  accessRules: CallerRules | undefined;
  /** Scopes of the end user; absent: there is no valid Txn-Token. */
  scopes: readonly string[] | undefined;
  /** All that its token says. */
  claims: Readonly<Record<string, unknown>> | undefined;
  /** What the application is asked for. */
  appTarget: string;
  /** Where a route says it; absent: as the gateway says. */
  priority: Priority | undefined;

  constructor(exchange: ServerExchange, plan: KnownPlan, nowMs: number) {
    super(exchange, plan.version, nowMs);
    this.plan = plan;
    this.appTarget = exchange.head.target;
    this.isGrpc = this.byGrpc && plan.plan.inbound?.protocol === "grpc";
    this.allowIdle(plan.plan.inbound?.streamIdleMs);
  }
}
