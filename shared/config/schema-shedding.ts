/** `gateway.shedding`, that of a service of the mesh, and the priority of a route. */
import * as z from "zod";
import { limits } from "../limits.ts";
import { mode, shadow, text, whole } from "./fields.ts";

const { concurrencyMax, plansMax, toleranceMax } = limits.loadShedding;

const PRIORITIES = ["high", "normal", "low"] as const;
export const priority = z.enum(PRIORITIES, { error: `one of ${PRIORITIES.join(", ")}` });

const toleranceError = { error: `a number from 1 to ${toleranceMax}` };

const concurrency = {
  mode: mode.optional(),
  shadow: shadow.optional(),
  tolerance: z
    .number(toleranceError)
    .min(1, toleranceError)
    .max(toleranceMax, toleranceError)
    .optional()
    .describe("Latency, over that of an unloaded upstream, that is no overload. Default: 1.2."),
  minConcurrency: whole(1, concurrencyMax)
    .optional()
    .describe("Requests at once that its latency never lets it fall below. Default: 1."),
  maxConcurrency: whole(1, concurrencyMax)
    .optional()
    .describe("Requests at once that it never exceeds. Default: 10000."),
};

/** Of a service: priorities are the gateway's to give. */
export const serviceShedding = z.strictObject(concurrency);

export const shedding = z.strictObject({
  ...concurrency,
  plans: z
    .record(text("the name of a plan", /^.{1,256}$/), priority)
    .refine((plans) => Object.keys(plans).length <= plansMax, { error: `at most ${plansMax} plans` })
    .optional()
    .describe("Priorities of those with a plan, before that of the route."),
});

export type ConcurrencyConfig = z.infer<typeof serviceShedding>;
export type SheddingConfig = z.infer<typeof shedding>;
