import type { Path } from "../config/problem.ts";
import { formatDuration } from "../config/units.ts";
import { type ExplainStep, step } from "./explain-step.ts";
import type { ServicePlan } from "./plan.ts";

const SPOKEN = { http: "HTTP/1.1", http2: "HTTP/2", grpc: "gRPC", tcp: "TCP" } as const;

/** What the application speaks, and how long its streams may stand still, where the document says something of it. */
export function explainProtocol({ protocol, streamIdleMs }: ServicePlan, at: Path): ExplainStep[] {
  if (protocol === "http" && streamIdleMs === undefined) return [];
  const idle =
    streamIdleMs === undefined
      ? ""
      : `, streams may stand still ${streamIdleMs === 0 ? "for ever" : `for ${formatDuration(streamIdleMs)}`}`;
  const limited = protocol === "grpc" ? "; at the edge it is called by gRPC-Web, which agents turn into gRPC" : "";
  return [step("protocol", "note", `the application speaks ${SPOKEN[protocol]}${idle}${limited}`, [...at, "protocol"])];
}
