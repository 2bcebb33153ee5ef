/** Asks the limiter objects of a route, all at once. */

import { hex } from "../../../shared/http/hex.ts";
import { limits } from "../../../shared/limits.ts";
import { BoundedMap } from "../../../shared/policy/bounded-map.ts";
import type { LimiterSettings } from "../../../shared/policy/rate-limit.ts";
import type { LimitOutcome } from "../../../shared/policy/rate-limit-fields.ts";
import type { RateLimitSettings } from "../../../shared/policy/settings.ts";
import type { LimitVerdict } from "../../../shared/policy/sliding-window.ts";
import type { Env } from "../env.ts";
import { within } from "./wait.ts";

export interface LimitQuestion {
  readonly settings: RateLimitSettings;
  readonly route: string;
  /** Whom it counts by. */
  readonly key: string;
}

export interface LimitAnswers {
  readonly outcomes: readonly LimitOutcome[];
  /** Limits that could not be asked. */
  readonly failed: readonly RateLimitSettings[];
  /** Gives back what was admitted. */
  readonly refund: () => Promise<void>;
}

export class LimitTaker {
  readonly #ids = new BoundedMap<DurableObjectId>(limits.gateway.limiterKeysMax);

  async take(env: Env, questions: readonly LimitQuestion[]): Promise<LimitAnswers> {
    const ids = await Promise.all(questions.map((question) => this.#idOf(env, question)));
    const verdicts = await Promise.all(ids.map((id, at) => ask(env, id, (questions[at] as LimitQuestion).settings)));
    const outcomes: LimitOutcome[] = [];
    const failed: RateLimitSettings[] = [];
    verdicts.forEach((verdict, at) => {
      const { settings } = questions[at] as LimitQuestion;
      if (verdict === undefined) failed.push(settings);
      else outcomes.push([settings, verdict]);
    });
    const refund = async (): Promise<void> => {
      const given = verdicts.map(async (verdict, at) => {
        if (verdict?.admitted) await env.LIMITER.get(ids[at] as DurableObjectId).refund(verdict.atMs);
      });
      await Promise.allSettled(given);
    };
    return { outcomes, failed, refund };
  }

  /**
   * Keys are hashed: the platform shows objects' names to operators, and keys may be names of people. The settings belong to
   * the name, since isolates with two plans would otherwise begin one object's count anew with every other request.
   */
  async #idOf(env: Env, { route, settings, key }: LimitQuestion): Promise<DurableObjectId> {
    const { limit, windowMs, burst = "" } = settings;
    const name = `${route}\n${settings.name} ${limit} ${windowMs} ${burst}\n${key}`;
    const known = this.#ids.get(name);
    if (known !== undefined) return known;
    const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(name)));
    const id = env.LIMITER.idFromName(`${route}/${settings.name}/${hex(digest)}`);
    this.#ids.set(name, id);
    return id;
  }
}

async function ask(env: Env, id: DurableObjectId, settings: LimiterSettings): Promise<LimitVerdict | undefined> {
  const { limit, windowMs, burst } = settings;
  try {
    const asked = env.LIMITER.get(id).take(burst === undefined ? { limit, windowMs } : { limit, windowMs, burst });
    return await within(asked as Promise<LimitVerdict>, limits.gateway.limiterWaitMs);
  } catch {
    return undefined;
  }
}
