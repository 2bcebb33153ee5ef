/** What an agent accepts as its plan. Unknown members are left out; a plan that this cannot read is refused, never half used. */
import * as z from "zod/mini";
import { isServiceName, isTrustDomain } from "../../shared/identity/spiffe-id.ts";
import { type AgentPlan, PLAN_FORMAT } from "../../shared/plan/plan.ts";

const count = z.int().check(z.minimum(0));
const durationMs = z.number().check(z.positive());
const texts = z.record(z.string(), z.string());

const accessRule = z.object({ from: z.string(), scopes: z.array(z.string()), methods: z.array(z.string()) });

const retries = z.object({
  attempts: count,
  perTryMs: z.exactOptional(durationMs),
  on: z.array(z.enum(["5xx", "gateway-error", "reset", "connect-failure", "retriable-4xx"])),
});

const breaker = z.object({
  consecutiveFailures: z.int().check(z.minimum(1)),
  intervalMs: durationMs,
  ejectForMs: durationMs,
  maxConnections: z.int().check(z.minimum(1)),
});

const outboundService = z.object({
  subsets: z.record(z.string(), texts),
  traffic: z.array(z.object({ headers: texts, split: z.record(z.string(), z.number().check(z.nonnegative())) })),
  timeoutMs: durationMs,
  retries,
  breaker,
});

const shedding = z.object({
  mode: z.enum(["enforce", "shadow"]),
  tolerance: z.number().check(z.minimum(1)),
  concurrencyMin: z.int().check(z.minimum(1)),
  concurrencyMax: z.int().check(z.minimum(1)),
});

export const agentPlanSchema: z.ZodMiniType<AgentPlan> = z.object({
  format: z.literal(PLAN_FORMAT),
  trustDomain: z.string().check(z.refine(isTrustDomain)),
  service: z.string().check(z.refine(isServiceName)),
  inbound: z.exactOptional(
    z.object({
      port: z.int().check(z.minimum(1), z.maximum(65535)),
      protocol: z.literal("http"),
      access: z.exactOptional(z.array(accessRule)),
      shedding: z.exactOptional(shedding),
    }),
  ),
  outbound: z.record(z.string(), outboundService),
});
