import type { Context } from "./context.ts";
import type { GatewayEnv } from "./exchange.ts";

/** Has an answer that the gateway reads come in a coding that the platform takes off, and one that is kept as it is read. */
export function askForReadable(c: Context<GatewayEnv>): void {
  c.get("fields").set("accept-encoding", c.get("route").cache === undefined ? "gzip" : "identity");
}
