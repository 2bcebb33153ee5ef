/**
 * What agents and hubs say of limits that are counted over all instances of a service. Agents name a limit of their own service and a
 * key; whose service that is, and by which numbers it is counted, the hub knows by the agent's token and its own plan.
 */
import * as z from "zod/mini";
import { limits } from "../limits.ts";
import type { LimitAnswer, LimitQuestion } from "../policy/limiter-state.ts";
import { counterReportSchema } from "./counters.ts";

const bounds = limits.meshLimits;

const count = z.int().check(z.minimum(0), z.maximum(limits.rateLimit.limitMax));
/** Counts all calls of an agent's life: beyond the greatest limit, and as exact as a number can be. */
const sum = z.int().check(z.minimum(0));
const ms = z.number().check(z.minimum(0));
const named = {
  limit: z.string().check(z.minLength(1), z.maxLength(limits.wire.idCharsMax)),
  key: z.string().check(z.maxLength(bounds.keyCharsMax)),
};

const accountSchema = z.object({
  ...{ id: z.string().check(z.maxLength(bounds.accountCharsMax)), seq: sum, spent: sum, acknowledged: sum },
  ...{ left: count, inUse: count, sinceSpentMs: ms },
  demand: z.number().check(z.minimum(0), z.maximum(limits.rateLimit.limitMax)),
});

const askedSchema = z.object({
  /** Which question it is, for the answer. */
  n: sum,
  ...named,
  /** One call that waits, or none. */
  cost: z.int().check(z.minimum(0), z.maximum(1)),
  more: z.int().check(z.minimum(0), z.maximum(bounds.callsMax)),
  account: z.optional(accountSchema),
});
export type AskedLimit = z.infer<typeof askedSchema>;

/** One call that was admitted at that time of the answer, and did not go on since another limit refused it. */
const backSchema = z.object({ ...named, atMs: ms });
export type GivenBack = z.infer<typeof backSchema>;

const some = <Item extends z.ZodMiniType>(item: Item) =>
  z.optional(z.array(item).check(z.maxLength(bounds.questionsMax)));

/** From agents. */
export const limitsMessage = z.object({
  type: z.literal("limits"),
  asked: some(askedSchema),
  back: some(backSchema),
  /** Calls that could not be counted, and what policies in shadow said. */
  counted: z.optional(counterReportSchema),
});
export type LimitsMessage = z.infer<typeof limitsMessage>;

const answerSchema = z.object({
  n: sum,
  /** Absent: it cannot be counted. */
  answer: z.optional(
    z.object({
      ...{ admitted: z.boolean(), remaining: z.number(), resetMs: ms, more: ms, lent: ms, leaseMs: ms },
      ...{ idleMax: ms, emptyMs: ms, emptyCost: ms, atMs: ms },
    }),
  ),
});
export type LimitedAnswer = z.infer<typeof answerSchema>;

/** From hubs; each question is answered once, in whatever order. */
export const limitedMessage = z.object({ type: z.literal("limited"), answers: z.array(answerSchema) });

/** @param instance who asks: nobody speaks of what another one holds */
export function questionOf({ cost, more, account }: AskedLimit, instance: string): LimitQuestion {
  if (account === undefined) return { cost, more };
  return { cost, more, account: { ...account, id: `${instance} ${account.id}` } };
}

/** Without what agents have no use for. */
export function answerOf(n: number, answer: LimitAnswer | undefined): LimitedAnswer {
  if (answer === undefined) return { n };
  const { shards: _, ...told } = answer;
  return { n, answer: told };
}

/** As whoever holds tokens takes it: nobody but the one object answers. */
export function heardAnswer({ answer }: LimitedAnswer): LimitAnswer | undefined {
  return answer && { ...answer, shards: { count: 1, sinceMs: 0 } };
}
