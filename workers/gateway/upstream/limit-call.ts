import { hex } from "../../../shared/http/hex.ts";
import { limits } from "../../../shared/limits.ts";
import type { LimitHolder } from "../../../shared/policy/limit-holder.ts";
import type {
  LimitAnswer,
  LimiterSettings,
  LimiterState,
  LimitQuestion,
} from "../../../shared/policy/limiter-state.ts";
import { askLimiter } from "../../../shared/policy/rate-limit.ts";
import type { RateLimitSettings } from "../../../shared/policy/settings.ts";
import type { Env } from "../env.ts";
import { within } from "./wait.ts";

/** What an isolate knows of one limit of one key. */
export interface KeptLimit {
  /** Under which it is kept. */
  readonly key: string;
  readonly settings: RateLimitSettings;
  readonly holder: LimitHolder;
  /** Where it is counted: an object, or with `local` here. */
  readonly place: DurableObjectId | LimiterState;
}

/** @returns undefined when the limiter did not answer in time */
export async function askPlace(
  env: Env,
  { place, settings }: KeptLimit,
  question: LimitQuestion,
): Promise<LimitAnswer | undefined> {
  if ("history" in place) return askLimiter(place, question, Date.now()).answer;
  try {
    const asked = env.LIMITER.get(place).ask(countingOf(settings), question);
    return await within(asked as Promise<LimitAnswer>, limits.gateway.limiterWaitMs);
  } catch {
    return undefined;
  }
}

/** The part of the settings that counting needs: an object whose settings change begins anew. */
export function countingOf({ limit, windowMs, burst, window, counts }: RateLimitSettings): LimiterSettings {
  return {
    limit,
    windowMs,
    ...(burst !== undefined && { burst }),
    ...(window !== undefined && { window }),
    ...(counts !== undefined && { counts }),
  };
}

/**
 * Keys are hashed: the platform shows objects' names to operators, and keys may be names of people.
 * @param name as `limitName` makes it
 */
export async function limiterId(env: Env, route: string, limit: string, name: string): Promise<DurableObjectId> {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(name)));
  return env.LIMITER.idFromName(`${route}/${limit}/${hex(digest)}`);
}

/** The settings belong to the name, since isolates with two plans would otherwise begin one count anew with every other request. */
export function limitName(route: string, settings: RateLimitSettings, key: string): string {
  const { name, limit, windowMs, burst = "", window = "", counts = "" } = settings;
  return `${route}\n${name} ${limit} ${windowMs} ${burst} ${window} ${counts}\n${key}`;
}
