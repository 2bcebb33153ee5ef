/** What this isolate knows of upstreams and their targets, and the calls that are made by it. */

import { SelvageError } from "../../../shared/errors.ts";
import { limits } from "../../../shared/limits.ts";
import { BoundedMap } from "../../../shared/policy/bounded-map.ts";
import { type CounterState, seriesOf } from "../../../shared/policy/counters.ts";
import { nameOfTarget } from "../../../shared/policy/settings.ts";
import type { UpstreamSettings } from "../../../shared/policy/upstream-settings.ts";
import { leaveTarget, newUpstream } from "../../../shared/policy/upstream-targets.ts";
import type { CallContext, UpstreamCall } from "./call-upstream.ts";
import type { Context } from "./context.ts";
import type { GatewayEnv } from "./exchange.ts";
import type { KnownUpstream } from "./known-upstream.ts";
import { TargetCall } from "./target-call.ts";
import { TargetKnowledge } from "./target-knowledge.ts";

export class TargetCalls {
  readonly #isolate: string;
  readonly #counters: CounterState;
  readonly #upstreams = new BoundedMap<KnownUpstream>(limits.upstreams.upstreamsMax);

  constructor(isolate: string, counters: CounterState) {
    this.#isolate = isolate;
    this.#counters = counters;
  }

  /** @throws SelvageError when there is no answer */
  call(c: Context<GatewayEnv>, call: UpstreamCall, context: CallContext): Promise<Response> {
    const name = nameOfTarget(call.target);
    const { plan, version, isCanary } = context.held;
    const settings =
      plan.upstreams !== undefined && Object.hasOwn(plan.upstreams, name) ? plan.upstreams[name] : undefined;
    if (settings === undefined) throw new SelvageError("internal", `the plan has no upstream ${name}`);
    const nowMs = Date.now();
    const upstream = this.#upstreamOf(name, settings, nowMs, isCanary === true);
    sweep(upstream, nowMs);
    upstream.knowledge.refresh(upstream, { env: c.env, ctx: c.executionCtx, version, isolate: this.#isolate }, nowMs);
    const calling = new TargetCall(upstream, c, call, context).run();
    // A client that leaves does not end the call, or nobody would hear of its end.
    c.executionCtx.waitUntil(calling.catch(() => undefined));
    return calling;
  }

  /** @param isCanary by the second of two versions, which take turns: it has settings of its own, and targets that both know together */
  #upstreamOf(name: string, settings: UpstreamSettings, nowMs: number, isCanary: boolean): KnownUpstream {
    const key = isCanary ? `${name}\n` : name;
    const known = this.#upstreams.get(key);
    if (known === undefined) {
      const { counts } = seriesOf(this.#counters, "upstream", name);
      const state = newUpstream(settings, nowMs, isCanary ? this.#upstreams.get(name)?.state : undefined);
      const made = { name, state, counts, open: new Map(), sweptAtMs: nowMs, knowledge: new TargetKnowledge() };
      this.#upstreams.set(key, made);
      return made;
    }
    if (known.state.settings !== settings) known.state = newUpstream(settings, nowMs, known.state);
    return known;
  }
}

function sweep(upstream: KnownUpstream, nowMs: number): void {
  if (nowMs - upstream.sweptAtMs < limits.upstreams.sweepMs) return;
  upstream.sweptAtMs = nowMs;
  const isLost = (endsAtMs: number): boolean => endsAtMs + limits.upstreams.sweepMs < nowMs;
  for (const [attempt, { target, endsAtMs }] of upstream.open)
    if (isLost(endsAtMs) && upstream.open.delete(attempt)) leaveTarget(target);
}
