import type { Identity } from "../../../shared/identity/identity.ts";
import { limits } from "../../../shared/limits.ts";
import { type CounterState, OTHERS, type Series, seriesOf } from "../../../shared/policy/counters.ts";
import { countAnswer } from "../../../shared/policy/usage-counters.ts";
import { ANONYMOUS, labelOf } from "./caller-name.ts";

type Counts = Series<"usage">["counts"];

/** Who uses which route, how that ends, and how long it takes. A request whose series is known costs two look-ups in maps. */
export class UsageCounts {
  readonly #counters: CounterState;
  /** By route, then by consumer and plan. */
  readonly #routes = new Map<string, Map<string, Counts>>();
  #callers = 0;

  constructor(counters: CounterState) {
    this.#counters = counters;
  }

  /**
   * @param route empty: the request met none
   * @param identity undefined: it was not asked for
   */
  count(route: string, identity: Identity | undefined, status: number, tookMs: number): void {
    const counts = this.#of(route, identity);
    countAnswer(counts, status, tookMs);
    if (status === 429) counts.limited++;
    else if (status === 401 || status === 403) counts.denied++;
  }

  #of(route: string, identity: Identity | undefined): Counts {
    let callers = this.#routes.get(route);
    if (callers === undefined) {
      callers = new Map();
      this.#routes.set(route, callers);
    }
    const consumer = consumerOf(identity);
    const plan = identity?.plan ?? "";
    const caller = plan === "" ? consumer : `${consumer}\n${plan}`;
    return callers.get(caller) ?? this.#make(callers, caller, [route, consumer, plan]);
  }

  #make(callers: Map<string, Counts>, caller: string, [route, consumer, plan]: [string, string, string]): Counts {
    const isKnown = this.#callers < limits.usage.isolateCallersMax;
    // Those of whom nothing is known are one to a route: there are as many as routes, and they are told apart always.
    if (!isKnown && caller !== ANONYMOUS && caller !== "")
      return seriesOf(this.#counters, "usage", route, OTHERS, OTHERS).counts;
    const made = seriesOf(this.#counters, "usage", route, labelOf(consumer), labelOf(plan)).counts;
    callers.set(caller, made);
    this.#callers++;
    return made;
  }
}

/** Empty: nothing says whom a known caller belongs to. People are not told apart: there are too many, and it is their business. */
function consumerOf(identity: Identity | undefined): string {
  if (identity === undefined || identity.method === "anonymous") return ANONYMOUS;
  const { consumer, method, sub } = identity;
  return consumer ?? (PROGRAMS.has(method) ? sub : "");
}

/** What programs prove themselves by, not people. */
const PROGRAMS: ReadonlySet<Identity["method"]> = new Set(["api-key", "certificate", "signature", "webhook"]);
