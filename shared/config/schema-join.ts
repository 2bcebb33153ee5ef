/** `mesh.join` and `mesh.certificates`: who joins without a join token, and for how long what is issued lives. */
import * as z from "zod";
import { certificateLives, join as max } from "../limits/join.ts";
import { limits } from "../limits.ts";
import { duration, flag, list, name, oneOrList, text, url } from "./fields.ts";
import { joinPresetNames } from "./join-presets.ts";

const issuerText = text(
  "an issuer such as https://login.example.com/",
  new RegExp(`^[\\x21-\\x7e]{1,${limits.identity.issuerCharsMax}}$`),
);

const joinIssuer = z.strictObject({
  preset: z
    .enum(joinPresetNames, { error: `one of ${joinPresetNames.join(", ")}` })
    .optional()
    .describe("A platform whose issuer and claims are known."),
  issuer: issuerText
    .optional()
    .describe("Exactly the `iss` of its tokens; the presets github, gitlab and gcp bring it along."),
  audience: oneOrList(text("an audience", /^[^\s].{0,1023}$/)).describe("One of them must be in `aud`."),
  jwks: url.optional().describe("Where it publishes its keys. Default: found by discovery below the issuer."),
  keys: list(z.record(z.string(), z.unknown()))
    .max(limits.identity.staticKeysMax, { error: `at most ${limits.identity.staticKeysMax} keys` })
    .optional()
    .describe("Its public keys as JWKs, where the control plane cannot reach it."),
  maxTokenLifetime: duration(1_000, max.tokenLifetimeMsMax)
    .optional()
    .describe("Longest life of a token, `exp` less `iat`. Default: 25h."),
  clockSkew: duration(0, limits.document.clockSkewMsMax)
    .optional()
    .describe("Tolerated clock difference. Default: 1m."),
  reuse: flag.optional().describe("Whether several agents may join by one token. Default: false."),
});

const pattern = text("a text of at most 1024 characters", /^[^\p{Cc}]{1,1024}$/u);
const claimPath = text("a claim such as sub or kubernetes.io.namespace", new RegExp(`^.{1,${max.claimCharsMax}}$`));

const joinRule = z.strictObject({
  issuer: name("the name of an issuer").describe("One of `issuers`."),
  claims: z
    .record(
      claimPath,
      z.union([pattern, list(pattern).max(max.valuesMax, { error: `at most ${max.valuesMax} texts` })]),
    )
    .refine((all) => Object.keys(all).length <= max.claimsMax, { error: `at most ${max.claimsMax} claims` })
    .optional()
    .describe("What its claims must be: a text, or several; `*` is any text without / and :, `**` any text."),
  service: text("a service, or a template such as {repository}", /^[^\p{Cc}\s]{1,256}$/u).describe(
    "The service that it joins as, or a template of claims with `allow`.",
  ),
  allow: list(text("the name of a service", /^[a-z0-9-]{1,63}$/))
    .optional()
    .describe("Services that the template may come to."),
});

export const join = z.strictObject({
  issuers: z
    .record(name("the name of an issuer"), joinIssuer)
    .refine((all) => Object.keys(all).length <= max.issuersMax, { error: `at most ${max.issuersMax} issuers` })
    .optional()
    .describe("Whose tokens are believed."),
  rules: list(joinRule)
    .max(max.rulesMax, { error: `at most ${max.rulesMax} rules` })
    .optional()
    .describe("Which workload joins as which service; the first rule that matches decides."),
  keyLifetime: duration(max.keyLifetimeMsMin, max.keyLifetimeMsMax)
    .optional()
    .describe("How long an agent that was away comes back by its enrolment key, since its last use. Default: 90d."),
});

export const certificates = z.strictObject({
  lifetime: duration(certificateLives.lifetimeMsMin, certificateLives.lifetimeMsMax)
    .optional()
    .describe("Of a workload's certificate, renewed from one third of it on. Default: 24h."),
  tokenLifetime: duration(certificateLives.lifetimeMsMin, limits.control.agentTokenLifetimeMs)
    .optional()
    .describe("Of the token that comes with it. Default: seven lives of the certificate, at most 7d."),
});

export type JoinConfig = z.infer<typeof join>;
export type CertificatesConfig = z.infer<typeof certificates>;
