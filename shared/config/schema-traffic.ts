/** `traffic` of a service: which of its instances get which requests. */
import * as z from "zod";
import { limits } from "../limits.ts";
import { between, headerName, headerValue, list, method, name, scope, text, whole } from "./fields.ts";
import { txnClaim } from "./schema-balance.ts";

const weight = whole(0, 1_000_000);
export const path = text(
  "a path such as /v2/items, or /v2/* for all below",
  /^\/(?:[^\s?#{}*]*\/)?\*$|^\/[^\s?#{}*]*$/,
);
const claimValue = text("the text of a claim", /^.{1,1024}$/s);

export const claims = z.record(txnClaim, claimValue);

export const match = z
  .strictObject({
    headers: z.record(headerName, headerValue).optional().describe("Headers that must have exactly this value."),
    path: path.optional().describe("Exact, or with a final `/*` it and all below. Default: every path."),
    methods: list(method).optional().describe("Default: every method."),
    claims: claims.optional().describe("What the end user's transaction token must say: `sub`, `tctx.NAME`."),
    scopes: list(scope).optional().describe("Scopes that the end user must have, all of them."),
  })
  .describe("All of it must match. Default: every request.");

export const trafficRule = z.strictObject({
  match: match.optional(),
  to: name("the name of a subset").optional().describe("The subset that gets them all."),
  split: z.record(name("the name of a subset"), weight).optional().describe("Subsets and their relative weights."),
});

const { mirrorRulesMax } = limits.agent;

export const mirror = z
  .array(
    z.strictObject({
      match: match.optional(),
      to: name("the name of a subset").describe("The subset that gets copies; nobody gets its answers."),
      percent: between(0.001, 100).optional().describe("Percent of the requests that match. Default: 100."),
    }),
  )
  .max(mirrorRulesMax, { error: `a list of at most ${mirrorRulesMax}` });

export type MirrorConfig = z.infer<typeof mirror>[number];
export type TrafficRuleConfig = z.infer<typeof trafficRule>;
