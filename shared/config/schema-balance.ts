/** `balance` of a service: how its requests are spread over its instances. */
import * as z from "zod";
import { limits } from "../limits.ts";
import { between, duration, headerName, list, name, text, whole } from "./fields.ts";

const { slowStartMsMax, aggressionMax, boundedLoadMin, boundedLoadMax } = limits.balance;
const { namesMax } = limits.zones;
const zoneName = name("the name of a zone", /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/);
const POLICIES = ["peak-ewma", "least-request", "round-robin", "consistent-hash"] as const;

export const cookieName = text("the name of a cookie", /^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,128}$/);
export const txnClaim = text(
  "a claim of the transaction token: sub, or tctx.NAME for one of its context",
  /^(?:sub|tctx\.[A-Za-z_][A-Za-z0-9_-]{0,62})$/,
);

export const balance = z.strictObject({
  policy: z
    .enum(POLICIES, { error: `one of ${POLICIES.join(", ")}` })
    .optional()
    .describe("Default: peak-ewma, the faster and less busy of two that are drawn."),
  hash: z
    .strictObject({
      header: headerName.optional().describe("A header of the request."),
      cookie: cookieName.optional().describe("A cookie of the request."),
      claim: txnClaim.optional().describe("Of the end user: `sub`, or `tctx.NAME`."),
    })
    .optional()
    .describe("With consistent-hash: requests with the same value go to the same instance."),
  boundedLoad: between(boundedLoadMin, boundedLoadMax)
    .optional()
    .describe("With consistent-hash: load over the mean that sends a request to the next instance. Default: none."),
  weightLabel: text("a label name", /^[A-Za-z0-9._/-]{1,63}$/)
    .optional()
    .describe("Label of instances whose number is their weight. Default: all weigh the same."),
  slowStart: z
    .strictObject({
      window: duration(1_000, slowStartMsMax).describe("From a tenth to the whole share in this time."),
      aggression: between(1, aggressionMax).optional().describe("1: linearly; above: faster at first. Default: 1."),
    })
    .optional()
    .describe("New instances, and those back from an ejection, get their share step by step."),
  zones: z
    .strictObject({
      sufficient: whole(1, 100)
        .optional()
        .describe(
          "Percent of a zone's instances that must be healthy for it to keep all of its requests. Default: 70.",
        ),
      failover: z
        .record(zoneName, list(zoneName).max(namesMax, { error: `at most ${namesMax} zones` }))
        .refine((zones) => Object.keys(zones).length <= namesMax, { error: `at most ${namesMax} zones` })
        .optional()
        .describe("A caller's zone to those that come after it, in order. All others come last."),
    })
    .optional()
    .describe(
      "Instances whose label `zone` is that of the caller's agent come first. Absent: zones make no difference.",
    ),
});

export type BalanceConfig = z.infer<typeof balance>;
