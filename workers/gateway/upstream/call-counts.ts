import { SelvageError } from "../../../shared/errors.ts";
import { type CounterState, type Series, seriesOf } from "../../../shared/policy/counters.ts";
import type { UpstreamTarget } from "../../../shared/policy/settings.ts";
import { countAnswer, countLatency } from "../../../shared/policy/usage-counters.ts";

/** How calls to what routes lead to end, and how long they take: services of the mesh, upstreams and origins of the document. */
export class CallCounts {
  readonly #counters: CounterState;
  /** By name; the plans have a bounded number of them. */
  readonly #known = new Map<string, Series<"call">["counts"]>();

  constructor(counters: CounterState) {
    this.#counters = counters;
  }

  /** Counts what becomes of a call. @param sentAtMs milliseconds since 1970 @returns the same answer */
  async watch(target: UpstreamTarget, answer: Promise<Response>, sentAtMs: number): Promise<Response> {
    try {
      const response = await answer;
      countAnswer(this.#of(target), response.status, Date.now() - sentAtMs);
      return response;
    } catch (error) {
      if (isUnanswered(error)) {
        const counts = this.#of(target);
        counts.noAnswer++;
        countLatency(counts, Date.now() - sentAtMs);
      }
      throw error;
    }
  }

  #of(target: UpstreamTarget): Series<"call">["counts"] {
    const name = nameOf(target);
    let counts = this.#known.get(name);
    if (counts === undefined) {
      counts = seriesOf(this.#counters, "call", name).counts;
      this.#known.set(name, counts);
    }
    return counts;
  }
}

function nameOf(target: UpstreamTarget): string {
  if ("service" in target) return target.service;
  return "upstream" in target ? target.upstream : target.origin;
}

/** A client that goes away, or what the gateway itself refuses, says nothing of the upstream. */
function isUnanswered(error: unknown): boolean {
  if (!(error instanceof SelvageError)) return false;
  const { source, status } = error.facts;
  return (source === "upstream" || source === "mesh") && status >= 500;
}
