/** What an isolate hears of an upstream from checks and from other isolates. It asks beside requests, and never without any. */
import { beginConfirming, endConfirming, neverConfirmed } from "../../../shared/auth/shard-confirmation.ts";
import { limits } from "../../../shared/limits.ts";
import type { MonitorAnswer, MonitorQuestion } from "../../../shared/policy/upstream-monitor.ts";
import type { UpstreamState } from "../../../shared/policy/upstream-targets.ts";
import type { Env } from "../env.ts";
import { within } from "./wait.ts";

const { askAfterMs, askWithinMs, askRetryMs, believedForMs } = limits.upstreams;
const settings = { confirmAfterMs: askAfterMs, shardWaitMs: askWithinMs, confirmRetryMs: askRetryMs };

/** What is asked about, as it is known when the answer comes. */
interface Known {
  readonly name: string;
  readonly state: UpstreamState;
}

export interface AskBy {
  readonly env: Pick<Env, "UPSTREAMS">;
  readonly ctx: Pick<ExecutionContext, "waitUntil">;
  /** Of the plan. */
  readonly version: number;
  readonly isolate: string;
}

export class TargetKnowledge {
  readonly #confirmation = neverConfirmed();
  #heardAtMs = 0;

  /** The others are to hear of an ejection with the next request. */
  hasNews(): void {
    this.#confirmation.confirmedAtMs = 0;
  }

  /** Asks when that is due, and forgets what is too old. Waits for nothing. */
  refresh(upstream: Known, by: AskBy, nowMs: number): void {
    const { health, breaker } = upstream.state.settings;
    if (health === undefined && breaker.shared === undefined) {
      if (this.#heardAtMs !== 0) this.#forget(upstream.state);
      return;
    }
    if (this.#heardAtMs !== 0 && Math.abs(nowMs - this.#heardAtMs) > believedForMs) this.#forget(upstream.state);
    if (beginConfirming(this.#confirmation, settings, nowMs)) by.ctx.waitUntil(this.#ask(upstream, by, nowMs));
  }

  #forget({ targets }: UpstreamState): void {
    this.#heardAtMs = 0;
    for (const target of targets) {
      target.isUnwell = false;
      target.heldUntilMs = 0;
    }
  }

  async #ask(upstream: Known, { env, version, isolate }: AskBy, nowMs: number): Promise<void> {
    let answered = false;
    try {
      const question = questionOf(upstream.state, version, isolate, nowMs);
      const asked = env.UPSTREAMS.getByName(upstream.name).ask(question) as Promise<MonitorAnswer>;
      const answer = await within(asked, askWithinMs);
      if (answer === undefined) return;
      this.#take(upstream.state, answer, Date.now());
      this.#confirmation.confirmedAtMs = nowMs;
      answered = true;
    } catch (cause) {
      console.warn(JSON.stringify({ kind: "upstream", upstream: upstream.name, reason: String(cause) }));
    } finally {
      endConfirming(this.#confirmation, settings, answered, Date.now());
    }
  }

  #take({ targets, settings: { breaker } }: UpstreamState, { unwell, ejected }: MonitorAnswer, nowMs: number): void {
    this.#heardAtMs = nowMs;
    for (const target of targets) {
      const { name } = target.settings;
      target.isUnwell = unwell.includes(name);
      const held = breaker.shared === true ? ejected.find((one) => one.target === name) : undefined;
      target.heldUntilMs = held === undefined ? 0 : nowMs + Math.min(held.forMs, breaker.ejectForMsMax);
    }
  }
}

function questionOf(
  { targets, settings: { health, breaker, ...known } }: UpstreamState,
  version: number,
  isolate: string,
  nowMs: number,
): MonitorQuestion {
  const out = breaker.shared === true ? targets.filter(({ outlier }) => outlier.isOutlier) : [];
  const ejected = out
    .map(({ settings: { name }, outlier }) => ({ target: name, forMs: outlier.ejectedUntilMs - nowMs }))
    .filter(({ forMs }) => forMs > 0);
  return { isolate, version, targets: known.targets, ejected, ...(health !== undefined && { health }) };
}
