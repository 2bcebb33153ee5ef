import type { IncomingHttpHeaders } from "node:http";

/** Fields that belong to the whole transaction: trace, user, time left. A service passes them on to those it calls. */
const CONTEXT = ["traceparent", "tracestate", "txn-token", "selvage-deadline-ms"];

/** The context of an incoming call as headers for the calls that it causes. */
export function contextOf(headers: IncomingHttpHeaders): Record<string, string> {
  const context: Record<string, string> = {};
  for (const name of CONTEXT) {
    const value = headers[name];
    if (typeof value === "string") context[name] = value;
  }
  return context;
}
