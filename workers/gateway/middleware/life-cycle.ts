import { SelvageError } from "../../../shared/errors.ts";
import { limits } from "../../../shared/limits.ts";
import { type CounterState, OTHERS, seriesOf } from "../../../shared/policy/counters.ts";
import {
  errorOfLifeCycle,
  isDeprecated,
  judgeLifeCycle,
  type LifeCycle,
  lifeCycleFields,
} from "../../../shared/policy/life-cycle.ts";
import { tellAnswer } from "../upstream/answer-headers.ts";
import { callerOf } from "../upstream/caller-name.ts";
import type { Context } from "../upstream/context.ts";
import type { GatewayEnv } from "../upstream/exchange.ts";
import type { Stage } from "../upstream/stages.ts";
import { notePassed, noteWouldRefuse } from "../upstream/would-refuse.ts";

/**
 * Tells clients that a route is deprecated or ends, refuses them when it is over or on trial, and counts who still calls. It stands
 * behind authentication: before it nobody is known, and strangers are told nothing.
 */
export function lifeCycle(counters: CounterState): Stage {
  const callers = new DeprecatedCalls(counters);
  return {
    enter: (c) => {
      const { name, lifeCycle: settings } = c.get("route");
      if (settings !== undefined) live(c, name, settings, counters, callers);
      return undefined;
    },
  };
}

function live(
  c: Context<GatewayEnv>,
  name: string,
  settings: LifeCycle,
  counters: CounterState,
  calls: DeprecatedCalls,
): void {
  const nowMs = c.get("arrivedAtMs");
  tellAnswer(c, lifeCycleFields(settings, c.get("params")));
  if (isDeprecated(settings, nowMs)) calls.count(name, callerOf(c.get("identity")));
  const verdict = judgeLifeCycle(settings, nowMs, Math.random());
  if (settings.mode === "shadow") {
    if (verdict.kind === "pass") notePassed(c, counters, "lifecycle");
    else noteWouldRefuse(c, counters, { policy: "lifecycle", error: errorOfLifeCycle(verdict) });
    return;
  }
  if (verdict.kind === "over") throw new SelvageError("route_ended", `the route ${name} has ended`);
  if (verdict.kind === "pass") return;
  tellAnswer(c, [["retry-after", String(Math.ceil((verdict.endsAtMs - nowMs) / 1000))]]);
  throw new SelvageError(
    "brownout",
    `the route ${name} is browned out until ${new Date(verdict.endsAtMs).toISOString()}`,
  );
}

/** Calls of deprecated routes by caller, so many callers apart that those who come up with names push out no other counter. */
class DeprecatedCalls {
  readonly #counters: CounterState;
  readonly #known = new Set<string>();

  constructor(counters: CounterState) {
    this.#counters = counters;
  }

  count(route: string, caller: string): void {
    const key = `${route}\n${caller}`;
    const isKnown = this.#known.has(key);
    if (!isKnown && this.#known.size < limits.lifeCycle.isolateCallersMax) this.#known.add(key);
    const told = isKnown || this.#known.has(key) ? caller : OTHERS;
    seriesOf(this.#counters, "deprecated", route, told).counts.requests++;
  }
}
