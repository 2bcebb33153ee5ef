/** `rateLimit` of a service: what each of its agents lets through. */
import * as z from "zod";
import { limits } from "../limits.ts";
import { list, name, rate, shadow, whole } from "./fields.ts";

const { limitMax } = limits.rateLimit;
const WORDS = ["service", "identity", "all"] as const;
const part = z.enum(WORDS, { error: `one of ${WORDS.join(", ")}` });

const callLimit = z.strictObject({
  limit: rate.optional().describe("Requests in a window: `100/second`."),
  concurrent: whole(1, limitMax).optional().describe("Instead of `limit`: requests that run at once."),
  by: z
    .union([part, list(part)])
    .describe(
      "`service`: the calling service. `identity`: the end user whom the transaction token names. `all`: everybody.",
    ),
  missing: z
    .enum(["together", "refuse"], { error: "together or refuse" })
    .optional()
    .describe("Requests without an end user: `together` counts them together (default), `refuse` refuses them."),
  burst: whole(1, limitMax)
    .optional()
    .describe("Given: GCRA, which is a token bucket: this many at once, and the rate in the long run."),
  window: z
    .enum(["sliding", "fixed"], { error: "sliding or fixed" })
    .optional()
    .describe("`sliding`: the limit holds in any window (default). `fixed`: in each window of the clock, UTC."),
  shadow: shadow.optional(),
  name: name("a name").optional().describe("Name in the RateLimit-Policy field. Default: what `by` counts by."),
});

export const callLimits = z.union([
  callLimit,
  list(callLimit).max(limits.expose.callLimitsMax, { error: `a list of at most ${limits.expose.callLimitsMax}` }),
]);

export type CallLimitsConfig = z.infer<typeof callLimits>;
export type CallLimitConfig = z.infer<typeof callLimit>;
