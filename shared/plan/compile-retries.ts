import type { RetriesConfig } from "../config/schema-retries.ts";
import { parseDurationMs } from "../config/units.ts";
import { limits } from "../limits.ts";
import type { RetryOn, RetrySettings } from "../policy/settings.ts";
import type { ServiceProtocol } from "./plan.ts";
import { sorted } from "./sorted.ts";

const DEFAULT: readonly RetryOn[] = ["connect-failure", "gateway-error", "reset"];

const GRPC_DEFAULT: readonly RetryOn[] = ["connect-failure", "reset", "unavailable"];

/** Of a service's `retries`. */
export function compileRetries(retries: RetriesConfig | undefined, protocol: ServiceProtocol): RetrySettings {
  const perTryMs = durationOf(retries?.perTry);
  const on = retries?.on ?? (protocol === "grpc" ? GRPC_DEFAULT : DEFAULT);
  const statuses = [...new Set(on.filter((one) => typeof one === "number"))].sort((one, other) => one - other);
  const baseMs = durationOf(retries?.backoff?.base);
  return {
    attempts: retries?.attempts ?? limits.agent.retriesDefault,
    ...(perTryMs !== undefined && { perTryMs }),
    on: sorted(on.filter((one): one is RetryOn => typeof one === "string")),
    ...compileIdempotent(retries?.idempotent),
    ...(statuses.length > 0 && { statuses }),
    ...(baseMs !== undefined && {
      backoff: { baseMs, maxMs: durationOf(retries?.backoff?.max) ?? limits.agent.retryBackoffGrowth * baseMs },
    }),
  };
}

function compileIdempotent(idempotent: RetriesConfig["idempotent"]): Pick<RetrySettings, "idempotent"> {
  if (idempotent === undefined || idempotent === false) return {};
  return { idempotent: idempotent === true ? true : sorted([...new Set(idempotent)]) };
}

function durationOf(text: string | undefined): number | undefined {
  return text === undefined ? undefined : parseDurationMs(text);
}
