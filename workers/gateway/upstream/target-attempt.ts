/** One request on its way to one target of an upstream. */
import { SelvageError } from "../../../shared/errors.ts";
import { limits } from "../../../shared/limits.ts";
import { endingOfAnswer, endingOfFailure, type TargetEnding } from "../../../shared/policy/target-outcome.ts";
import {
  leaveTarget,
  noteOutcome,
  type TargetOutcome,
  type TargetState,
} from "../../../shared/policy/upstream-targets.ts";
import type { TargetFate } from "../../../shared/telemetry/span-trace.ts";
import type { KnownUpstream } from "./known-upstream.ts";

export interface AttemptSettings {
  readonly target: TargetState;
  /** It is sent while another has no answer yet. */
  readonly isHedge: boolean;
  /** When its target was chosen. */
  readonly sentAtMs: number;
  /** Until its answer's head. */
  readonly timeoutMs: number;
  /** Its body comes from the client as it goes: that there is no answer may be the client's doing. */
  readonly isStreaming: boolean;
  /** Is told what becomes of the target. */
  readonly fate: TargetFate;
}

/** @throws SelvageError when there is no answer */
export type SendAttempt = (target: TargetState, signal: AbortSignal) => Promise<Response>;

export class TargetAttempt {
  readonly target: TargetState;
  readonly isHedge: boolean;
  /** Itself, when it is over; never fails. */
  readonly over: Promise<TargetAttempt>;
  /** Set when it is over, one of the two. */
  response: Response | undefined;
  failure: unknown;
  /** How it ended; undefined: in a way that says nothing of the target. */
  ending: TargetEnding | undefined;
  readonly #upstream: KnownUpstream;
  readonly #timeoutMs: number;
  readonly #isStreaming: boolean;
  readonly #fate: TargetFate;
  readonly #sentAtMs: number;
  readonly #stop = new AbortController();
  readonly #isProbe: boolean;
  #isLate = false;
  #isNoted = false;

  constructor(upstream: KnownUpstream, settings: AttemptSettings, send: SendAttempt) {
    const { target, isHedge, sentAtMs, timeoutMs, isStreaming, fate } = settings;
    this.target = target;
    this.isHedge = isHedge;
    this.#upstream = upstream;
    this.#sentAtMs = sentAtMs;
    this.#timeoutMs = timeoutMs;
    this.#isStreaming = isStreaming;
    this.#fate = fate;
    this.#isProbe = target.outlier.probedAtMs === sentAtMs;
    upstream.open.set(this, { target, endsAtMs: this.#sentAtMs + timeoutMs });
    this.over = this.#run(send);
  }

  /** Another one answered first. One that hangs must not look as if nothing were wrong with it. */
  lose(): void {
    const tookMs = Date.now() - this.#sentAtMs;
    const hangs = this.#isProbe || tookMs >= limits.agent.timeoutBlamesMs;
    this.#note({ event: hangs ? "failure" : "abandoned", sentAtMs: this.#sentAtMs, tookMs });
    this.#stop.abort(new Error("another target answered first"));
    this.discard();
  }

  /** Its answer is not used. */
  discard(): void {
    void this.response?.body?.cancel().catch(() => undefined);
  }

  async #run(send: SendAttempt): Promise<TargetAttempt> {
    const timer = setTimeout(() => {
      this.#isLate = true;
      this.#stop.abort(new Error("the attempt's time is up"));
    }, this.#timeoutMs);
    try {
      this.response = await send(this.target, this.#stop.signal);
      this.ending = endingOfAnswer(this.response.status, this.response.headers.get("retry-after"), Date.now());
    } catch (cause) {
      this.failure = this.#isLate ? this.#tooLate(cause) : cause;
      this.ending = endingOfFailure(this.failure, this.#isLate);
    }
    clearTimeout(timer);
    if (this.#upstream.open.delete(this)) leaveTarget(this.target);
    this.#note(this.#outcome());
    // One that has lost by now has an answer that nobody waits for.
    if (this.#stop.signal.aborted) this.discard();
    return this;
  }

  #tooLate(cause: unknown): SelvageError {
    return new SelvageError("upstream_timeout", `no answer within ${this.#timeoutMs} ms`, { sent: "body", cause });
  }

  /** A time that the client's own deadline made short says nothing of the target, nor does a body that the client may not have sent. */
  #outcome(): TargetOutcome {
    const sentAtMs = this.#sentAtMs;
    const tookMs = Date.now() - sentAtMs;
    const { event = "abandoned", outcome, pauseMs, sent } = this.ending ?? {};
    if (this.#isStreaming && this.response === undefined && sent !== "none")
      return { event: "abandoned", sentAtMs, tookMs };
    const { retries, timeoutMs = Number.POSITIVE_INFINITY } = this.#upstream.state.settings;
    const fairMs = Math.min(retries.perTryMs ?? timeoutMs, limits.agent.timeoutBlamesMs);
    if (outcome?.kind === "timeout" && this.#timeoutMs < fairMs) return { event: "abandoned", sentAtMs, tookMs };
    return { event, sentAtMs, tookMs, ...(pauseMs !== undefined && { pauseMs }) };
  }

  #note(outcome: TargetOutcome): void {
    if (this.#isNoted) return;
    this.#isNoted = true;
    const { state, counts, knowledge } = this.#upstream;
    const nowMs = Date.now();
    if (!noteOutcome(state, this.target, outcome, nowMs)) return;
    this.#fate.ejectedForMs = Math.max(0, this.target.outlier.ejectedUntilMs - nowMs);
    counts.ejections++;
    knowledge.hasNews();
  }
}
