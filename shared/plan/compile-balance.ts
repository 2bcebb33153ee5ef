import type { BalanceConfig } from "../config/schema-balance.ts";
import type { BreakerConfig } from "../config/schema-breaker.ts";
import { parseDurationMs } from "../config/units.ts";
import { limits } from "../limits.ts";
import type { BalanceSettings, BreakerSettings, HashSource } from "../policy/settings.ts";
import { mapValues } from "./sorted.ts";

/** Of a service's `balance`. */
export function compileBalance(balance: BalanceConfig | undefined): BalanceSettings {
  const hash = hashSource(balance?.hash);
  return {
    policy: balance?.policy ?? "peak-ewma",
    ...(hash !== undefined && { hash }),
    ...(balance?.boundedLoad !== undefined && { boundedLoad: balance.boundedLoad }),
    ...(balance?.weightLabel !== undefined && { weightLabel: balance.weightLabel }),
    ...(balance?.slowStart !== undefined && {
      slowStart: {
        windowMs: parseDurationMs(balance.slowStart.window) ?? 0,
        aggression: balance.slowStart.aggression ?? 1,
      },
    }),
    ...(balance?.zones !== undefined && {
      zones: {
        sufficientPercent: balance.zones.sufficient ?? limits.zones.sufficientPercent,
        failover: mapValues(balance.zones.failover ?? {}, (order) => [...order]),
      },
    }),
  };
}

function hashSource(hash: BalanceConfig["hash"]): HashSource | undefined {
  if (hash?.header !== undefined) return { header: hash.header.toLowerCase() };
  if (hash?.cookie !== undefined) return { cookie: hash.cookie };
  return hash?.claim === undefined ? undefined : { claim: hash.claim };
}

/** Of a service's `breaker`. */
export function compileBreaker(breaker: BreakerConfig | undefined): BreakerSettings {
  const { successRate } = breaker ?? {};
  const ejectForMs = durationOf(breaker?.ejectFor) ?? limits.breaker.ejectForMs;
  return {
    consecutiveFailures: breaker?.consecutiveFailures ?? limits.breaker.consecutiveFailures,
    intervalMs: durationOf(breaker?.interval) ?? limits.breaker.intervalMs,
    ejectForMs,
    ejectForMsMax: durationOf(breaker?.maxEjectFor) ?? Math.max(ejectForMs, limits.breaker.ejectForMsMax),
    successRate: {
      percent: successRate?.percent ?? limits.breaker.successPercent,
      windowMs: durationOf(successRate?.window) ?? limits.breaker.successWindowMs,
      requestsMin: successRate?.minRequests ?? limits.breaker.successRequestsMin,
    },
    ejectedPercentMax: breaker?.maxEjected ?? limits.breaker.ejectedPercentMax,
    panicPercent: breaker?.panicThreshold ?? limits.breaker.panicPercent,
    maxConnections: breaker?.maxConnections ?? limits.agent.connectionsPerEndpointMax,
    maxRequests: breaker?.maxRequests ?? limits.breaker.inFlightMax,
    maxPending: breaker?.maxPending ?? limits.agent.pendingMax,
    ...(breaker?.requestsPerConnection !== undefined && { requestsPerConnection: breaker.requestsPerConnection }),
  };
}

function durationOf(text: string | undefined): number | undefined {
  return text === undefined ? undefined : parseDurationMs(text);
}
