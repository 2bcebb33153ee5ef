/** `rateLimit` of a service: what each of its agents lets through. */
import * as z from "zod";
import { limits } from "../limits.ts";
import { duration, headerName, list, name, rate, shadow, whole } from "./fields.ts";

const { limitMax } = limits.rateLimit;
const WORDS = ["service", "identity", "path", "all"] as const;
const part = z.union([
  z.enum(WORDS, { error: `one of ${WORDS.join(", ")}` }),
  z.strictObject({ header: headerName.describe("Value of a request field.") }),
]);

const callLimit = z.strictObject({
  limit: rate.optional().describe("Requests in a window: `100/second`."),
  concurrent: whole(1, limitMax).optional().describe("Instead of `limit`: requests that run at once."),
  by: z
    .union([part, list(part)])
    .describe(
      "`service`: the calling service. `identity`: the end user whom the transaction token names. `path`: the path without its query. `{ header }`: the value of a field. `all`: everybody.",
    ),
  missing: z
    .enum(["together", "refuse"], { error: "together or refuse" })
    .optional()
    .describe(
      "Requests without an end user, or without the field: `together` counts them together (default), `refuse` refuses them.",
    ),
  burst: whole(1, limitMax)
    .optional()
    .describe("Given: GCRA, which is a token bucket: this many at once, and the rate in the long run."),
  window: z
    .enum(["sliding", "fixed"], { error: "sliding or fixed" })
    .optional()
    .describe("`sliding`: the limit holds in any window (default). `fixed`: in each window of the clock, UTC."),
  mode: z
    .enum(["local", "leased", "exact", "enforce", "shadow"], { error: "local, leased, exact, enforce or shadow" })
    .optional()
    .describe(
      "`local`: each instance for itself (default). Over all instances of the service: `leased`, they hold tokens in advance, or `exact`, each call is asked for. `shadow`: counted by default, and nobody is refused.",
    ),
  onFailure: z
    .enum(["share", "open", "closed"], { error: "share, open or closed" })
    .optional()
    .describe(
      "What holds while it cannot be counted over all instances: each lets its `share` through (default), all pass (`open`), or none (`closed`).",
    ),
  timeout: duration(limits.rateLimit.timeoutMsMin, limits.rateLimit.timeoutMsMax)
    .optional()
    .describe("How long a call waits for the count over all instances before `onFailure` decides. Default: 250ms."),
  shadow: shadow.optional(),
  name: name("a name").optional().describe("Name in the RateLimit-Policy field. Default: what `by` counts by."),
});

export const callLimits = z.union([
  callLimit,
  list(callLimit).max(limits.expose.callLimitsMax, { error: `a list of at most ${limits.expose.callLimitsMax}` }),
]);

export type CallLimitsConfig = z.infer<typeof callLimits>;
export type CallLimitConfig = z.infer<typeof callLimit>;
