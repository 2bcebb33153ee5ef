import type { Context } from "./context.ts";
import type { GatewayEnv } from "./exchange.ts";

/** Has an answer that the gateway reads come in a coding that the platform takes off, and one that is kept as it is read. */
export function askForReadable(c: Context<GatewayEnv>): void {
  c.get("fields").set("accept-encoding", c.get("route").cache === undefined ? "gzip" : "identity");
}

/** The same, and all of it: parts are none of an answer that is judged or edited as a whole. */
export function askForWhole(c: Context<GatewayEnv>): void {
  dropRange(c);
  askForReadable(c);
}

export function dropRange(c: Context<GatewayEnv>): void {
  for (const name of ["range", "if-range"]) c.get("fields").delete(name);
}
