import type { LoadReport } from "../../shared/http/load-report.ts";
import { limits } from "../../shared/limits.ts";
import { type MutableLoad, newEndpointLoad } from "../../shared/policy/endpoint-load.ts";
import { newOutlier, type OutlierState } from "../../shared/policy/outlier.ts";
import type { Endpoint } from "../../shared/wire/endpoint.ts";
import type { ClientPool } from "../proxy/engine.ts";

/** One instance of a service, as this agent knows it: its connections, health and load. */
export class ClusterEndpoint {
  readonly endpoint: Endpoint;
  readonly breaker: OutlierState = newOutlier();
  readonly balance: MutableLoad;
  /** It is no more among its cluster's, though requests may still be under way. */
  hasLeft = false;
  #pool: ClientPool | undefined;
  #load: { readonly report: LoadReport; readonly atMs: number } | undefined;

  /** @param nowMs monotonic, as all times here */
  constructor(endpoint: Endpoint, nowMs: number) {
    this.endpoint = endpoint;
    this.balance = newEndpointLoad(endpoint.instance, 1, nowMs);
  }

  /** What its agent says of its application's load. */
  hearLoad(report: LoadReport, nowMs: number): void {
    this.#load = { report, atMs: nowMs };
  }

  /** Undefined: it has not said it lately. */
  load(nowMs: number): LoadReport | undefined {
    if (this.#load === undefined || nowMs - this.#load.atMs > limits.agent.loadFreshMs) return undefined;
    return this.#load.report;
  }

  /** @param make makes the connections when there are none */
  pool(make: (endpoint: Endpoint) => ClientPool): ClientPool {
    this.#pool ??= make(this.endpoint);
    return this.#pool;
  }

  /** Lets go of the connections: idle ones end now, busy ones after their exchange. */
  close(): void {
    this.#pool?.close();
    this.#pool = undefined;
  }
}
