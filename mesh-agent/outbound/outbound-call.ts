import type { Cluster } from "../discovery/clusters.ts";
import { Call } from "../proxy/call.ts";

/** A call to a service of the mesh; stages fill in where it goes. */
export class OutboundCall extends Call {
  cluster: Cluster | undefined;
  /** Absent: any endpoint. */
  subset: string | undefined;
  /** Origin-form. */
  path = "/";
  /** What the next agent may know of how this call came to be; never a client's own word. */
  callerRetries = false;
}
