/** Refuses what comes when this agent leaves or its application is gone; callers' agents then go elsewhere. */
import { SelvageError } from "../../shared/errors.ts";
import type { Stage } from "../proxy/call.ts";

export class Gate {
  /** Set: nothing passes any more. */
  refuseBy: "draining" | "app_unreachable" | undefined;
  /** Monotonic milliseconds of the last request. */
  lastRequestMs = 0;
}

export function drainGate(gate: Gate): Stage {
  return (call, next) => {
    gate.lastRequestMs = call.arrivedAtMs;
    if (gate.refuseBy === "draining") throw new SelvageError("draining", "this agent is stopping");
    if (gate.refuseBy !== undefined) throw new SelvageError(gate.refuseBy, "the application has ended");
    next();
  };
}
