import type { CounterState } from "../../../shared/policy/counters.ts";
import { CallCounts } from "./call-counts.ts";
import type { CallContext, UpstreamCall } from "./call-upstream.ts";
import type { Context } from "./context.ts";
import type { GatewayEnv } from "./exchange.ts";
import type { TargetCalls } from "./target-calls.ts";

/** Calls the upstreams of the plan. What it takes is loaded by the first request to one: most plans have none. */
export class Upstreams {
  readonly #isolate: string;
  readonly #counters: CounterState;
  #calls: TargetCalls | undefined;
  /** Of calls to upstreams and to all else. */
  readonly counts: CallCounts;

  /** @param isolate its random name */
  constructor(isolate: string, counters: CounterState) {
    this.#isolate = isolate;
    this.#counters = counters;
    this.counts = new CallCounts(counters);
  }

  /**
   * The answer of one of the upstream's targets, its body not yet read.
   * @throws SelvageError when there is none
   */
  async call(c: Context<GatewayEnv>, call: UpstreamCall, context: CallContext): Promise<Response> {
    if (this.#calls === undefined) {
      const { TargetCalls: Calls } = await import("./target-calls.ts");
      this.#calls ??= new Calls(this.#isolate, this.#counters);
    }
    return this.#calls.call(c, call, context);
  }
}
