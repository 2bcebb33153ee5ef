import type { GatewayPlan } from "../../shared/plan/plan.ts";
import { newCounters } from "../../shared/policy/counters.ts";
import { newHeldBytes } from "../../shared/policy/held-bytes.ts";
import { PlanLease } from "./authority/plan-lease.ts";
import { TxnTokenMinter } from "./authority/txn-token-minter.ts";
import { Verifiers } from "./authority/verifiers.ts";
import type { Soon } from "./cache/cache-store.ts";
import { edgeCaches } from "./cache/edge-cache.ts";
import type { Env } from "./env.ts";
import { accessLog } from "./middleware/access-log.ts";
import { aggregate } from "./middleware/aggregate.ts";
import { allowUpgrade } from "./middleware/allow-upgrade.ts";
import { answerFields } from "./middleware/answer-fields.ts";
import { answerHead } from "./middleware/answer-head.ts";
import { authenticate } from "./middleware/authenticate.ts";
import { boundBody } from "./middleware/bound-body.ts";
import { cache } from "./middleware/cache.ts";
import { checkRequest } from "./middleware/check-request.ts";
import { chooseSibling } from "./middleware/choose-sibling.ts";
import { cors } from "./middleware/cors.ts";
import { countUsage } from "./middleware/count-usage.ts";
import { decide } from "./middleware/decide.ts";
import { errorPages } from "./middleware/error-pages.ts";
import { explainAsked } from "./middleware/explain-asked.ts";
import { findClient } from "./middleware/find-client.ts";
import { forward } from "./middleware/forward.ts";
import { grpcErrors } from "./middleware/grpc-errors.ts";
import { guardGraphql } from "./middleware/guard-graphql.ts";
import { handle } from "./middleware/handle.ts";
import { idempotency } from "./middleware/idempotency.ts";
import { leasePlan } from "./middleware/lease-plan.ts";
import { lifeCycle } from "./middleware/life-cycle.ts";
import { limitRate } from "./middleware/limit-rate.ts";
import { login } from "./middleware/login.ts";
import { matchRequest } from "./middleware/match-request.ts";
import { policies } from "./middleware/policies.ts";
import { problems } from "./middleware/problems.ts";
import { reshape } from "./middleware/reshape.ts";
import { resourceMetadata } from "./middleware/resource-metadata.ts";
import { respond } from "./middleware/respond.ts";
import { routeTraffic } from "./middleware/route-traffic.ts";
import { stripFields } from "./middleware/strip-fields.ts";
import { tellIdentity } from "./middleware/tell-identity.ts";
import { transformHeaders } from "./middleware/transform-headers.ts";
import { validate } from "./middleware/validate.ts";
import type { RecordKeeper } from "./telemetry/record-keeper.ts";
import { Tracing } from "./telemetry/tracing.ts";
import { codeMeans } from "./upstream/code-means.ts";
import { Context } from "./upstream/context.ts";
import { Mirror } from "./upstream/edge-traffic.ts";
import type { GatewayEnv } from "./upstream/exchange.ts";
import { IdempotencyRecords } from "./upstream/idempotency-records.ts";
import { LimitCounts } from "./upstream/limit-counts.ts";
import { LoadShedder } from "./upstream/load-shedder.ts";
import { runStages } from "./upstream/stages.ts";
import { LimitTaker } from "./upstream/take-limits.ts";
import { Upstreams } from "./upstream/upstreams.ts";

export interface GatewayApp {
  fetch(request: Request, env: Env, ctx: ExecutionContext): Soon<Response>;
}

/**
 * The gateway of one isolate. The order of its stages is the order of this list; the first is the outermost.
 * @param isolate random name of the isolate
 * @param deployed the plan that the Worker was deployed with, if any
 * @param keeper keeps some requests for later questions; absent: none is kept
 */
export function createApp(isolate: string, deployed: GatewayPlan | null, keeper?: RecordKeeper): GatewayApp {
  const counters = newCounters();
  const lease = new PlanLease(isolate, deployed, counters);
  const verifiers = new Verifiers();
  const taker = new LimitTaker(isolate, new LimitCounts(counters));
  const records = new IdempotencyRecords();
  const minter = new TxnTokenMinter();
  const shedder = new LoadShedder(counters);
  const upstreams = new Upstreams(isolate, counters);
  const held = newHeldBytes();
  const forwarder = { minter, shedder, upstreams, mirror: new Mirror(counters), counters, held };
  const edgeOf = edgeCaches(counters);
  const caller = { ...forwarder, ...codeMeans };
  const stages = [
    accessLog(isolate, lease, keeper),
    countUsage(counters),
    grpcErrors(),
    checkRequest(),
    explainAsked(),
    leasePlan(lease, counters, new Tracing(counters)),
    answerHead(),
    errorPages(),
    findClient(),
    resourceMetadata(),
    cors(),
    login(verifiers.oidc.logins),
    answerFields(),
    matchRequest(),
    boundBody(held),
    stripFields(),
    allowUpgrade(),
    authenticate(verifiers, counters),
    chooseSibling(),
    lifeCycle(counters),
    limitRate(taker, held, lease),
    guardGraphql(counters),
    decide(counters),
    validate(held, counters),
    idempotency(records, held, counters),
    transformHeaders(),
    reshape(held),
    tellIdentity(),
    policies(caller),
    respond(),
    routeTraffic(),
    cache(forwarder, edgeOf),
    forward(forwarder),
    aggregate(forwarder, edgeOf),
    handle(caller),
  ];
  const run = runStages(stages, problems);
  return {
    fetch: (request, env, ctx) => {
      const c = new Context<GatewayEnv>(request, env, ctx);
      const answer = run(c);
      if (c.get("method") !== "HEAD") return answer;
      return answer instanceof Promise ? answer.then(withoutBody) : withoutBody(answer);
    },
  };
}

/** What a GET would get, but for its content (RFC 9110 section 9.3.2). */
const withoutBody = (answer: Response): Response => new Response(null, answer);
