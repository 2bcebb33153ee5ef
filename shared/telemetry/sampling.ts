/** Which spans are kept: by a share of the traces, decided where a trace begins, and by what a hop sees of failures. */
import type { TracesSettings } from "./settings.ts";

/** Of the 56 random bits of a trace id (Trace Context level 2) the first 32 decide, as in OpenTelemetry's consistent sampling. */
const RANDOM_FROM = 18;
const RANDOM_TO = 26;
const RANGE = 2 ** 32;

/**
 * Whether a trace is of the share that is kept: whoever is asked about the same trace says the same, and who keeps more keeps those
 * of who keeps less, too.
 * @param traceId 32 hex digits, of them the last 14 random
 * @param ratio 0 to 1
 */
export function isSampled(traceId: string, ratio: number): boolean {
  return Number.parseInt(traceId.slice(RANDOM_FROM, RANDOM_TO), 16) >= (1 - ratio) * RANGE;
}

/** Statuses of gRPC that tell of a fault of the server (semantic conventions for gRPC): the others are the caller's, or an answer. */
const GRPC_FAULTS: readonly number[] = [2, 4, 12, 13, 14, 15];

/** @param status of the answer; 0: there was none */
export function isFailure(status: number, grpcStatus: number | undefined): boolean {
  return status === 0 || status >= 500 || (grpcStatus !== undefined && GRPC_FAULTS.includes(grpcStatus));
}

/** Why a hop keeps a span that its trace's beginning did not choose; undefined: it does not. */
export type KeptBy = "error" | "slow";

export function keptBy(failed: boolean, tookMs: number, { errors, slowMs }: TracesSettings): KeptBy | undefined {
  if (failed && errors) return "error";
  return slowMs !== undefined && tookMs >= slowMs ? "slow" : undefined;
}
