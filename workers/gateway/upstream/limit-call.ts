import { limits } from "../../../shared/limits.ts";
import { countingNumbers, countingWay, limiterFor } from "../../../shared/policy/change-limiter.ts";
import type { LimitHolder } from "../../../shared/policy/limit-holder.ts";
import { shardOf } from "../../../shared/policy/limit-load.ts";
import type { LimiterHealth, LimitHealth } from "../../../shared/policy/limiter-health.ts";
import {
  countingOf,
  type LimitAnswer,
  type LimiterState,
  type LimitQuestion,
  type ShardsTold,
} from "../../../shared/policy/limiter-state.ts";
import { askLimiter } from "../../../shared/policy/rate-limit.ts";
import type { RateLimitSettings } from "../../../shared/policy/settings.ts";
import type { Env } from "../env.ts";
import { sha256Hex } from "./sha256.ts";
import { within } from "./wait.ts";

/** What an isolate knows of one limit of one key. */
export interface KeptLimit {
  /** Under which it is kept. */
  readonly key: string;
  readonly route: string;
  readonly settings: RateLimitSettings;
  readonly holder: LimitHolder;
  /** Where it is counted: an object, or with `local` here. */
  readonly place: DurableObjectId | LimiterState;
  /** What was heard last of who answers for that object, and the shard that answers here. */
  readonly shards?: ShardsTold;
  readonly shard?: DurableObjectId;
  /** Until when shards are not asked, since one did not answer. */
  readonly avoidUntilMs?: number;
  /** Whether its limiter answers, and whether those of the same limit do. */
  readonly health: { readonly one: LimiterHealth; readonly all: LimitHealth };
}

/** How long a request waits for the limiter. */
export function timeoutMsOf({ timeoutMs }: RateLimitSettings): number {
  return timeoutMs ?? limits.gateway.limiterWaitMs;
}

/** How long a question may be on its way: one that no request waits for is given more time. */
export function patienceMsOf(settings: RateLimitSettings): number {
  return Math.max(timeoutMsOf(settings), limits.gateway.limiterWaitMs);
}

/** @returns undefined when the limiter did not answer in time */
export async function askPlace(
  env: Env,
  { place, settings, shard }: KeptLimit,
  question: LimitQuestion,
  waitMs: number,
): Promise<LimitAnswer | undefined> {
  if ("history" in place) return askHere(place, settings, question);
  try {
    const counting = countingOf(settings);
    const asked =
      shard === undefined
        ? env.LIMITER.get(place).ask(counting, question)
        : env.LIMITER_SHARD.get(shard).ask(place.toString(), counting, question);
    return await within(asked as Promise<LimitAnswer>, waitMs);
  } catch {
    return undefined;
  }
}

/** Gives back what an object admitted, or its shard. @param atMs `atMs` of the answer */
export async function refundThere(
  env: Env,
  place: DurableObjectId,
  { shard }: KeptLimit,
  atMs: number,
  cost: number,
): Promise<void> {
  if (shard === undefined) await env.LIMITER.get(place).refund(atMs, cost);
  else await env.LIMITER_SHARD.get(shard).refund(cost);
}

/** Where an isolate asks for what an object counts. @param isolate its random name */
export function shardPlace(
  env: Env,
  { place, settings }: KeptLimit,
  shards: ShardsTold,
  isolate: string,
): Pick<KeptLimit, "shards" | "shard"> {
  const number = shardOf(isolate, shards.count);
  if (number === undefined || "history" in place) return { shards };
  return { shards, shard: env.LIMITER_SHARD.idFromName(`${place} ${countingNumbers(settings)} ${number}`) };
}

/** Asks a limiter of this isolate. */
export function askHere(place: LimiterState, settings: RateLimitSettings, question: LimitQuestion): LimitAnswer {
  const nowMs = Date.now();
  return askLimiter(limiterFor(place, countingOf(settings), nowMs), question, nowMs).answer;
}

/**
 * Keys are hashed: the platform shows objects' names to operators, and keys may be names of people.
 * @param name as `limitName` makes it
 */
export async function limiterId(
  env: Env,
  route: string,
  settings: RateLimitSettings,
  name: string,
): Promise<DurableObjectId> {
  return env.LIMITER.idFromName(`${placeOf(route, settings)}/${settings.name}/${await sha256Hex(name)}`);
}

/** Whose limit it is: a route's, or `*` for those that routes share. */
export const placeOf = (route: string, { scope }: RateLimitSettings): string => (scope === "gateway" ? "*" : route);

/** How a limit counts belongs to its name; its numbers do not, so that a count goes on when they change. */
export function limitName(route: string, settings: RateLimitSettings, key: string): string {
  return `${placeOf(route, settings)}\n${settings.name} ${countingWay(settings)}\n${key}`;
}

/** Where an isolate keeps what it holds. Under other numbers, or when it does something else when it fails, it holds and refuses apart, and is counted with the same count. */
export function keptName(route: string, settings: RateLimitSettings, key: string): string {
  const { mode, onFailure, timeoutMs = "" } = settings;
  return `${mode} ${onFailure} ${timeoutMs} ${countingNumbers(settings)}\n${limitName(route, settings, key)}`;
}
