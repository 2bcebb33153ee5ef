/** What the application calls for this request is decided by the version that decides the request. */
import type { Versions } from "../control/versions.ts";
import type { Stage } from "../proxy/call.ts";
import type { InboundCall } from "./inbound-call.ts";

export function keepVersion(versions: Versions): Stage<InboundCall> {
  return (call, next) => {
    if (versions.two !== undefined) versions.serve(call, call.plan);
    next();
  };
}
