import type { IdempotencyConfig } from "../config/schema-idempotency.ts";
import { parseDurationMs, parseSizeBytes } from "../config/units.ts";
import { limits } from "../limits.ts";
import type { IdempotencySettings } from "../policy/idempotency.ts";
import { IDEMPOTENCY_KEY, IDEMPOTENCY_METHODS } from "../policy/idempotency-key.ts";
import { sorted } from "./sorted.ts";

export function compileIdempotency(config: IdempotencyConfig): IdempotencySettings {
  const { ttl, methods, header, fingerprintHeaders = [], maxResponse, wait, documentation } = config;
  const waitMs = wait === undefined ? undefined : parseDurationMs(wait);
  const bytesMax = maxResponse === undefined ? undefined : parseSizeBytes(maxResponse);
  return {
    required: config.required ?? false,
    ttlMs: (ttl === undefined ? undefined : parseDurationMs(ttl)) ?? limits.idempotency.ttlMs,
    methods: sorted(methods ?? IDEMPOTENCY_METHODS),
    header: (header ?? IDEMPOTENCY_KEY).toLowerCase(),
    unquoted: config.unquoted ?? false,
    fingerprintHeaders: sorted(fingerprintHeaders.map((name) => name.toLowerCase())),
    answerBytesMax: bytesMax ?? limits.idempotency.answerBytesMax,
    ...(waitMs !== undefined && { waitMs }),
    onUnknown: config.onUnknown ?? "refuse",
    ...(documentation !== undefined && { documentation }),
    ...(config.mode === "shadow" && { mode: config.mode }),
  };
}
