/**
 * What an agent accepts as its plan. Unknown members are left out; a plan that this cannot read is refused, never half used.
 * Members that older control planes (and plans on disk) do not have get the document's defaults.
 */
import * as z from "zod/mini";
import { isServiceName, isTrustDomain } from "../../shared/identity/spiffe-id.ts";
import { limits } from "../../shared/limits.ts";
import { ACCESS_PLAN_FORMAT, type AgentPlan, MATCH_PLAN_FORMAT, PLAN_FORMAT } from "../../shared/plan/plan.ts";
import { RETRY_WORDS } from "../../shared/policy/settings.ts";
import { discoverySchema } from "./agent-discovery-schema.ts";
import { exposeSchema, limitCount } from "./agent-expose-schema.ts";

const count = z.int().check(z.minimum(0));
const durationMs = z.number().check(z.positive());
const percent = z.number().check(z.minimum(0), z.maximum(100));
const texts = z.record(z.string(), z.string());

const accessRule = z.object({
  from: z.string(),
  scopes: z.array(z.string()),
  methods: z.array(z.string()),
  paths: z.exactOptional(z.array(z.string())),
  claims: z.exactOptional(texts),
  mode: z.exactOptional(z.literal("shadow")),
  audit: z.exactOptional(z.literal(true)),
});

const retries = z.object({
  attempts: count,
  perTryMs: z.exactOptional(durationMs),
  on: z.array(z.enum(RETRY_WORDS)),
  idempotent: z.exactOptional(z.union([z.literal(true), z.array(z.string())])),
  statuses: z.exactOptional(z.array(z.int())),
  backoff: z.exactOptional(z.object({ baseMs: durationMs, maxMs: durationMs })),
});

const breaker = z.object({
  consecutiveFailures: z.int().check(z.minimum(1)),
  intervalMs: durationMs,
  ejectForMs: durationMs,
  ejectForMsMax: z._default(durationMs, limits.breaker.ejectForMsMax),
  successRate: z._default(z.object({ percent, windowMs: durationMs, requestsMin: count }), {
    percent: limits.breaker.successPercent,
    windowMs: limits.breaker.successWindowMs,
    requestsMin: limits.breaker.successRequestsMin,
  }),
  ejectedPercentMax: z._default(percent, limits.breaker.ejectedPercentMax),
  panicPercent: z._default(percent, limits.breaker.panicPercent),
  maxConnections: z.int().check(z.minimum(1)),
  maxRequests: z._default(z.int().check(z.minimum(1)), limits.breaker.inFlightMax),
  maxPending: z._default(z.int().check(z.minimum(1)), limits.agent.pendingMax),
  requestsPerConnection: z.exactOptional(z.int().check(z.minimum(1))),
});

const hedge = z.object({
  afterMs: z.exactOptional(durationMs),
  percentile: z.exactOptional(percent),
  max: z.int().check(z.minimum(1)),
  budgetPercent: percent,
  methods: z.array(z.string()),
});

const balance = z.object({
  policy: z.enum(["peak-ewma", "least-request", "round-robin", "consistent-hash"]),
  hash: z.exactOptional(
    z.union([z.object({ header: z.string() }), z.object({ cookie: z.string() }), z.object({ claim: z.string() })]),
  ),
  boundedLoad: z.exactOptional(z.number().check(z.minimum(1))),
  weightLabel: z.exactOptional(z.string()),
  slowStart: z.exactOptional(z.object({ windowMs: durationMs, aggression: z.number().check(z.minimum(1)) })),
  zones: z.exactOptional(
    z.object({
      sufficientPercent: percent.check(z.minimum(1)),
      failover: z.record(z.string(), z.array(z.string())),
    }),
  ),
});

const match = {
  headers: texts,
  path: z.exactOptional(z.string()),
  methods: z.exactOptional(z.array(z.string())),
  claims: z.exactOptional(texts),
  scopes: z.exactOptional(z.array(z.string())),
};

