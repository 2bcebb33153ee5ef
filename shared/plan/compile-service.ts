import type { ServiceConfig } from "../config/schema.ts";
import type { AccessConfig } from "../config/schema-access.ts";
import { WEIGHT_LABEL } from "../discovery/dns-records.ts";
import { limits } from "../limits.ts";
import type { AccessRule } from "../policy/settings.ts";
import { compileBalance, compileBreaker } from "./compile-balance.ts";
import { compileCallLimits } from "./compile-call-limits.ts";
import { compileDiscovery } from "./compile-discovery.ts";
import { compileFault } from "./compile-fault.ts";
import { compileHedge } from "./compile-hedge.ts";
import { compileProtocol, compileStreamIdle, compileTimeout } from "./compile-protocol.ts";
import { compileRetries } from "./compile-retries.ts";
import { compileConcurrency } from "./compile-shedding.ts";
import { compileMirror, compileTraffic } from "./compile-traffic.ts";
import type { ServicePlan } from "./plan.ts";
import { mapValues, sorted } from "./sorted.ts";

export function compileService(service: ServiceConfig): ServicePlan {
  const timeoutMs = compileTimeout(service);
  const discovery = compileDiscovery(service);
  return {
    port: service.port,
    protocol: compileProtocol(service),
    ...compileTunnels(service),
    ...compileStreamIdle(service),
    subsets: mapValues(service.subsets ?? {}, (labels) => mapValues(labels, (value) => value)),
    traffic: (service.traffic ?? []).map(compileTraffic),
    ...(service.mirror !== undefined && service.mirror.length > 0 && { mirror: service.mirror.map(compileMirror) }),
    ...(service.faults !== undefined && service.faults.length > 0 && { faults: service.faults.map(compileFault) }),
    timeoutMs,
    retries: compileRetries(service.retries, compileProtocol(service)),
    ...(service.hedge !== undefined && { hedge: compileHedge(service.hedge) }),
    breaker: compileBreaker(service.breaker),
    balance: balanceOf(service),
    ...(service.access !== undefined && { access: service.access.map(compileAccess) }),
    ...(discovery !== undefined && { discovery }),
    ...(service.shedding !== undefined && { shedding: compileConcurrency(service.shedding) }),
    ...(service.rateLimit !== undefined && {
      rateLimits: compileCallLimits(service.rateLimit, timeoutMs || limits.document.timeoutMsMax),
    }),
  };
}

/** What is found says its weight by a label of its own. */
function balanceOf({ balance, protocol, discovery }: ServiceConfig): ServicePlan["balance"] {
  const settings = compileBalance(balance ?? (protocol === "tcp" ? { policy: "least-request" } : undefined));
  return discovery === undefined ? settings : { weightLabel: WEIGHT_LABEL, ...settings };
}

function compileAccess({ from, scopes, methods, paths, claims, mode, audit }: AccessConfig): AccessRule {
  return {
    from,
    scopes: sorted(scopes ?? []),
    methods: sorted(methods ?? []),
    ...(paths !== undefined && { paths: sorted(paths) }),
    ...(claims !== undefined && Object.keys(claims).length > 0 && { claims: mapValues(claims, (value) => value) }),
    ...(mode === "shadow" && { mode }),
    ...(audit === true && { audit }),
  };
}

function compileTunnels({ outboundPort, upgrades }: ServiceConfig) {
  return {
    ...(outboundPort !== undefined && { outboundPort }),
    ...(upgrades !== undefined && { upgrades: sorted(upgrades.map((name) => name.toLowerCase())) }),
  };
}
