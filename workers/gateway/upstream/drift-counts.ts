import { type Finding, placeOf } from "../../../shared/contract/finding.ts";
import { limits } from "../../../shared/limits.ts";
import { type CounterOf, type CounterState, OTHERS, seriesOf } from "../../../shared/policy/counters.ts";

/** Where findings were made. */
export interface FoundIn {
  readonly route: string;
  /** Undefined: the request asks for none. */
  readonly operation: string | undefined;
  readonly side: Side;
  readonly isKnown: (name: string) => boolean;
}

type Side = "request" | "response";

/** What stands for the operation where there is none. */
const NONE = "-";

/** What isolates count of validation, so many places apart that they push out no other counter. */
export class DriftCounts {
  readonly #counters: CounterState;
  readonly #known = new Set<string>();

  constructor(counters: CounterState) {
    this.#counters = counters;
  }

  verdict(route: string, side: Side, verdict: CounterOf<"validation">): void {
    seriesOf(this.#counters, "validation", route, side).counts[verdict]++;
  }

  /** One request or answer in which something was found, at each place once. */
  found({ route, operation = NONE, side, isKnown }: FoundIn, findings: readonly Finding[]): void {
    this.verdict(route, side, "invalid");
    const told = new Set<string>();
    for (const finding of findings) {
      const place = printable(placeOf(finding, isKnown));
      const key = [route, operation, side, place, finding.keyword].join("\n");
      if (told.has(key)) continue;
      told.add(key);
      const labels = this.#isApart(key) ? [printable(operation), side, place, finding.keyword] : ALL_OTHERS;
      seriesOf(this.#counters, "drift", route, ...labels).counts.requests++;
    }
  }

  #isApart(key: string): boolean {
    if (this.#known.has(key)) return true;
    if (this.#known.size >= limits.validation.isolatePlacesMax) return false;
    this.#known.add(key);
    return true;
  }
}

const ALL_OTHERS = [OTHERS, OTHERS, OTHERS, OTHERS];

/** A report to the control plane holds printable ASCII, and `*` alone stands for all others. */
function printable(text: string): string {
  const ascii = text.toWellFormed().replace(/[^\x20-\x7e]+/g, encodeURIComponent);
  return ascii === OTHERS ? `${ascii} ` : ascii;
}
