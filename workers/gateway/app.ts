import { Hono } from "hono";
import type { GatewayPlan } from "../../shared/plan/plan.ts";
import { KeyVerifier } from "./authority/key-verifier.ts";
import { PlanLease } from "./authority/plan-lease.ts";
import { TokenVerifier } from "./authority/token-verifier.ts";
import { TxnTokenMinter } from "./authority/txn-token-minter.ts";
import { accessLog } from "./middleware/access-log.ts";
import { aggregate } from "./middleware/aggregate.ts";
import { authenticate } from "./middleware/authenticate.ts";
import { boundBody } from "./middleware/bound-body.ts";
import { checkRequest } from "./middleware/check-request.ts";
import { cors } from "./middleware/cors.ts";
import { forward } from "./middleware/forward.ts";
import { leasePlan } from "./middleware/lease-plan.ts";
import { limitRate } from "./middleware/limit-rate.ts";
import { matchRequest } from "./middleware/match-request.ts";
import { problems } from "./middleware/problems.ts";
import { stripFields } from "./middleware/strip-fields.ts";
import { transformHeaders } from "./middleware/transform-headers.ts";
import type { GatewayEnv } from "./upstream/exchange.ts";
import { LimitTaker } from "./upstream/take-limits.ts";

/**
 * The gateway of one isolate. The order of its stages is the order of this list; the first is the outermost.
 * @param isolate random name of the isolate
 * @param deployed the plan that the Worker was deployed with, if any
 */
export function createApp(isolate: string, deployed: GatewayPlan | null): Hono<GatewayEnv> {
  const lease = new PlanLease(isolate, deployed);
  const verifier = new TokenVerifier();
  const keys = new KeyVerifier();
  const taker = new LimitTaker();
  const minter = new TxnTokenMinter();
  const app = new Hono<GatewayEnv>();
  app.onError(problems);
  app.use(
    accessLog(isolate),
    checkRequest(),
    leasePlan(lease),
    cors(),
    matchRequest(),
    boundBody(),
    stripFields(),
    authenticate(verifier, keys),
    limitRate(taker),
    transformHeaders(),
    forward(minter),
    aggregate(minter),
  );
  return app;
}
