/** `retries` of a service: what is sent again, and when. */
import * as z from "zod";
import { limits } from "../limits.ts";
import { RETRY_WORDS } from "../policy/settings.ts";
import { duration, flag, list, text, whole } from "./fields.ts";
import { nearestName } from "./nearest-name.ts";
import { path } from "./schema-traffic.ts";

const { retriesMax, retryBackoffMsMax } = limits.agent;
const pause = duration(1, retryBackoffMsMax);
const expected = `one of ${RETRY_WORDS.join(", ")}, or a status from 400 to 599`;
const status = z.int({ error: expected }).min(400, { error: expected }).max(599, { error: expected });
const reason = text(expected, new RegExp(`^(?:${RETRY_WORDS.join("|")})$`), (given) =>
  typeof given === "string" ? nearestName(given, RETRY_WORDS) : undefined,
);

export const retries = z.strictObject({
  attempts: whole(0, retriesMax).describe("Attempts after the first."),
  perTry: duration(1, limits.document.timeoutMsMax).optional().describe("For one attempt, until its answer begins."),
  on: list(z.union([reason, status]))
    .optional()
    .describe("Words of Envoy, and statuses such as 429. Default: connect-failure, gateway-error, reset."),
  idempotent: z
    .union([flag, list(path)])
    .optional()
    .describe("Calls that may be carried out twice though their method does not say so: all, or those of these paths."),
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
