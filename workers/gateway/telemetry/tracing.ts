/** Begins what is recorded of a request: by a recorder that is loaded by the first request whose plan has traces, or tells times. */
import type { CounterState } from "../../../shared/policy/counters.ts";
import type { Soon } from "../cache/cache-store.ts";
import type { Context } from "../upstream/context.ts";
import type { GatewayEnv } from "../upstream/exchange.ts";

export class Tracing {
  readonly #counters: CounterState;
  #record: typeof import("./span-tracer.ts").recordRequest | undefined;

  /** @param counters get exemplars */
  constructor(counters: CounterState) {
    this.#counters = counters;
  }

  /** Of a request whose plan is known. */
  begin(c: Context<GatewayEnv>): Soon<undefined> {
    const { telemetry } = c.get("held").plan;
    if (telemetry === undefined || (telemetry.traces === undefined && telemetry.serverTiming !== true))
      return undefined;
    if (this.#record !== undefined) return this.#record(c, telemetry, this.#counters);
    return import("./span-tracer.ts").then(({ recordRequest }) => {
      this.#record = recordRequest;
      return recordRequest(c, telemetry, this.#counters);
    });
  }
}
