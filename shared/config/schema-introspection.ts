/** Providers that ask the issuer about each token (RFC 7662). */
import * as z from "zod";
import { limits } from "../limits.ts";
import { claimName, claimNames, duration, flag, list, oneOrList, secretReference, text, url } from "./fields.ts";
import { tokenBinding } from "./schema-bound.ts";

const max = limits.introspection;

export const introspection = z.strictObject({
  issuer: text(
    "an issuer such as https://login.example.com/",
    new RegExp(`^[\\x21-\\x7e]{1,${limits.identity.issuerCharsMax}}$`),
  ).describe(
    "Exactly the `iss` of answers that state one. Without `url` the endpoint is found by OIDC discovery below it.",
  ),
  url: url.optional().describe("The introspection endpoint."),
  clientId: text("a client id", /^[\x20-\x7e]{1,512}$/)
    .optional()
    .describe("Who the gateway is to the issuer; needs `clientSecret`."),
  clientSecret: secretReference.optional().describe("The client's secret; a reference, never the value."),
  clientAuth: z
    .enum(["client_secret_basic", "client_secret_post"], { error: "client_secret_basic or client_secret_post" })
    .optional()
    .describe("Where the client's secret goes: `Authorization` (default) or the form."),
  bearer: secretReference.optional().describe("Bearer token for the endpoint, instead of a client's secret."),
  audience: oneOrList(text("an audience", /^[^\s].{0,1023}$/))
    .optional()
    .describe("One of them must be in `aud`. Default: the issuer alone judges whom a token is for."),
  subject: z
    .union([claimName, list(claimName).max(max.subjectClaimsMax, { error: `at most ${max.subjectClaimsMax} claims` })])
    .optional()
    .describe("Claim that names the subject; of several the first that is there. Default: sub."),
  claims: claimNames("scope, else scp").optional(),
  prefix: text("first characters of a token", /^[A-Za-z0-9._~+/-]{1,64}$/)
    .optional()
    .describe("First characters of its tokens; nobody is asked about others. Default: none."),
  jwts: flag.optional().describe("Whether tokens in the form of a JWT are asked about. Default: true."),
  clockSkew: duration(0, limits.document.clockSkewMsMax)
    .optional()
    .describe("Tolerated clock difference. Default: 1m."),
  timeout: duration(1, max.waitMsMax).optional().describe("For one question. Default: 2s."),
  remember: duration(0, max.rememberMsMax)
    .optional()
    .describe("How long a good answer is believed, never beyond its `exp`. Default: 30s."),
  onFailure: z
    .enum(["closed", "stale"], { error: "closed or stale" })
    .optional()
    .describe("When the endpoint fails: `closed` refuses (default), `stale` prolongs the last good answer."),
  staleFor: duration(1, max.staleMsMax).optional().describe("How much longer, with `onFailure: stale`. Default: 5m."),
  ...tokenBinding,
});

export type IntrospectionConfig = z.infer<typeof introspection>;
