import type { Priority } from "../../shared/policy/load-shedding.ts";
import type { TrafficRequest } from "../../shared/policy/traffic.ts";
import type { ClusterEndpoint } from "../discovery/cluster-endpoint.ts";
import type { Cluster } from "../discovery/clusters.ts";
import { Call } from "../proxy/call.ts";

/** What a call to a service of the mesh is about; stages fill in where it goes. */
export class OutboundCall extends Call {
  cluster: Cluster | undefined;
  /** Absent: any endpoint. */
  subset: string | undefined;
  /** Hash of what keeps requests together; absent: nothing does. */
  hashKey: number | undefined;
  /** Of the end user's Txn-Token, where it was verified. */
  scopes: readonly string[] | undefined;
  claims: Readonly<Record<string, unknown>> | undefined;
  /** Version that decides it, as the next agent is told; undefined: there is one alone. */
  epoch: string | undefined;
  /** Origin-form. */
  path = "/";
  /** As the gateway says it; calls of applications are normal. */
  priority: Priority = "normal";
  /** The caller numbers its attempts: it retries, so this layer does not. */
  callerRetries = false;
  /** The pace of its answer's body, where a fault slows it down. */
  answerBytesPerSecond: number | undefined;

  /** It goes to that endpoint now. @param attempts with this one */
  attempts(attempts: number, cluster: Cluster, endpoint: ClusterEndpoint): void {
    this.facts.attempts = attempts;
    this.facts.endpoint = endpoint.endpoint.instance;
    this.facts.outside = cluster.outside(endpoint);
  }

  /** As rules are asked about it. */
  get asked(): TrafficRequest {
    return { method: this.exchange.head.method, path: this.path, claims: this.claims, scopes: this.scopes };
  }
}
