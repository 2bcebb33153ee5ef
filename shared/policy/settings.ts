/** Settings of the policies as the plan carries them. The step of each policy is the file of its name beside this one. */
import type { AddressPrefix } from "../http/address-list.ts";

export interface RateLimitSettings {
  /** Name in `RateLimit-Policy`; unique in its route. */
  readonly name: string;
  /** Tokens in a window, or with `burst`: sustained tokens in a window; with `concurrent` at once. A request takes one. */
  readonly limit: number;
  /** With `concurrent`: the longest that a request has its slot. */
  readonly windowMs: number;
  /** Present: GCRA, whose bound is burst + rate x window. Absent: sliding window, whose bound is the limit. */
  readonly burst?: number;
  /** Windows that follow each other, of `windowMs` or of calendar months, UTC. */
  readonly window?: "fixed" | "month";
  /** `concurrent`: requests that run at once. `cost`: tokens that answers say they used. */
  readonly counts?: "concurrent" | "cost";
  readonly cost?: ResponseCost;
  readonly by: LimitKeyPart | readonly LimitKeyPart[];
  /** Requests that lack a part of the key are refused. Absent: those that lack the same count together. */
  readonly missing?: "refuse";
  /** Name of its values by plan and consumer in `GatewayPlan.limitRows`. */
  readonly rows?: string;
  /** Given: one count over all routes that have this limit. */
  readonly scope?: "gateway";
  readonly mode: LimitMode;
  /** What happens when the limiter cannot be asked. */
  readonly onFailure: "open" | "closed";
  /** How long a request waits for it. Absent: `limits.gateway.limiterWaitMs`. */
  readonly timeoutMs?: number;
  /** Counted as any other, and nobody is refused by it or hears of it. */
  readonly shadow?: true;
}

/** What a limit counts by; of a list, requests count together whose values are all the same. */
export type LimitKeyPart =
  /** `all`: everybody together. */
  | "identity"
  | "ip"
  | "consumer"
  | "plan"
  | "all"
  /** Leading bits of an address that count. */
  | { readonly ip: AddressPrefix }
  /** Lower case. */
  | { readonly header: string }
  /** Names, from the outermost to the innermost. */
  | { readonly claim: readonly string[] }
  | { readonly path: string }
  | { readonly query: string }
  | { readonly cookie: string }
  /** Expression in CEL. */
  | { readonly cel: string };

/** `exact`: one call a request. `leased`: isolates hold tokens in advance. `local`: each isolate counts for itself. */
export type LimitMode = "exact" | "leased" | "local";

/** What a request takes before its answer is known, and where the answer says what it used. */
export interface ResponseCost {
  readonly estimate: number;
  /** Field of the answer, lower case: a whole number, or `name=number` items as of Kong's `X-Kong-Limit`. */
  readonly header?: string;
  /** JSON pointer (RFC 6901) into the answer's body, such as `/usage/total_tokens`. */
  readonly body?: string;
}

export interface CorsSettings {
  /** Exact origins, or `["*"]`. */
  readonly origins: readonly string[];
  readonly methods: readonly string[];
  /** Empty: those that the preflight asks for. */
  readonly allowHeaders: readonly string[];
  readonly exposeHeaders: readonly string[];
  readonly credentials: boolean;
  readonly maxAgeMs: number;
}

/** Header names in lower case. Applied in this order: remove, set, add. Values may hold `${secret:NAME}`. */
export interface HeaderEdits {
  readonly remove: readonly string[];
  readonly set: Readonly<Record<string, string>>;
  readonly add: Readonly<Record<string, string>>;
}

/** A text with holes: strings stand for themselves, arrays are paths such as ["user", "lastOrderId"]. */
export type Template = readonly (string | readonly string[])[];

