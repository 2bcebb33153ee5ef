import type { TraceContext } from "../../shared/http/trace-context.ts";
import type { Call } from "../proxy/call.ts";
import type { Direction } from "./metrics.ts";

/** Sees every call of the agent. */
export interface Tracer {
  /** Sets the call's trace, and what of its answer tells others. */
  begin(call: Call, hop: Direction, parent: TraceContext | undefined): void;
  /** @param durationMs from its arrival to its end */
  end(call: Call, hop: Direction, durationMs: number): void;
  close(): Promise<void>;
}
