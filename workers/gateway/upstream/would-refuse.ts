import type { WouldRefuse } from "../../../shared/http/access-log.ts";
import type { Context } from "./context.ts";
import type { GatewayEnv } from "./exchange.ts";

/** Takes note, for the access log, that a policy in shadow would have refused this request. */
export function noteWouldRefuse(c: Context<GatewayEnv>, one: WouldRefuse): void {
  const known = c.get("wouldRefuse") ?? [];
  if (known.some(({ error, limit }) => error === one.error && limit === one.limit)) return;
  known.push(one);
  c.set("wouldRefuse", known);
}