const faultRule = z.object({
  ...match,
  untilMs: z.number(),
  delay: z.exactOptional(z.object({ percent, delayMs: durationMs })),
  abort: z.exactOptional(z.object({ percent, status: z.int().check(z.minimum(400), z.maximum(599)) })),
  reset: z.exactOptional(z.object({ percent })),
  slowBody: z.exactOptional(z.object({ percent, bytesPerSecond: z.int().check(z.minimum(1)) })),
});

const mirrorRule = z.object({ ...match, methods: z.array(z.string()), subset: z.string(), percent });

const trafficRule = z.object({
  ...match,
  split: z.record(z.string(), z.number().check(z.nonnegative())),
});

const tunnels = {
  upgrades: z.exactOptional(z.array(z.string())),
  streamIdleMs: z.exactOptional(z.number().check(z.nonnegative())),
};

const port = z.int().check(z.minimum(1), z.maximum(65535));

const outboundService = z.object({
  protocol: z.exactOptional(z.enum(["http2", "grpc", "tcp"])),
  outboundPort: z.exactOptional(port),
  ...tunnels,
  subsets: z.record(z.string(), texts),
  traffic: z.array(trafficRule),
  mirror: z.exactOptional(z.array(mirrorRule)),
  faults: z.exactOptional(z.array(faultRule)),
  timeoutMs: z.number().check(z.nonnegative()),
  retries,
  hedge: z.exactOptional(hedge),
  breaker,
  balance: z._default(balance, { policy: "peak-ewma" }),
  discovery: z.exactOptional(discoverySchema),
});

const shedding = z.object({
  mode: z.enum(["enforce", "shadow"]),
  tolerance: z.number().check(z.minimum(1)),
  concurrencyMin: z.int().check(z.minimum(1)),
  concurrencyMax: z.int().check(z.minimum(1)),
});

const callLimit = z.object({
  ...limitCount,
  by: z.array(z.union([z.enum(["service", "identity", "path", "all"]), z.templateLiteral(["header:", z.string()])])),
  mode: z.exactOptional(z.enum(["leased", "exact"])),
  onFailure: z.exactOptional(z.enum(["open", "closed"])),
  timeoutMs: z.exactOptional(z.number().check(z.positive())),
});

const names = z.exactOptional(z.array(z.string()));
const telemetry = z.object({
  records: z.exactOptional(
    z.union([
      z.literal("off"),
      z.object({
        perRoute: z.int().check(z.positive()),
        keepMs: durationMs,
        hide: z.exactOptional(z.object({ headers: names, query: names, claims: names })),
      }),
    ]),
  ),
  otlp: z.exactOptional(
    z.object({
      endpoint: z.url(),
      headers: texts,
      compression: z.exactOptional(z.literal("gzip")),
      timeoutMs: durationMs,
    }),
  ),
  resource: texts,
  traces: z.exactOptional(
    z.object({
      ratio: z.number().check(z.minimum(0), z.maximum(1)),
      errors: z.boolean(),
      slowMs: z.exactOptional(durationMs),
      trustClients: z.exactOptional(z.literal(true)),
      clientAddress: z.exactOptional(z.literal(true)),
    }),
  ),
  metrics: z.exactOptional(z.object({ everyMs: durationMs })),
  logs: z.exactOptional(
    z.object({
      ratio: z.number().check(z.minimum(0), z.maximum(1)),
      failures: z.boolean(),
      clients: z.exactOptional(z.literal(true)),
    }),
  ),
});

export const agentPlanSchema: z.ZodMiniType<AgentPlan> = z.object({
  format: z.literal([PLAN_FORMAT, ACCESS_PLAN_FORMAT, MATCH_PLAN_FORMAT]),
  trustDomain: z.string().check(z.refine(isTrustDomain)),
  service: z.string().check(z.refine(isServiceName)),
  inbound: z.exactOptional(
    z.object({
      port,
      protocol: z.enum(["http", "http2", "grpc", "tcp"]),
      ...tunnels,
      access: z.exactOptional(z.array(accessRule)),
      shedding: z.exactOptional(shedding),
      rateLimits: z.exactOptional(z.array(callLimit)),
      expose: z.exactOptional(exposeSchema),
    }),
  ),
  telemetry: z.exactOptional(telemetry),
  outbound: z.record(z.string(), outboundService),
});
