import type { MiddlewareHandler } from "hono";
import { setsOwnCookie } from "../../../shared/http/cookies.ts";
import { HOP_BY_HOP } from "../../../shared/http/header-names.ts";
import { connectionNames } from "../../../shared/http/inspect-head.ts";
import { rewritePath } from "../../../shared/route/rewrite-path.ts";
import type { TxnTokenMinter } from "../authority/txn-token-minter.ts";
import { callUpstream } from "../upstream/call-upstream.ts";
import type { GatewayEnv } from "../upstream/exchange.ts";
import type { LoadShedder } from "../upstream/load-shedder.ts";

/** Passes the request on and the answer back, bodies streamed and untouched. Other targets are left to the next stage. */
export function forward(minter: TxnTokenMinter, shedder: LoadShedder): MiddlewareHandler<GatewayEnv> {
  return async (c, next) => {
    const route = c.get("route");
    if (route.target.kind !== "forward") return next();
    const { to, rewrite } = route.target;
    const call = {
      target: to,
      method: c.req.raw.method,
      path: (rewrite === undefined ? c.get("path") : rewritePath(rewrite, c.get("params"))) + c.get("target").query,
      fields: c.get("fields"),
      body: c.get("body"),
      deadlineAtMs: c.get("deadlineAtMs"),
    };
    const [held, identity, trace] = [c.get("held"), c.get("identity"), c.get("trace")];
    const calling = { env: c.env, held, identity, route: route.name, context: c.get("context"), trace, minter };
    const answer = await shedder.call(c, to, call.deadlineAtMs, (shed) => callUpstream({ ...call, ...shed }, calling));
    const response = new Response(answer.body, answer);
    dropEnding(response.headers);
    return response;
  };
}

/** Removes fields of the connection behind us, those that are between us and the mesh, and cookies in the gateway's name. */
function dropEnding(headers: Headers): void {
  const dropped: string[] = [];
  headers.forEach((value, name) => {
    if (name === "connection") dropped.push(...connectionNames(value));
    if (HOP_BY_HOP.has(name) || name.startsWith("selvage-")) dropped.push(name);
  });
  for (const name of dropped) headers.delete(name);
  const cookies = headers.getSetCookie();
  if (!cookies.some(setsOwnCookie)) return;
  headers.delete("set-cookie");
  for (const cookie of cookies) if (!setsOwnCookie(cookie)) headers.append("set-cookie", cookie);
}
