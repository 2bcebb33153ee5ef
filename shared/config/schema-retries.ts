/** `retries` of a service: what is sent again, and when. */
import * as z from "zod";
import { limits } from "../limits.ts";
import type { RetryOn } from "../policy/settings.ts";
import { duration, list, text, whole } from "./fields.ts";
import { nearestName } from "./nearest-name.ts";

const { retriesMax, retryBackoffMsMax } = limits.agent;
const REASONS: readonly RetryOn[] = ["5xx", "gateway-error", "reset", "connect-failure", "retriable-4xx"];
const pause = duration(1, retryBackoffMsMax);
const expected = `one of ${REASONS.join(", ")}, or a status from 400 to 599`;
const status = z.int({ error: expected }).min(400, { error: expected }).max(599, { error: expected });
const reason = text(expected, new RegExp(`^(?:${REASONS.join("|")})$`), (given) =>
  typeof given === "string" ? nearestName(given, REASONS) : undefined,
);

export const retries = z.strictObject({
  attempts: whole(0, retriesMax).describe("Attempts after the first."),
  perTry: duration(1, limits.document.timeoutMsMax).optional().describe("For one attempt, until its answer begins."),
  on: list(z.union([reason, status]))
    .optional()
    .describe("Words of Envoy, and statuses such as 429. Default: connect-failure, gateway-error, reset."),
  backoff: z
    .strictObject({
      base: pause.describe(
        "The first pause is drawn from 0 to this, the next ones from three and seven times as long.",
      ),
      max: pause.optional().describe("No pause is longer. Default: ten times `base`."),
    })
    .optional()
    .describe("Pauses before what is sent again. Default: 25ms, at most 250ms."),
});

export type RetriesConfig = z.infer<typeof retries>;
