import { type LoginEndpoint, type LoginPlace, loginPlaceOf, loginPlaces } from "../../../shared/auth/login-places.ts";
import { SelvageError } from "../../../shared/errors.ts";
import type { GatewayPlan } from "../../../shared/plan/plan.ts";
import { hostWithoutPort } from "../../../shared/route/compare-routes.ts";
import type { Logins } from "../authority/logins.ts";
import type { LoginCall } from "../authority/web-sessions.ts";
import { connectionOf } from "../upstream/client-connection.ts";
import type { Context } from "../upstream/context.ts";
import type { GatewayEnv } from "../upstream/exchange.ts";
import type { Stage } from "../upstream/stages.ts";

/** Answers at the endpoints that the plan's logins have; all other requests go on to the routes. */
export function login(logins: Logins): Stage {
  const places = new WeakMap<GatewayPlan, ReadonlyMap<string, LoginPlace>>();
  return {
    span: "login",
    enter: (c) => {
      const { plan } = c.get("held");
      let known = places.get(plan);
      if (known === undefined) {
        known = loginPlaces(plan);
        places.set(plan, known);
      }
      const { authority, path } = c.get("target");
      const place = known.size === 0 ? undefined : loginPlaceOf(known, hostWithoutPort(authority) ?? "", path);
      return place && answer(logins, place, c);
    },
  };
}

function answer(logins: Logins, { provider, endpoint }: LoginPlace, c: Context<GatewayEnv>): Promise<Response> {
  const { method } = c.req.raw;
  if (!methods[endpoint].includes(method)) {
    c.header("allow", methods[endpoint].join(", "));
    throw new SelvageError("method_not_allowed", `${method} on ${endpoint}`);
  }
  const [ctx, nowMs, request, target] = [c.executionCtx, c.get("arrivedAtMs"), c.req.raw, c.get("target")];
  const connection = connectionOf(request, c.get("scheme"), c.get("held").plan.tlsTerminator);
  const call: LoginCall = { env: c.env, ctx, nowMs, request, target, connection };
  if (endpoint === "callback") return logins.finish(provider, call);
  if (endpoint === "logout") return logins.logOut(provider, call);
  if (endpoint === "session") return logins.tell(provider, call, c.get("held").revocations);
  if (endpoint === "backchannel-logout") return logins.endByProvider(provider, call);
  return logins.begin(provider, new URLSearchParams(target.query).get("return"), call);
}

/** What changes something is never done by a link. */
const methods: Readonly<Record<LoginEndpoint, readonly string[]>> = {
  login: ["GET"],
  callback: ["GET"],
  logout: ["POST"],
  "backchannel-logout": ["POST"],
  session: ["GET", "HEAD"],
};
