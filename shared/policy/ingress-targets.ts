/** The mesh's ingress agents as the targets of one upstream, and what becomes of a request that one of them did not take. */
import { limits } from "../limits.ts";
import type { RetrySettings } from "./settings.ts";
import type { UpstreamSettings } from "./upstream-settings.ts";

/** One that is not reached gives way to another where the request may be repeated; there is none for answers of services. */
const RETRIES: RetrySettings = { attempts: 1, on: ["connect-failure", "reset"] };

/** @param addresses as `HOST:PORT` */
export function ingressUpstream(addresses: readonly string[]): UpstreamSettings {
  const { breaker, upstreams } = limits;
  return {
    targets: addresses.map((name) => ({ name, url: name, weight: 1, group: 0 })),
    // How long an answer takes is its service's doing, and calls of clients that went away never say that they are over.
    balance: { policy: "round-robin", sufficientPercent: upstreams.sufficientPercent },
    retries: RETRIES,
    breaker: {
      consecutiveFailures: breaker.consecutiveFailures,
      intervalMs: breaker.intervalMs,
      ejectForMs: breaker.ejectForMs,
      ejectForMsMax: breaker.ejectForMsMax,
      successRate: { percent: 0, windowMs: breaker.successWindowMs, requestsMin: breaker.successRequestsMin },
      ejectedPercentMax: breaker.ejectedPercentMax,
      panicPercent: breaker.panicPercent,
      maxRequests: Number.MAX_SAFE_INTEGER,
    },
  };
}