export interface AggregatePart {
  readonly name: string;
  readonly method: "GET";
  readonly target: UpstreamTarget;
  /** Path and query, filled from `identity`, `path`, `query` and the parts named in `dependsOn`. */
  readonly path: Template;
  readonly dependsOn: readonly string[];
  readonly optional: boolean;
  readonly timeoutMs: number;
  /** Top-level members that are kept; absent: the whole answer. */
  readonly pick?: readonly string[];
}

/** Where a call goes: a service of the mesh, through the ingress agent, a plain URL (origin only), or one of `gateway.upstreams`. */
export type UpstreamTarget = { readonly service: string } | { readonly origin: string } | { readonly upstream: string };

export const nameOfTarget = (target: UpstreamTarget): string =>
  "service" in target ? target.service : "origin" in target ? target.origin : target.upstream;

/** Envoy's words: what an attempt must have shown to be tried again (https://www.envoyproxy.io, retry_on and retry_grpc_on). */
export const RETRY_WORDS = [
  "5xx",
  "gateway-error",
  "reset",
  "connect-failure",
  "retriable-4xx",
  "cancelled",
  "deadline-exceeded",
  "internal",
  "resource-exhausted",
  "unavailable",
] as const;
export type RetryOn = (typeof RETRY_WORDS)[number];

export interface RetrySettings {
  /** Attempts after the first. */
  readonly attempts: number;
  /** Time for one attempt until its answer's head; absent: the request's own timeout. */
  readonly perTryMs?: number;
  readonly on: readonly RetryOn[];
  /**
   * Calls that may be carried out twice whatever their method: all, or those of these paths, exact or with a final `/*`.
   * Absent: as their method says.
   */
  readonly idempotent?: true | readonly string[];
  /** Statuses of answers that are tried again, ascending. Absent: none beside those of `on`. */
  readonly statuses?: readonly number[];
  /** Bounds of the first pause and of all. Absent: `limits.agent`. */
  readonly backoff?: { readonly baseMs: number; readonly maxMs: number };
}

export interface BreakerSettings {
  /** Failures in a row that eject an endpoint. */
  readonly consecutiveFailures: number;
  /** An ejection is forgotten step by step, one for each such interval without failures. */
  readonly intervalMs: number;
  /** First ejection; doubles with each one that follows, up to `ejectForMsMax`. */
  readonly ejectForMs: number;
  readonly ejectForMsMax: number;
  readonly successRate: SuccessRate;
  /** Percent of a service's instances that may be ejected at once; one always may. */
  readonly ejectedPercentMax: number;
  /** With less than this percentage of instances left, ejections are ignored. */
  readonly panicPercent: number;
  /** Connections to one endpoint. */
  readonly maxConnections: number;
  /** Requests in flight to one endpoint; it gets no more. */
  readonly maxRequests: number;
  /** Requests that wait for a connection to one endpoint. */
  readonly maxPending: number;
  /** Requests after which a connection is not used again. Absent: it lives as long as it may. */
  readonly requestsPerConnection?: number;
}

/** Bounds of the connections to one endpoint. */
export type PoolSettings = Pick<BreakerSettings, "maxConnections" | "maxPending" | "requestsPerConnection">;

/** A second attempt beside one that has no answer yet. */
export interface HedgeSettings {
  /** Time without an answer. Exactly one of this and `percentile` is there. */
  readonly afterMs?: number;
  /** The time in which so many percent of the service's answers came lately. */
  readonly percentile?: number;
  /** Hedges of one request. */
  readonly max: number;
  /** Hedges for a hundred requests that may be hedged. */
  readonly budgetPercent: number;
  /** Upper case, all of them idempotent. */
  readonly methods: readonly string[];
}

/** Who gets more failures than this is an outlier, when the others do not. */
export interface SuccessRate {
  /** Percent of requests that must succeed; 0: it is not asked for. */
  readonly percent: number;
  readonly windowMs: number;
  /** With fewer requests in the window nothing is decided. */
  readonly requestsMin: number;
}

