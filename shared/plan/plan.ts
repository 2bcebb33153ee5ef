/**
 * The compiled document: what hosts decide by. Plain JSON, canonical, the same bytes for the same meaning.
 * `compile` makes it; the config store numbers it; hosts get one of its two faces.
 */
import type { TlsTerminator } from "../auth/client-connection.ts";
import type { AuthSettings } from "../auth/compose.ts";
import type { DecisionPoint } from "../auth/decision.ts";
import type { IdentityProvider, JwtProvider } from "../auth/providers.ts";
import type { ProtectedResource } from "../auth/resource.ts";
import type { TxnContextSettings } from "../auth/txn-context.ts";
import type { RouteCache } from "../cache/route-cache.ts";
import type { RouteValidation } from "../contract/route-validation.ts";
import type { DiscoverySettings } from "../discovery/settings.ts";
import type { ClientIpSettings } from "../http/client-ip.ts";
import type { AggregateTarget } from "../policy/aggregate-settings.ts";
import type { CallLimit } from "../policy/call-limits.ts";
import type { HandlerTarget, RouteCode } from "../policy/custom-code.ts";
import type { DirectAnswer } from "../policy/direct-answer.ts";
import type { EdgeFaultRule, EdgeMirrorRule, EdgeTrafficRule } from "../policy/edge-traffic.ts";
import type { ErrorPage } from "../policy/error-pages.ts";
import type { Partners } from "../policy/federation.ts";
import type { GraphqlSettings } from "../policy/graphql-guard.ts";
import type { IdempotencySettings } from "../policy/idempotency.ts";
import type { IdentityHeaders } from "../policy/identity-headers.ts";
import type { CertificateLives } from "../policy/issuance.ts";
import type { JoinPlan } from "../policy/join-rules.ts";
import type { LifeCycle } from "../policy/life-cycle.ts";
import type { LimitRows } from "../policy/limit-rows.ts";
import type { ConcurrencySettings, Priority, SheddingSettings } from "../policy/load-shedding.ts";
import type { LegacyReset } from "../policy/rate-limit-fields.ts";
import type { Reshape } from "../policy/reshape.ts";
import type { SecurityFields } from "../policy/security-fields.ts";
import type {
  AccessRule,
  BalanceSettings,
  BreakerSettings,
  CorsSettings,
  FaultRule,
  HeaderEdits,
  HedgeSettings,
  MirrorRule,
  RateLimitSettings,
  RetrySettings,
  TrafficRule,
  UpstreamTarget,
} from "../policy/settings.ts";
import type { UpstreamSettings } from "../policy/upstream-settings.ts";
import type { Redirect } from "../route/redirect-location.ts";
import type { Versioning } from "../route/requested-version.ts";
import type { RouteMatch } from "../route/route-match.ts";
import type { TranscodeSettings } from "../transcode/settings.ts";

/** Raised when a host of the older format could misread a plan. Unknown members alone are no reason: they are ignored. */
export const PLAN_FORMAT = 1;
/** Of an agent's plan whose access rules an agent of before would read as wider than they are: it keeps its last one. */
export const ACCESS_PLAN_FORMAT = 2;

/** Of a plan whose routes a host of before would read as wider than they are: it keeps its last one. */
export const MATCH_PLAN_FORMAT = 3;
/** Of a plan with routes that match by who asks: a gateway of before would give the first of them to everybody. */
export const IDENTITY_PLAN_FORMAT = 4;
/** Of a plan with routes that have their contract from what they lead to: a gateway of before would look in it for other paths. */
export const HELD_PLAN_FORMAT = 5;
export type RoutesFormat =
  | typeof PLAN_FORMAT
  | typeof MATCH_PLAN_FORMAT
  | typeof IDENTITY_PLAN_FORMAT
  | typeof HELD_PLAN_FORMAT;

export interface Plan {
  readonly format: typeof PLAN_FORMAT;
  readonly name: string;
  readonly gateway: GatewayPlan;
  readonly mesh: MeshPlan;
  /** Of no face: what is granted is part of a version, since changes are judged by it. Absent: there are no owners. */
  readonly owners?: Readonly<Record<string, OwnerGrant>>;
}

/** What an owner may do, and which services and upstreams it has; each list sorted. */
export type OwnerGrant = {
  readonly [Key in "paths" | "hosts" | "to" | "services" | "code" | "secrets" | "has"]?: readonly string[];
};

