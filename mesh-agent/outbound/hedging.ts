/** Says when one request is to go to another endpoint as well, as `shared/policy/hedge.ts` allows. */
import { hedgeDelayMs, mayHedge, takeHedge } from "../../shared/policy/hedge.ts";
import type { HedgeSettings } from "../../shared/policy/settings.ts";
import type { Cluster } from "../discovery/clusters.ts";
import { type DeadlineWatch, shortWaits, type Watched } from "../proxy/deadline-watch.ts";
import type { Metrics } from "../telemetry/metrics.ts";
import type { OutboundCall } from "./outbound-call.ts";

export interface HedgingOptions {
  readonly metrics: Metrics;
  /** Whether one can be sent now: to another endpoint, with a body that is there whole. */
  readonly canSend: () => boolean;
  readonly send: () => void;
  /** For tests. */
  readonly waits: DeadlineWatch | undefined;
}

export class Hedging implements Watched {
  deadlineMs = 0;
  watchNext: Watched | undefined;
  watchPrevious: Watched | undefined;
  watchedBy: DeadlineWatch | undefined;
  readonly #cluster: Cluster;
  readonly #settings: HedgeSettings;
  readonly #options: HedgingOptions;
  readonly #waits: DeadlineWatch;
  readonly #delayMs: number;
  #sent = 0;

  private constructor(cluster: Cluster, settings: HedgeSettings, delayMs: number, options: HedgingOptions) {
    this.#cluster = cluster;
    this.#settings = settings;
    this.#delayMs = delayMs;
    this.#options = options;
    this.#waits = options.waits ?? shortWaits;
  }

  /** @returns undefined: this request is never sent twice at a time */
  static of(call: OutboundCall, cluster: Cluster, options: HedgingOptions): Hedging | undefined {
    const { hedge } = cluster.settings;
    if (hedge === undefined) return undefined;
    const { priority, callerRetries } = call;
    if (!mayHedge(hedge, { method: call.exchange.head.method, priority, callerRetries })) return undefined;
    const delayMs = hedgeDelayMs(cluster.hedge, hedge);
    return delayMs === undefined ? undefined : new Hedging(cluster, hedge, delayMs, options);
  }

  /** Attempts that were hedges. */
  get sent(): number {
    return this.#sent;
  }

  /** An attempt has left. */
  wait(): void {
    if (this.#sent < this.#settings.max) this.#waits.arm(this, this.#delayMs);
  }

  stop(): void {
    this.#waits.disarm(this);
  }

  onDeadline(): void {
    if (!this.#options.canSend()) return;
    const { service, hedge } = this.#cluster;
    const may = takeHedge(hedge);
    this.#options.metrics.hedge(service, may ? "sent" : "over_budget");
    if (!may) return;
    this.#sent++;
    this.#options.send();
  }
}
