/** What a service speaks, and the times that depend on it. */
import type { ServiceConfig } from "../config/schema.ts";
import { parseDurationMs } from "../config/units.ts";
import { limits } from "../limits.ts";
import type { ServicePlan, ServiceProtocol } from "./plan.ts";

type Spoken = Pick<ServiceConfig, "protocol" | "timeout" | "streamIdle">;

export function compileProtocol({ protocol }: Spoken): ServiceProtocol {
  return protocol ?? "http";
}

/** A stream of gRPC may last for days, and its caller says when it is over. @returns milliseconds; 0: none */
export function compileTimeout({ protocol, timeout }: Spoken): number {
  const byDefault = protocol === "grpc" ? 0 : limits.agent.requestTimeoutMs;
  return timeout === undefined ? byDefault : (parseDurationMs(timeout) ?? byDefault);
}

/** Streams of gRPC may stand still; others as the engines have it, unless the document says otherwise. */
export function compileStreamIdle({ protocol, streamIdle }: Spoken): Pick<ServicePlan, "streamIdleMs"> {
  if (streamIdle === undefined) return protocol === "grpc" ? { streamIdleMs: 0 } : {};
  return { streamIdleMs: streamIdle === "off" ? 0 : (parseDurationMs(streamIdle) ?? 0) };
}
