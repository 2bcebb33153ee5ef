/** What is counted of limits for operators. */
import { limits } from "../../../shared/limits.ts";
import { type CounterState, newCounters, type Series, seriesOf } from "../../../shared/policy/counters.ts";
import { newSeldom, type Seldom, stepSeldom } from "../../../shared/policy/seldom.ts";
import type { RateLimitSettings } from "../../../shared/policy/settings.ts";
import { placeOf } from "./limit-call.ts";

type Counts = Series<"limit">["counts"];

export class LimitCounts {
  readonly counters: CounterState;
  /** Settings live as long as their plan. */
  readonly #known = new WeakMap<RateLimitSettings, { readonly counts: Counts; readonly line: Seldom }>();

  constructor(counters: CounterState = newCounters()) {
    this.counters = counters;
  }

  of(route: string, settings: RateLimitSettings): Counts {
    return this.#find(route, settings).counts;
  }

  /** A request that could not be counted: it is for the next report, and seldom for the log. */
  uncounted(route: string, settings: RateLimitSettings): void {
    const { counts, line } = this.#find(route, settings);
    const { name, onFailure } = settings;
    counts[onFailure]++;
    this.counters.urgent = true;
    const requests = stepSeldom(line, Date.now(), limits.counters.lineEveryMs);
    if (requests === 0) return;
    const reason = `limit ${name} of route ${route} did not answer`;
    console.warn(JSON.stringify({ kind: "limit", reason, answered: onFailure, requests }));
  }

  #find(route: string, settings: RateLimitSettings): { readonly counts: Counts; readonly line: Seldom } {
    const known = this.#known.get(settings);
    if (known !== undefined) return known;
    const made = {
      counts: seriesOf(this.counters, "limit", placeOf(route, settings), settings.name).counts,
      line: newSeldom(),
    };
    this.#known.set(settings, made);
    return made;
  }
}
