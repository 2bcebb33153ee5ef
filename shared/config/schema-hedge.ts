/** `hedge` of a service: a second attempt beside one that has no answer yet. */
import * as z from "zod";
import { limits } from "../limits.ts";
import { list, method, text, whole } from "./fields.ts";
import { parseDurationMs } from "./units.ts";

const { afterMsMin, afterMsMax, maxMax, budgetPercentMax } = limits.hedge;
const expected = "a duration from 1ms to 1m such as 50ms, or a percentile of the service's own latency from p50 to p99";

export const hedge = z.strictObject({
  after: text(expected, /^(?:p[5-9]\d|\d{1,9}(?:ms|s|m))$/, (given) =>
    typeof given === "number" && Number.isInteger(given) ? `${given}ms` : undefined,
  )
    .refine((value) => isDelay(value), { error: expected })
    .describe("Time without an answer until the request also goes to another instance: 50ms, or p95."),
  max: whole(1, maxMax).optional().describe("Such attempts for one request. Default: 1."),
  budget: whole(1, budgetPercentMax)
    .optional()
    .describe("Such attempts for a hundred requests that may have one. Default: 10."),
  methods: list(method).optional().describe("Idempotent methods that may have one. Default: GET, HEAD, OPTIONS."),
});

export type HedgeConfig = z.infer<typeof hedge>;

function isDelay(value: string): boolean {
  if (value.startsWith("p")) return true;
  const afterMs = parseDurationMs(value) ?? 0;
  return afterMs >= afterMsMin && afterMs <= afterMsMax;
}
