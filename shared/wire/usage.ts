/** `GET /v1/usage`: who uses what, how it ends and how long it takes. */
import * as z from "zod/mini";
import { limits } from "../limits.ts";
import { USAGE_BY, type UsageBy, type UsageRow } from "../policy/usage-report.ts";

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
  /** Requests of this route alone; not of services and edges. */
  route: z.optional(name),
  /** The same of a consumer. */
  consumer: z.optional(name),
  /** Edges from or to this service alone. */
  of: z.optional(name),
  /** `slots`: also each slot of time on its own. */
  each: z.optional(z.literal("slots")),
});
export type UsageQuery = z.infer<typeof usageQuerySchema>;

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