/** How a service's requests are spread over its instances. */
export interface BalanceSettings {
  readonly policy: "peak-ewma" | "least-request" | "round-robin" | "consistent-hash";
  /** What keeps requests together; present with `consistent-hash` alone. */
  readonly hash?: HashSource;
  /** With `consistent-hash`: load over the mean that moves a request on to the next instance. */
  readonly boundedLoad?: number;
  /** Label of instances that holds their weight. */
  readonly weightLabel?: string;
  readonly slowStart?: SlowStart;
  /** Absent: zones make no difference. */
  readonly zones?: ZoneSettings;
}

/** Instances of the caller's own zone come first. */
export interface ZoneSettings {
  /** Percent of a zone's instances that must be healthy for it to keep all of its requests. */
  readonly sufficientPercent: number;
  /** A caller's zone to those that come after it, in order; all others come last. */
  readonly failover: Readonly<Record<string, readonly string[]>>;
}

/** A header (lower case), a cookie, or a claim of the Txn-Token (`sub`, `tctx.plan`). */
export type HashSource = { readonly header: string } | { readonly cookie: string } | { readonly claim: string };

/** A new instance's share grows from a tenth to all of its weight. */
export interface SlowStart {
  readonly windowMs: number;
  /** 1: linearly; above: faster at the beginning. */
  readonly aggression: number;
}

/** All of it must match; one that asks for nothing matches everything. */
export interface TrafficMatch {
  /** Lower-case name to the exact value. */
  readonly headers: Readonly<Record<string, string>>;
  /** Name to the exact value of the first cookie of that name. Absent: any. */
  readonly cookies?: Readonly<Record<string, string>>;
  /** Exact, or with a final `/*` all that begins so; without query. Absent: every path. */
  readonly path?: string;
  /** Upper case. Absent: every method. */
  readonly methods?: readonly string[];
  /** Claims of the end user's Txn-Token (`sub`, `tctx.plan`) to their exact value. Absent: everybody. */
  readonly claims?: Readonly<Record<string, string>>;
  /** Scopes that the end user must have, all of them. Absent: none. */
  readonly scopes?: readonly string[];
}

/** The first rule of which everything matches decides. */
export interface TrafficRule extends TrafficMatch {
  /** Subset to weight; weights are relative. */
  readonly split: Readonly<Record<string, number>>;
}

/** Requests that match, and have such a method, are also sent to a subset whose answers nobody gets. */
export interface MirrorRule extends TrafficMatch {
  readonly methods: readonly string[];
  readonly subset: string;
  /** Of those that match. */
  readonly percent: number;
}

/** Trouble that is made on purpose, for a share of the requests that match. Percents add up: a request gets one kind at most. */
export interface FaultRule extends TrafficMatch {
  /** From then on it does nothing; milliseconds since the epoch. */
  readonly untilMs: number;
  readonly delay?: { readonly percent: number; readonly delayMs: number };
  readonly abort?: { readonly percent: number; readonly status: number };
  readonly reset?: { readonly percent: number };
  readonly slowBody?: { readonly percent: number; readonly bytesPerSecond: number };
}

/** One line of a service's `access` list; a request passes when one line accepts it whole. */
export interface AccessRule {
  /** Service name of the calling workload; `*`: any of the trust domain; SPIFFE ID: a workload of another one. */
  readonly from: string;
  /** Scopes that the end user must have, all of them; empty: no Txn-Token is needed. */
  readonly scopes: readonly string[];
  /** Upper case; empty: every method. */
  readonly methods: readonly string[];
  /** As of `TrafficMatch`; absent: every path. */
  readonly paths?: readonly string[];
  /** What the end user's Txn-Token must say, by `sub` or `tctx.NAME`; absent: anything. */
  readonly claims?: Readonly<Record<string, string>>;
  /** Absent: enforce. */
  readonly mode?: "shadow";
  /** Each of its decisions is told. Absent: false. */
  readonly audit?: true;
}
