/** Values of a limit by plan and by consumer. */
import * as z from "zod";
import { limits } from "../limits.ts";
import { rate, text, whole } from "./fields.ts";

const max = limits.rateLimit;

/** Plans and consumers have the names that identities carry: any one line. */
const label = (what: string) =>
  text(`${what}: one line of at most ${max.rowNameCharsMax} characters`, /^\S(?:[^\r\n]{0,254}\S)?$/);

export const planName = label("the name of a plan");

const count = whole(1, max.limitMax);
const row = z.union([
  z.literal("unlimited", { error: "unlimited" }),
  rate,
  count,
  z.strictObject({
    limit: rate.optional().describe("Instead of the limit's own."),
    concurrent: count.optional().describe("Instead of the limit's own."),
    burst: count.optional().describe("Instead of the limit's own."),
  }),
]);

const rows = (key: z.ZodType<string, string>) =>
  z.record(key, row).refine((all) => Object.keys(all).length <= max.rowsMax, {
    error: `at most ${max.rowsMax} rows`,
  });

export const limitRows = {
  plans: rows(planName).optional().describe("Plan to what holds instead: `1000/minute`, or `unlimited`."),
  consumers: rows(label("the name of a consumer"))
    .optional()
    .describe("Consumer to what holds instead, whatever its plan."),
};

export type LimitRowConfig = z.infer<typeof row>;
