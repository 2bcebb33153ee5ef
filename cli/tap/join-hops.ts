/** Hops of one trace under the request that was shown: they come from several places, and not in order. */
import type { TapEntry } from "../../shared/policy/tap-entry.ts";
import type { TapMatch } from "../../shared/policy/tap-filter.ts";

/** A request and its other hops, in the order of their beginning. */
export interface Joined {
  readonly request: TapEntry;
  readonly hops: readonly TapEntry[];
}

interface Waiting {
  readonly request: TapEntry;
  readonly sinceMs: number;
  readonly hops: TapEntry[];
}

export class HopJoiner {
  readonly #matches: TapMatch;
  readonly #waitMs: number;
  readonly #waiting: Waiting[] = [];

  /** @param waitMs how long a request waits for its hops; 0: none is joined */
  constructor(matches: TapMatch, waitMs: number) {
    this.#matches = matches;
    this.#waitMs = waitMs;
  }

  add(entries: readonly TapEntry[], nowMs: number): void {
    for (const request of entries.filter(this.#matches)) this.#waiting.push({ request, sinceMs: nowMs, hops: [] });
    for (const hop of entries) {
      if (this.#matches(hop)) continue;
      // Of a request that was shown already it is too late.
      for (const one of this.#waiting) if (one.request.traceId === hop.traceId) one.hops.push(hop);
    }
  }

  /** Requests that have waited long enough. @param all those that have not, too */
  take(nowMs: number, all = false): Joined[] {
    const ready = this.#waiting.filter(({ sinceMs }) => all || nowMs - sinceMs >= this.#waitMs);
    for (const one of ready) this.#waiting.splice(this.#waiting.indexOf(one), 1);
    return ready.map(({ request, hops }) => ({ request, hops: hops.sort(byTime) }));
  }
}

/** Of equal times, the longer one is around the other. */
function byTime(a: TapEntry, b: TapEntry): number {
  return Date.parse(a.time) - Date.parse(b.time) || b.durationMs - a.durationMs;
}
