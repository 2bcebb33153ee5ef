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
  /** Whether storage holds a state, and with it an alarm. */
  #stored: boolean;
  /** The write that admissions of this moment share. */
  #saving: Promise<void> | undefined;

  constructor(ctx: DurableObjectState, env: Cloudflare.Env) {
    super(ctx, env);
    this.#state = ctx.storage.kv.get<LimiterState>("state");
    this.#stored = this.#state !== undefined;
  }

  /** Asks for one admission. */
  async take(settings: LimiterSettings): Promise<LimitVerdict> {
    const known = this.#state;
    const state = known !== undefined && fitsLimiter(known, settings) ? known : newLimiter(settings);
    const verdict = take(state, Date.now());
    if (verdict.admitted) {
      this.#state = state;
      await this.#saved();
    }
    return verdict;
  }

  /** Gives an admission back. @param atMs `atMs` of its verdict */
  async refund(atMs: number): Promise<void> {
    if (this.#state === undefined) return;
    refund(this.#state, atMs);
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
    this.ctx.storage.kv.put("state", this.#state);
    if (!this.#stored) void this.ctx.storage.setAlarm(forgottenAtMs(this.#state));
    this.#stored = true;
  }
}
