/** The span of one request to one endpoint. */
import { GRPC_STATUS, parseGrpcStatus } from "../../shared/http/grpc-call.ts";
import { KEPT } from "../../shared/http/header-names.ts";
import { type AttemptSpan, SPAN_ID_DIGITS } from "../../shared/telemetry/span-trace.ts";
import type { ClusterEndpoint } from "../discovery/cluster-endpoint.ts";
import type { Cluster } from "../discovery/clusters.ts";
import type { Call } from "../proxy/call.ts";
import type { ResponseHead } from "../proxy/engine.ts";
import { randomDigits } from "../telemetry/random-digits.ts";

/**
 * @param nowMs monotonic
 * @param resend requests that were sent before it for the same call
 * @returns undefined when nothing is told of the call
 */
export function attemptSpan(
  { spans }: Call,
  { service }: Cluster,
  { endpoint }: ClusterEndpoint,
  nowMs: number,
  resend: number,
  isHedge: boolean,
): AttemptSpan | undefined {
  if (spans === undefined) return undefined;
  const { host: address, port, instance } = endpoint;
  const to = { resend, isHedge, peer: service, endpoint: instance, address, port };
  return spans.attempt(randomDigits(SPAN_ID_DIGITS), nowMs, to);
}

/**
 * @param span undefined: nothing is told of it
 * @param head of the answer; by gRPC also with its trailers instead of its fields
 * @param error what the answer means where an agent made it
 */
export function hearAnswer(call: Call, span: AttemptSpan | undefined, head: ResponseHead, error?: string): void {
  if (span === undefined) return;
  const { status, fields } = head;
  span.answered(status, call.isGrpc ? parseGrpcStatus(fields.get(GRPC_STATUS)) : undefined, error);
  if (call.spans !== undefined && fields.has(KEPT)) call.spans.keptBy ??= "callee";
}
