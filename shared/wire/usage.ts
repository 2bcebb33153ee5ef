/** `GET /v1/usage`: who uses what, how it ends and how long it takes. */
import * as z from "zod/mini";
import { limits } from "../limits.ts";

/** What usage is told by. */
export const USAGE_BY = ["routes", "consumers", "plans", "services"] as const;
export type UsageBy = (typeof USAGE_BY)[number];

const name = z.string().check(z.minLength(1), z.maxLength(limits.counters.labelCharsMax));

/** The query of the call, its numbers as digits. */
export const usageQuerySchema = z.strictObject({
  by: z.enum(USAGE_BY),
  /** How far back, in milliseconds; absent: an hour. */
  windowMs: z._default(
    z.string().check(
      z.regex(/^[1-9]\d{0,10}$/),
      z.refine((text) => Number(text) <= limits.usage.resolutions.day.keptMs),
    ),
    String(limits.usage.resolutions.hour.slotMs),
  ),
  /** Requests of this route alone; not of services. */
  route: z.optional(name),
  /** The same of a consumer. */
  consumer: z.optional(name),
  /** `slots`: also each slot of time on its own. */
  each: z.optional(z.literal("slots")),
});
export type UsageQuery = z.infer<typeof usageQuerySchema>;

/** Of one route, consumer, plan or service. Ratios and percentiles are absent where nothing was counted. */
export interface UsageRow {
  /** `*`: all beyond the bound of what is told apart; empty: no route, or nobody who is known, or no plan. */
  readonly name: string;
  readonly requests: number;
  readonly perSecond: number;
  /** Of the requests, those that did not fail (5xx, or no answer), 0 to 1. */
  readonly success?: number;
  readonly statuses: Readonly<Record<string, number>>;
  /** Answers 5xx; of a service also calls without an answer. */
  readonly errors: number;
  /** 429 by the gateway or what is behind it; absent: of services. */
  readonly limited?: number;
  /** 401 and 403; absent: of services. */
  readonly denied?: number;
  /** Calls without an answer; of services alone. */
  readonly noAnswer?: number;
  readonly meanMs?: number;
  readonly p50Ms?: number;
  readonly p95Ms?: number;
  readonly p99Ms?: number;
  /** When it was down: slots of time in which half of the calls failed; of services alone. */
  readonly down?: readonly Outage[];
}

export interface Outage {
  readonly fromMs: number;
  readonly toMs: number;
  readonly requests: number;
  readonly failed: number;
}

export interface UsageSlot {
  readonly atMs: number;
  readonly rows: readonly UsageRow[];
}

export interface UsageAnswer {
  readonly by: UsageBy;
  /** What the sums are of: whole slots, the last up to now. */
  readonly fromMs: number;
  readonly toMs: number;
  readonly slotMs: number;
  /** Most requests first. */
  readonly rows: readonly UsageRow[];
  /** Rows beyond the bound. */
  readonly leftOut: number;
  /** Where they were asked for; oldest first, without those in which nothing was counted. */
  readonly slots?: readonly UsageSlot[];
}
