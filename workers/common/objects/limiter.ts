import { DurableObject } from "cloudflare:workers";
import { limits } from "../../../shared/limits.ts";
import { limiterFor } from "../../../shared/policy/change-limiter.ts";
import type {
  LimitAnswer,
  LimiterSettings,
  LimiterState,
  LimitQuestion,
} from "../../../shared/policy/limiter-state.ts";
import { askLimiter, forgottenAtMs, refundLimiter } from "../../../shared/policy/rate-limit.ts";

const STATE = "limiter";

export interface LimiterEnv {
  readonly LIMITER_CALLS_PER_SECOND?: string;
}

/** Questions a second that one object is meant to bear. */
function callsMaxOf({ LIMITER_CALLS_PER_SECOND: told }: LimiterEnv): number {
  const calls = Number(told ?? limits.rateLimit.callsPerSecondMax);
  return calls > 0 ? calls : limits.rateLimit.callsPerSecondMax;
}

/**
 * Counts for one (route, limit, key), and lends to isolates. One thread and its own clock, so that nothing slips through
 * between two isolates. What it gives is written before it is answered (the platform holds the answer until the write is
 * durable); a refusal changes nothing and writes nothing. The alarm removes what has no meaning any more.
 */
export class Limiter extends DurableObject<LimiterEnv> {
  #state: LimiterState | undefined;
  /** Whether storage holds a state, and with it an alarm. */
  #stored: boolean;
  /** The write that admissions of this moment share. */
  #saving: Promise<void> | undefined;

  readonly #callsMax: number;

  constructor(ctx: DurableObjectState, env: LimiterEnv) {
    super(ctx, env);
    this.#callsMax = callsMaxOf(env);
    this.#state = ctx.storage.kv.get<LimiterState>(STATE);
    this.#stored = this.#state !== undefined;
  }

  /** @param settings by which this question is decided; others may have been before */
  async ask(settings: LimiterSettings, question: LimitQuestion): Promise<LimitAnswer> {
    this.#state = limiterFor(this.#state, settings, Date.now());
    const { answer, changed } = askLimiter(this.#state, question, Date.now(), this.#callsMax);
    if (changed) await this.#saved();
    return answer;
  }

  /** Gives back what was admitted. @param atMs `atMs` of its answer */
  async refund(atMs: number, cost: number): Promise<void> {
    if (this.#state === undefined) return;
    refundLimiter(this.#state, atMs, cost, Date.now());
    await this.#saved();
  }

  override async alarm(): Promise<void> {
    const endMs = this.#state === undefined ? 0 : forgottenAtMs(this.#state);
    if (endMs > Date.now()) {
      await this.ctx.storage.setAlarm(endMs);
      return;
    }
    this.#state = undefined;
    this.#stored = false;
    await this.ctx.storage.deleteAll();
  }

  /** A write waits for the disk, which is most of what a limit costs: requests that come together share one. */
  #saved(): Promise<void> {
    this.#saving ??= this.#save();
    return this.#saving;
  }

  async #save(): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, 0));
    this.#saving = undefined;
    if (this.#state === undefined) return;
    this.ctx.storage.kv.put(STATE, this.#state);
    if (!this.#stored) void this.ctx.storage.setAlarm(forgottenAtMs(this.#state));
    this.#stored = true;
  }
}
