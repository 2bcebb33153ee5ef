/** External decision points, and what a route asks of one. */
import * as z from "zod";
import { limits } from "../limits.ts";
import { claimName, duration, flag, headerName, headerValue, list, mode, name, text, url } from "./fields.ts";

const max = limits.decision;

const authzen = z.strictObject({
  url: url.describe("The evaluation endpoint; with an origin alone its standard path /access/v1/evaluation."),
  headers: z
    .record(headerName, headerValue)
    .optional()
    .describe("Fields of each question, such as `authorization`. Values may hold `${secret:NAME}`."),
  claims: list(claimName)
    .max(max.membersMax, { error: `a list of at most ${max.membersMax}` })
    .optional()
    .describe("Claims that are told as properties of the subject. Default: none."),
  timeout: duration(1, max.waitMsMax).optional().describe("For one question. Default: 1s."),
  remember: duration(0, max.rememberMsMax).optional().describe("How long an answer is believed. Default: 10s."),
  onFailure: z
    .enum(["closed", "open"], { error: "closed or open" })
    .optional()
    .describe("When nobody answers: `closed` refuses (default), `open` lets pass."),
});

export const decisionPoint = z.strictObject({ authzen: authzen.describe("OpenID Authorization API 1.0.") });

const filled = text("a text, in which templates such as {identity.sub} are filled in", /^[\s\S]{1,1024}$/);
const fillings = z
  .record(text("the name of a property", /^.{1,128}$/), z.union([filled, z.number({ error: "a number" }), flag]))
  .refine((value) => Object.keys(value).length <= max.membersMax, {
    error: `a mapping of at most ${max.membersMax} properties`,
  });
const entity = z.strictObject({
  type: filled.optional(),
  id: filled.optional(),
  properties: fillings.optional().describe("Instead of the default ones. What has no value is left out."),
});

/** The `decision` of a route's `auth`. */
export const decision = z.union([
  name("the name of a decision point"),
  z.strictObject({
    by: name("the name of a decision point"),
    subject: entity.optional().describe("Default: type `user`, id `{identity.sub}`, properties of the identity."),
    action: z
      .strictObject({ name: filled.optional(), properties: fillings.optional() })
      .optional()
      .describe("Default: name `{request.method}`."),
    resource: entity.optional().describe("Default: type `route`, id the route's name, properties `path` and `params`."),
    context: fillings.optional().describe("Default: none."),
    mode: mode
      .optional()
      .describe("`shadow`: it is asked beside the request, which does not wait and is not refused. Default: enforce."),
  }),
]);

export type DecisionPointConfig = z.infer<typeof decisionPoint>;
export type DecisionConfig = z.infer<typeof decision>;
