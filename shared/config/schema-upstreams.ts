/** `gateway.upstreams`: what routes lead to beside services of the mesh, with several targets each. */
import * as z from "zod";
import { limits } from "../limits.ts";
import { duration, flag, headerName, list, text, whole } from "./fields.ts";
import { balance } from "./schema-balance.ts";
import { breaker } from "./schema-breaker.ts";
import { validate } from "./schema-contracts.ts";
import { hedge } from "./schema-hedge.ts";
import { ownerName } from "./schema-owners.ts";
import { retries } from "./schema-retries.ts";

const max = limits.upstreams;
const time = duration(1, limits.document.timeoutMsMax);

const targetUrl = text("an http or https URL such as https://api.example.com/v2", /^https?:\/\/[\x21-\x7e]+$/);
const bindingName = text(
  "the name of a binding in wrangler.toml such as PAYMENTS",
  /^[A-Z][A-Z0-9_]{0,62}$/,
  (given) =>
    typeof given === "string" && /^[a-z][\w-]*$/i.test(given) ? given.toUpperCase().replaceAll("-", "_") : undefined,
);

const target = z.union([
  targetUrl,
  z.strictObject({
    url: targetUrl.optional().describe("Its path comes before what requests ask for."),
    binding: bindingName
      .optional()
      .describe("A service binding or Workers VPC service that it is called by; `url` then only says host and path."),
    mtls: bindingName.optional().describe("An mTLS certificate binding, whose certificate is shown to `url`."),
    weight: whole(0, max.weightMax).optional().describe("Share among its group; 0: none. Default: 1."),
    failover: z
      .union([flag, whole(1, max.groupMax)])
      .optional()
      .describe("`true` or 1: used when the targets without it are not healthy; 2: when those of 1 are not either."),
  }),
]);

const health = z.strictObject({
  path: text("a path that starts with /", /^\/[^\s#]*$/).describe(
    "What each target is asked for, after its URL's path.",
  ),
  method: z.enum(["GET", "HEAD"], { error: "GET or HEAD" }).optional().describe("Default: GET."),
  interval: duration(max.checkIntervalMsMin, max.checkIntervalMsMax).optional().describe("Default: 10s."),
  timeout: duration(1, max.checkTimeoutMsMax).optional().describe("Default: 2s, or `interval` where that is shorter."),
  healthyAfter: whole(1, max.checksMax).optional().describe("Good checks in a row. Default: 2."),
  unhealthyAfter: whole(1, max.checksMax).optional().describe("Failed checks in a row. Default: 3."),
  expect: z
    .strictObject({
      status: list(whole(200, 599)).optional().describe("Default: any from 200 to 299."),
      contains: text("a text of visible ASCII", /^[\x20-\x7e]+$/)
        .max(max.checkTextCharsMax, { error: `a text of at most ${max.checkTextCharsMax} characters` })
        .optional()
        .describe("Text in the first 64 KiB of the body. Default: it is not read."),
    })
    .optional()
    .describe("What a good answer is."),
});

export const upstream = z.strictObject({
  targets: list(target)
    .max(max.targetsMax, { error: `at most ${max.targetsMax} targets` })
    .describe("URLs, or mappings with more of each."),
  balance: balance
    .pick({ policy: true, boundedLoad: true, slowStart: true })
    .extend({
      hash: balance.shape.hash
        .unwrap()
        .extend({
          claim: text("a claim of the identity", /^[^\s]{1,256}$/)
            .optional()
            .describe("Of the identity: `sub`, or one of its claims."),
          ip: z.literal(true, { error: "true" }).optional().describe("The client's address."),
        })
        .optional()
        .describe("With consistent-hash: requests with the same value go to the same target."),
      sufficient: whole(1, 100)
        .optional()
        .describe(
          "Percent of a group's targets that must be healthy for it to keep all requests. Default: any one is enough.",
        ),
    })
    .optional()
    .describe("How requests are spread over the targets of a group."),
  timeout: time.optional().describe("For the whole call with its retries, within the route's. Default: the route's."),
  deadlineHeader: headerName
    .optional()
    .describe("Header that tells targets how many milliseconds are left. Default: none."),
  retries: retries.optional().describe("What is sent again, and when."),
  breaker: breaker
    .omit({ maxConnections: true, maxPending: true, requestsPerConnection: true })
    .extend({
      shared: flag.optional().describe("Isolates tell each other which targets they have ejected. Default: false."),
    })
    .optional()
    .describe("Which targets are out of use, by what becomes of requests."),
  hedge: hedge.optional().describe("A second attempt beside one that has no answer yet. Absent: none."),
  validate: validate
    .optional()
    .describe("Routes that lead here are held to its API description, unless they say otherwise."),
  owner: ownerName.optional().describe("Whose upstream it is: one of `owners`."),
  health: health.optional().describe("Targets are asked how they are. Absent: they are not."),
});

export type UpstreamConfig = z.infer<typeof upstream>;
export type TargetConfig = z.infer<typeof target>;
