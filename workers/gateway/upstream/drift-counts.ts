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
  /** How many of them are of one side of an operation: schemas that contain themselves have places without end. */
  readonly #knownOf = new Map<string, number>();

  constructor(counters: CounterState) {
    this.#counters = counters;
  }

  verdict(route: string, side: Side, verdict: CounterOf<"validation">): void {
    seriesOf(this.#counters, "validation", route, side).counts[verdict]++;
  }

  /** One request or answer in which something was found, at each place once. */
  found({ route, operation = NONE, side, isKnown }: FoundIn, findings: readonly Finding[]): void {
    this.verdict(route, side, "invalid");
    const at = [route, operation, side].join("\n");
    const told = new Set<string>();
    for (const finding of findings) {
      const place = printable(placeOf(finding, isKnown));
      const key = [at, place, finding.keyword].join("\n");
      if (told.has(key)) continue;
      told.add(key);
      const where = this.#isApart(at, key) ? [place, finding.keyword] : [OTHERS, OTHERS];
      const labels = this.#knownOf.has(at) ? [printable(operation), side, ...where] : ALL_OTHERS;
      seriesOf(this.#counters, "drift", route, ...labels).counts.requests++;
    }
  }

  /** @param at side of an operation @param key a place of it */
  #isApart(at: string, key: string): boolean {
    if (this.#known.has(key)) return true;
    const { isolatePlacesMax, operationPlacesMax } = limits.validation;
    const count = this.#knownOf.get(at) ?? 0;
    if (this.#known.size >= isolatePlacesMax || count >= operationPlacesMax) return false;
    this.#known.add(key);
    this.#knownOf.set(at, count + 1);
    return true;
  }
}

const ALL_OTHERS = [OTHERS, OTHERS, OTHERS, OTHERS];

/** A report to the control plane holds printable ASCII, and `*` alone stands for all others. */
function printable(text: string): string {
  const ascii = text.toWellFormed().replace(/[^\x20-\x7e]+/g, encodeURIComponent);
  return ascii === OTHERS ? `${ascii} ` : ascii;
}
