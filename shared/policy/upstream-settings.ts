/** `gateway.upstreams` as the plan carries it. What is decided by it is in `upstream-targets.ts` and `upstream-monitor.ts`. */
import type {
  BalanceSettings,
  BreakerSettings,
  HashSource,
  HedgeSettings,
  PoolSettings,
  RetrySettings,
} from "./settings.ts";

export interface UpstreamSettings {
  /** In the order of the document. */
  readonly targets: readonly TargetSettings[];
  readonly balance: TargetBalance;
  readonly retries: RetrySettings;
  readonly breaker: TargetBreaker;
  /** Absent: no request is sent twice at a time. */
  readonly hedge?: HedgeSettings;
  /** For the whole call with its retries. Absent: the request's own. */
  readonly timeoutMs?: number;
  /** Field in which targets are told the milliseconds that are left, lower case. Absent: they are not. */
  readonly deadlineHeader?: string;
  /** Absent: targets are not checked. */
  readonly health?: HealthSettings;
}

export interface TargetSettings {
  /** Unique in its upstream, for operators: its binding, if it has one, and its URL. */
  readonly name: string;
  /** Without a final slash; what a request asks for comes after it. */
  readonly url: string;
  /** Binding of the Worker through which it is called. Absent: over the network. */
  readonly binding?: string;
  readonly weight: number;
  /** 0 comes first, each next one when those before it are not healthy enough. */
  readonly group: number;
}

export interface TargetBalance extends Pick<BalanceSettings, "policy" | "boundedLoad" | "slowStart"> {
  /** Present with `consistent-hash` alone. */
  readonly hash?: HashSource | { readonly ip: true };
  /** Percent of a group's targets that must be healthy for it to keep all of its requests. */
  readonly sufficientPercent: number;
}

export interface TargetBreaker extends Omit<BreakerSettings, keyof PoolSettings> {
  /** Isolates tell each other of their ejections. Absent: each finds out for itself. */
  readonly shared?: true;
}

/** Requests that ask a target how it is, whatever becomes of those of clients. */
export interface HealthSettings {
  readonly method: "GET" | "HEAD";
  readonly path: string;
  readonly intervalMs: number;
  readonly timeoutMs: number;
  /** Checks in a row that change what is thought of a target. */
  readonly healthyAfter: number;
  readonly unhealthyAfter: number;
  /** Statuses of a good answer. Absent: 200 to 299. */
  readonly statuses?: readonly number[];
  /** Text that a good answer's body has within its first bytes. Absent: it is not read. */
  readonly contains?: string;
}
