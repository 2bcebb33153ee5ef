/** `breaker` of a service: which of its instances are out of use. */
import * as z from "zod";
import { limits } from "../limits.ts";
import { duration, whole } from "./fields.ts";

const { failuresMax, connectionsMax, requestsMax, inFlightMaxMax } = limits.breaker;
const time = duration(1, limits.document.timeoutMsMax);
const percent = whole(0, 100);

export const breaker = z.strictObject({
  consecutiveFailures: whole(1, failuresMax).optional().describe("Failures in a row that eject an instance."),
  successRate: z
    .strictObject({
      percent: percent
        .optional()
        .describe("Fewer successes eject, unless the others fail as well. 0: off. Default: 80."),
      window: duration(1_000, limits.document.timeoutMsMax).optional().describe("Default: 10s."),
      minRequests: whole(1, requestsMax)
        .optional()
        .describe("With fewer in the window nothing is decided. Default: 10."),
    })
    .optional(),
  interval: time.optional().describe("An ejection is forgotten, one for each such time without failures."),
  ejectFor: time.optional().describe("First ejection; doubles each time, up to `maxEjectFor`."),
  maxEjectFor: time.optional().describe("Longest ejection. Default: 1m, or `ejectFor` where that is longer."),
  maxEjected: percent
    .optional()
    .describe("Percent of the instances that may be ejected at once; one always may. Default: 50."),
  panicThreshold: percent
    .optional()
    .describe("With less than this percentage of instances left, ejections are ignored. Default: 0."),
  maxConnections: whole(1, connectionsMax).optional().describe("To one instance."),
  maxRequests: whole(1, inFlightMaxMax)
    .optional()
    .describe("In flight to one instance, for each caller's agent. It gets no more. Default: 1024."),
  maxPending: whole(1, inFlightMaxMax)
    .optional()
    .describe("Waiting for a connection to one instance; more are refused. Default: 1024."),
  requestsPerConnection: whole(1, inFlightMaxMax)
    .optional()
    .describe("After so many a connection is not used again. Default: no bound."),
});

export type BreakerConfig = z.infer<typeof breaker>;
