import type { TargetConfig, UpstreamConfig } from "../config/schema-upstreams.ts";
import { parseDurationMs } from "../config/units.ts";
import { limits } from "../limits.ts";
import type { HealthSettings, TargetSettings, UpstreamSettings } from "../policy/upstream-settings.ts";
import { compileBalance, compileBreaker } from "./compile-balance.ts";
import { compileHedge } from "./compile-hedge.ts";
import { compileRetries } from "./compile-retries.ts";

/** Of one of `gateway.upstreams`. */
export function compileUpstream(config: UpstreamConfig, name: string): UpstreamSettings {
  const timeoutMs = durationOf(config.timeout);
  return {
    targets: config.targets.map((target) => compileTarget(target, name)),
    balance: compileSpread(config.balance),
    retries: compileRetries(config.retries, "http"),
    breaker: compileEjection(config.breaker),
    ...(config.hedge !== undefined && { hedge: compileHedge(config.hedge) }),
    ...(timeoutMs !== undefined && { timeoutMs }),
    ...(config.deadlineHeader !== undefined && { deadlineHeader: config.deadlineHeader.toLowerCase() }),
    ...(config.health !== undefined && { health: compileHealth(config.health) }),
  };
}

function compileTarget(target: TargetConfig, upstream: string): TargetSettings {
  const { url, binding, mtls, weight, failover } = typeof target === "string" ? { url: target } : target;
  const by = binding ?? mtls;
  // A binding leads to one place whatever the host; that is what it sees as its own.
  const base = new URL(url ?? `http://${upstream}`);
  const told = base.origin + base.pathname.replace(/\/+$/, "");
  return {
    name: [by, url === undefined ? undefined : told].filter((one) => one !== undefined).join(" "),
    url: told,
    ...(by !== undefined && { binding: by }),
    weight: weight ?? 1,
    group: failover === undefined ? 0 : Number(failover),
  };
}

function compileSpread(balance: UpstreamConfig["balance"]): UpstreamSettings["balance"] {
  const { sufficient, hash, ...rest } = balance ?? {};
  const { ip, claim, ...source } = hash ?? {};
  const spread = compileBalance({ ...rest, ...(ip === undefined && hash !== undefined && { hash: source }) });
  const sufficientPercent = sufficient ?? limits.upstreams.sufficientPercent;
  const own = ip === true ? { ip } : claim === undefined ? undefined : { claim };
  return { ...spread, ...(own !== undefined && { hash: own }), sufficientPercent };
}

function compileEjection(breaker: UpstreamConfig["breaker"]): UpstreamSettings["breaker"] {
  const { shared, ...rest } = breaker ?? {};
  const { maxConnections: _, maxPending: __, ...ejection } = compileBreaker(rest);
  return { ...ejection, ...(shared === true && { shared }) };
}

function compileHealth(health: NonNullable<UpstreamConfig["health"]>): HealthSettings {
  const bounds = limits.upstreams;
  const { status, contains } = health.expect ?? {};
  const intervalMs = durationOf(health.interval) ?? bounds.checkIntervalMs;
  return {
    method: health.method ?? "GET",
    path: health.path,
    intervalMs,
    timeoutMs: durationOf(health.timeout) ?? Math.min(bounds.checkTimeoutMs, intervalMs),
    healthyAfter: health.healthyAfter ?? bounds.healthyAfter,
    unhealthyAfter: health.unhealthyAfter ?? bounds.unhealthyAfter,
    ...(status !== undefined && { statuses: [...new Set(status)].sort((one, other) => one - other) }),
    ...(contains !== undefined && { contains }),
  };
}

function durationOf(text: string | undefined): number | undefined {
  return text === undefined ? undefined : parseDurationMs(text);
}
