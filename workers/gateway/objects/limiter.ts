import { DurableObject } from "cloudflare:workers";
import {
  fitsLimiter,
  forgottenAtMs,
  type LimiterSettings,
  type LimiterState,
  newLimiter,
  refund,
  take,
} from "../../../shared/policy/rate-limit.ts";
import type { LimitVerdict } from "../../../shared/policy/sliding-window.ts";

/**
 * Counts for one (route, limit, key). One thread and its own clock, so that nothing slips through between two isolates.
 * Each admission is written before it is answered (the platform holds the answer until the write is durable); a refusal
 * changes nothing and writes nothing. The alarm removes what has no meaning any more.
 */
export class Limiter extends DurableObject {
  #state: LimiterState | undefined;

  constructor(ctx: DurableObjectState, env: Cloudflare.Env) {
    super(ctx, env);
    this.#state = ctx.storage.kv.get<LimiterState>("state");
  }

  /** Asks for one admission. */
  take(settings: LimiterSettings): LimitVerdict {
    const nowMs = Date.now();
    const known = this.#state;
    const state = known !== undefined && fitsLimiter(known, settings) ? known : newLimiter(settings);
    const verdict = take(state, nowMs);
    if (verdict.admitted) {
      if (known === undefined) void this.ctx.storage.setAlarm(forgottenAtMs(state));
      this.#save(state);
    }
    return verdict;
  }

  /** Gives an admission back. @param atMs `atMs` of its verdict */
  refund(atMs: number): void {
    if (this.#state === undefined) return;
    refund(this.#state, atMs);
    this.#save(this.#state);
  }

  override async alarm(): Promise<void> {
    const endMs = this.#state === undefined ? 0 : forgottenAtMs(this.#state);
    if (endMs > Date.now()) {
      await this.ctx.storage.setAlarm(endMs);
      return;
    }
    this.#state = undefined;
    await this.ctx.storage.deleteAll();
  }

  #save(state: LimiterState): void {
    this.#state = state;
    this.ctx.storage.kv.put("state", state);
  }
}
