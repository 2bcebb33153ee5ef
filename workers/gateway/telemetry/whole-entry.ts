import type { AccessLogEntry, GatewayLogEntry } from "../../../shared/http/access-log.ts";
import type { Context } from "../upstream/context.ts";
import type { GatewayEnv } from "../upstream/exchange.ts";

/** With what policies in shadow said. What is not known is undefined in the gateway's entries, and absent once it is sent. */
export function wholeEntry(entry: GatewayLogEntry, c: Context<GatewayEnv>): AccessLogEntry {
  const wouldRefuse = c.get("wouldRefuse");
  return { ...entry, ...(wouldRefuse && { wouldRefuse }) } as AccessLogEntry;
}
