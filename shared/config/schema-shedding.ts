/** `gateway.shedding`, and the priority of a route. */
import * as z from "zod";
import { limits } from "../limits.ts";
import { text, whole } from "./fields.ts";

const { concurrencyMax, plansMax, toleranceMax } = limits.loadShedding;

const PRIORITIES = ["high", "normal", "low"] as const;
export const priority = z.enum(PRIORITIES, { error: `one of ${PRIORITIES.join(", ")}` });

const toleranceError = { error: `a number from 1 to ${toleranceMax}` };

export const shedding = z.strictObject({
  mode: z
    .enum(["enforce", "shadow"], { error: "enforce or shadow" })
    .optional()
    .describe("`shadow`: decided and logged, but nobody is refused. Default: enforce."),
  tolerance: z
    .number(toleranceError)
    .min(1, toleranceError)
    .max(toleranceMax, toleranceError)
    .optional()
    .describe("Latency, over that of an unloaded upstream, that is no overload. Default: 1.2."),
  minConcurrency: whole(1, concurrencyMax)
    .optional()
    .describe("Requests that an isolate always gives an upstream at once. Default: 1."),
  maxConcurrency: whole(1, concurrencyMax).optional().describe("Requests that it never exceeds. Default: 10000."),
  plans: z
    .record(text("the name of a plan", /^.{1,256}$/), priority)
    .refine((plans) => Object.keys(plans).length <= plansMax, { error: `at most ${plansMax} plans` })
    .optional()
    .describe("Priorities of those with a plan, before that of the route."),
});

export type SheddingConfig = z.infer<typeof shedding>;
