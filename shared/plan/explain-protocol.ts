import type { Path } from "../config/problem.ts";
import { formatDuration } from "../config/units.ts";
import { grpcCallOf } from "../http/grpc-answer.ts";
import { type ExplainStep, step } from "./explain-step.ts";
import type { ServicePlan } from "./plan.ts";

const SPOKEN = { http: "HTTP/1.1", http2: "HTTP/2", grpc: "gRPC", tcp: "TCP" } as const;

/**
 * What the application speaks, and how long its streams may stand still, where the document says something of it.
 * @param contentType of the request
 */
export function explainProtocol(
  { protocol, streamIdleMs }: ServicePlan,
  at: Path,
  contentType: string | undefined,
): ExplainStep[] {
  if (protocol === "http" && streamIdleMs === undefined) return [];
  const idle =
    streamIdleMs === undefined
      ? ""
      : `, streams may stand still ${streamIdleMs === 0 ? "for ever" : `for ${formatDuration(streamIdleMs)}`}`;
  const called = protocol === "grpc" ? `; ${describeCall(contentType)}` : "";
  return [step("protocol", "note", `the application speaks ${SPOKEN[protocol]}${idle}${called}`, [...at, "protocol"])];
}

function describeCall(contentType: string | undefined): string {
  const call = grpcCallOf("POST", contentType ?? null);
  if (call === undefined)
    return "from outside it is called by gRPC-Web, or by gRPC where a front is before the gateway";
  if (call.kind !== "grpc") return "its agents turn this call by gRPC-Web into gRPC";
  return "a front sends this call by gRPC on as gRPC-Web, a gateway without one refuses it (grpc_needs_trailers)";
}