/** The face of the gateway. */
export interface GatewayPlan {
  readonly format: RoutesFormat;
  /** Lower case, without port; `*.example.com` stands for every name that ends so. */
  readonly hosts: readonly string[];
  readonly trustDomain: string;
  readonly cors?: CorsSettings;
  /** Absent: nobody's word on a client's connection is believed. */
  readonly tlsTerminator?: TlsTerminator;
  /** Absent: nobody's word on the client's address is believed but the platform's. */
  readonly clientIp?: ClientIpSettings;
  readonly shedding?: SheddingSettings;
  /** Of routes without their own. Absent: problem documents. */
  readonly errorPages?: readonly ErrorPage[];
  /** Of routes without their own, and of answers that no route made. Absent: none. */
  readonly securityFields?: SecurityFields;
  /** Answers say `Via`. Absent: requests alone do. */
  readonly via?: true;
  readonly identity: Readonly<Record<string, IdentityProvider>>;
  /** Absent: none. */
  readonly decisions?: Readonly<Record<string, DecisionPoint>>;
  /** Every name that is an identity header anywhere, lower case: no client may say it. Absent: none. */
  readonly identityHeaders?: readonly string[];
  /** Resources whose metadata is published. Absent: none. */
  readonly resources?: readonly ProtectedResource[];
  /** Values of limits by plan and consumer, by the name that their settings say. Absent: none. */
  readonly limitRows?: Readonly<Record<string, LimitRows>>;
  /** Absent: none. */
  readonly upstreams?: Readonly<Record<string, UpstreamSettings>>;
  /** Absent: no route asks for a version. */
  readonly versioning?: Versioning;
  /** Digests of all that its routes need beside it, sorted. Absent: nothing. */
  readonly artifacts?: readonly string[];
  /** In the order of the document; precedence is `matchRoute`'s. */
  readonly routes: readonly RoutePlan[];
}

export interface RoutePlan extends RouteCode {
  readonly name: string;
  /** Who may change it; absent: whoever may change the document. */
  readonly owner?: string;
  /** Out of service, and why: requests are answered 503, and no other route gets them. */
  readonly quarantine?: string;
  readonly match: RouteMatch;
  /** Absent: public. */
  readonly auth?: AuthSettings;
  /** Absent: upstreams are told nothing. */
  readonly identityHeaders?: IdentityHeaders;
  /** Absent: the context has the route alone. */
  readonly context?: TxnContextSettings;
  readonly rateLimits: readonly RateLimitSettings[];
  /** Absent: no `X-RateLimit-*` fields. */
  readonly legacyRateLimitHeaders?: LegacyReset;
  readonly idempotency?: IdempotencySettings;
  /** Absent: nothing is kept of answers. */
  readonly cache?: RouteCache;
  /** Absent: normal. */
  readonly priority?: Priority;
  /** Absent: the route is not guarded as GraphQL. */
  readonly graphql?: GraphqlSettings;
  /** Absent: neither requests nor answers are held to a contract. */
  readonly validation?: RouteValidation;
  readonly transform: { readonly request: HeaderEdits; readonly response: HeaderEdits };
  /** Edits that depend on the request, and those of more than fields. Absent: none. */
  readonly reshape?: Reshape;
  /** Absent: the gateway's. */
  readonly errorPages?: readonly ErrorPage[];
  /** Absent: the gateway's. */
  readonly securityFields?: SecurityFields;
  /** Absent: requests go on as they are. */
  readonly transcode?: TranscodeSettings;
  readonly target: RouteTarget;
  /** Absent: all requests go to the target. */
  readonly traffic?: readonly EdgeTrafficRule[];
  /** Absent: nothing is copied. */
  readonly mirror?: readonly EdgeMirrorRule[];
  /** Absent: none. */
  readonly faults?: readonly EdgeFaultRule[];
  /** Absent: it is neither deprecated nor does it end. */
  readonly lifeCycle?: LifeCycle;
  readonly timeoutMs: number;
  readonly bodyBytesMax: number;
  /** Protocols that requests may change to, lower case. Absent: none. */
  readonly upgrades?: readonly string[];
  /** How long a stream may stand still, 0: for ever; told the front. Absent: as it has it. */
  readonly streamIdleMs?: number;
  /** Connections with another protocol at once; told the front. Absent: no bound of the route's own. */
  readonly upgradedMax?: number;
}

/** What of the path a regular expression (RE2) finds is replaced, each time. */
export interface RegexRewrite {
  readonly regex: string;
  readonly to: string;
}

export type RouteTarget =
  | {
      readonly kind: "forward";
      readonly to: UpstreamTarget /** Replaces the matched path; absent: it goes on unchanged. */;
      readonly rewrite?: string | RegexRewrite;
    }
  | { readonly kind: "respond"; readonly answer: DirectAnswer }
  | { readonly kind: "redirect"; readonly to: Redirect }
  | HandlerTarget
  | AggregateTarget;

