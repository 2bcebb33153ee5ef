/** What a route lets pass. */
import * as z from "zod";
import { limits } from "../limits.ts";
import { duration, headerName, list, name, rate, shadow, text, whole } from "./fields.ts";
import { limitKey } from "./schema-limit-keys.ts";
import { limitRows } from "./schema-limit-rows.ts";

const max = limits.rateLimit;

const cost = z.strictObject({
  estimate: whole(1, max.costMax).describe("Tokens that a request reserves before its answer is known."),
  header: headerName
    .optional()
    .describe("Field of the answer that says what was used: a number, or `NAME=number` with the limit's name."),
  body: text("a JSON pointer such as /usage/total_tokens", /^(?:\/(?:[^~/]|~[01])*)+$/)
    .optional()
    .describe("Where a JSON answer, or the last event of a stream that tells, says what was used, RFC 6901."),
});

export const rateLimit = z.strictObject({
  limit: rate
    .optional()
    .describe("Requests in a window, or tokens with `cost`: `100/minute`; a month is a calendar month."),
  concurrent: whole(1, max.limitMax).optional().describe("Instead of `limit`: requests that run at once."),
  by: limitKey,
  missing: z
    .enum(["together", "refuse"], { error: "together or refuse" })
    .optional()
    .describe(
      "Requests that lack a part of the key: `together` counts them together (default), `refuse` refuses them.",
    ),
  burst: whole(1, max.limitMax)
    .optional()
    .describe("Given: GCRA, which is a token bucket: this many at once, and the rate in the long run."),
  window: z
    .enum(["sliding", "fixed"], { error: "sliding or fixed" })
    .optional()
    .describe("`sliding`: the limit holds in any window (default). `fixed`: in each window of the clock, UTC."),
  cost: cost.optional().describe("Given: requests cost what their answers say."),
  mode: z
    .enum(["leased", "exact", "local", "enforce", "shadow"], { error: "leased, exact, local, enforce or shadow" })
    .optional()
    .describe(
      "`leased`: isolates hold tokens in advance (default). `exact`: one call a request. `local`: each isolate for itself. `shadow`: counted by default, and nobody is refused.",
    ),
  onFailure: z
    .enum(["open", "closed"], { error: "open or closed" })
    .optional()
    .describe("What happens when the count cannot be asked for: `closed` refuses (default), `open` lets pass."),
  timeout: duration(max.timeoutMsMin, max.timeoutMsMax)
    .optional()
    .describe("How long a request waits for the count before `onFailure` decides. Default: 1s."),
  shadow: shadow.optional(),
  ...limitRows,
  name: name("a name").optional().describe("Name in the RateLimit-Policy field. Default: what `by` counts by."),
});

const { name: _, ...shape } = rateLimit.shape;

/** A limit of `gateway.limits`, which its key names. */
export const namedLimit = z.strictObject({
  ...shape,
  scope: z
    .enum(["gateway", "route"], { error: "gateway or route" })
    .optional()
    .describe("`gateway`: one count over all routes that name it (default). `route`: each of them has its own."),
});

const limitName = name("the name of a limit of gateway.limits");

/** What a route says: limits of its own, and names. */
export const routeLimits = z.union([limitName, rateLimit, list(z.union([limitName, rateLimit]))]);

const LEGACY = ["epoch", "seconds", "none"] as const;

export const legacyRateLimitHeaders = z
  .enum(LEGACY, { error: `one of ${LEGACY.join(", ")}` })
  .describe(
    "`X-RateLimit-Limit`, `-Remaining` and `-Reset` beside the standard fields. `epoch`: reset is a time in seconds since 1970, as of GitHub. `seconds`: it is the seconds left. Default: none.",
  );

export type LegacyRateLimitHeaders = z.infer<typeof legacyRateLimitHeaders>;
export type NamedLimitConfig = z.infer<typeof namedLimit>;
export type RateLimitConfig = z.infer<typeof rateLimit>;
