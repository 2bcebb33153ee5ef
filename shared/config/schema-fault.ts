/** `faults` of a service: trouble that is made on purpose, for a time. */
import * as z from "zod";
import { limits } from "../limits.ts";
import { between, duration, instant, size, whole } from "./fields.ts";
import { match } from "./schema-traffic.ts";

const { bytesPerSecondMax, bytesPerSecondMin, delayMsMax, rulesMax } = limits.fault;
const percent = between(0.001, 100).describe("Percent of the requests that match.");

export const faults = z
  .array(
    z.strictObject({
      match: match.optional(),
      until: instant.describe("From then on it does nothing."),
      delay: z
        .strictObject({ percent, time: duration(1, delayMsMax) })
        .optional()
        .describe("Requests wait before they are sent."),
      abort: z
        .strictObject({ percent, status: whole(400, 599) })
        .optional()
        .describe("Requests are not sent and answered with this status."),
      reset: z.strictObject({ percent }).optional().describe("Requests are not sent, their connection is broken off."),
      slowBody: z
        .strictObject({ percent, bytesPerSecond: size(bytesPerSecondMin, bytesPerSecondMax) })
        .optional()
        .describe("Answers come at this pace."),
    }),
  )
  .max(rulesMax, { error: `a list of at most ${rulesMax}` });

export type FaultConfig = z.infer<typeof faults>[number];