export interface MeshPlan {
  readonly trustDomain: string;
  /** Absent: joining needs a join token. */
  readonly join?: JoinPlan;
  /** How long an enrolment key that is not used is kept. Absent: `join.keyLifetimeMs` of the limits. */
  readonly enrolmentKeyMs?: number;
  /** Absent: the usual ones. */
  readonly lives?: CertificateLives;
  /** Agents that go on for less than this without the control plane are an alarm. Absent: as usual. */
  readonly outageBudgetMs?: number;
  /** Other trust domains, and the own one where it has an outside issuer. Absent: none. */
  readonly federation?: Partners;
  readonly services: Readonly<Record<string, ServicePlan>>;
}

/** What the application speaks; `grpc` is HTTP/2 whose calls mean what gRPC says, `tcp` is anything. */
export type ServiceProtocol = "http" | "http2" | "grpc" | "tcp";

export interface ServicePlan {
  /** Where the application listens, unless its agent was started with another port. */
  readonly port: number;
  readonly protocol: ServiceProtocol;
  /** Of TCP: where calling agents listen for it, on loopback. Absent: at a free port. */
  readonly outboundPort?: number;
  /** Protocols that requests may change to, lower case. Absent: `websocket`. */
  readonly upgrades?: readonly string[];
  /** Subset name to the labels that an endpoint must carry, such as `{ version: "v1" }`. */
  readonly subsets: Readonly<Record<string, Readonly<Record<string, string>>>>;
  readonly traffic: readonly TrafficRule[];
  /** Absent: nothing is copied. */
  readonly mirror?: readonly MirrorRule[];
  /** Absent: none. */
  readonly faults?: readonly FaultRule[];
  /** For the whole call with its attempts: until the answer's head, by gRPC until its end. 0: callers alone say. */
  readonly timeoutMs: number;
  /**
   * How long a stream may stand still; 0: for ever. Absent: `limits.agent.tunnelIdleMs` for tunnels, `limits.agent.stallTimeoutMs` for
   * the bodies of a call.
   */
  readonly streamIdleMs?: number;
  readonly retries: RetrySettings;
  /** Absent: no request is sent twice at a time. */
  readonly hedge?: HedgeSettings;
  readonly breaker: BreakerSettings;
  readonly balance: BalanceSettings;
  /** Absent: its endpoints are agents that register. */
  readonly discovery?: DiscoverySettings;
  /** Absent: every workload of the trust domain may call. */
  readonly access?: readonly AccessRule[];
  /** Absent: its agents refuse nobody for load, and tell none. */
  readonly shedding?: ConcurrencySettings;
  /** Calls from the mesh that each of its agents lets through. Absent: all. */
  readonly rateLimits?: readonly CallLimit[];
  /** Absent: its agents have no public listener. */
  readonly expose?: ExposePlan;
}

/** What agents of a service show to the outside: a gateway of one service, with the providers that its routes name. */
export interface ExposePlan
  extends Pick<GatewayPlan, "hosts" | "cors" | "clientIp" | "identityHeaders" | "limitRows" | "routes"> {
  /** `HOST:PORT`; absent: where the agent is told to. */
  readonly listen?: string;
  /** Networks whose connections begin with a header of the PROXY protocol. */
  readonly proxyProtocol?: readonly string[];
  readonly identity: Readonly<Record<string, JwtProvider>>;
}

/** The face of one agent: its own service, and only the services that it may call. */
export interface AgentPlan {
  readonly format: typeof PLAN_FORMAT | typeof ACCESS_PLAN_FORMAT | typeof MATCH_PLAN_FORMAT;
  readonly trustDomain: string;
  readonly service: string;
  /** Absent for the ingress agent, which has no application. */
  readonly inbound?: Pick<
    ServicePlan,
    "port" | "protocol" | "upgrades" | "streamIdleMs" | "access" | "shedding" | "rateLimits" | "expose"
  >;
  readonly outbound: Readonly<Record<string, OutboundServicePlan>>;
}

export type OutboundServicePlan = Pick<
  ServicePlan,
  | "outboundPort"
  | "upgrades"
  | "streamIdleMs"
  | "subsets"
  | "traffic"
  | "mirror"
  | "faults"
  | "timeoutMs"
  | "retries"
  | "hedge"
  | "breaker"
  | "balance"
  | "discovery"
> & {
  /** Absent: HTTP/1.1. */
  readonly protocol?: Exclude<ServiceProtocol, "http">;
};
