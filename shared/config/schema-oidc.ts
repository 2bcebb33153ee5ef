/** Logins of browsers in the document. */
import * as z from "zod";
import { signatureAlgorithms } from "../auth/jwk.ts";
import { limits } from "../limits.ts";
import { claimName, claimNames, duration, flag, list, scope, secretReference, text, url } from "./fields.ts";

const { sessionMsMin, sessionMsMax, returnCharsMax } = limits.login;
const max = limits.document;

const ownPath = text(
  "a path such as /account",
  new RegExp(`^/(?![/\\\\])[\\x21-\\x5b\\x5d-\\x7e]{0,${returnCharsMax - 1}}$`),
);

export const oidc = z.strictObject({
  issuer: url.describe(
    "The OpenID provider, exactly its `iss`; its endpoints and keys are found by discovery below it.",
  ),
  clientId: text("a client id", /^[\x21-\x7e]{1,256}$/).describe("What the gateway is called at the provider."),
  clientSecret: secretReference
    .optional()
    .describe("Secret of the client; a reference, never the value. Absent: a public client."),
  clientAuth: z
    .enum(["basic", "post", "none"], { error: "one of basic, post, none" })
    .optional()
    .describe("How the secret is shown at the token endpoint. Default: basic; without a secret: none."),
  scopes: list(scope)
    .max(max.authNamesMax, { error: `a list of at most ${max.authNamesMax}` })
    .optional()
    .describe("What is asked for; openid must be among them. Default: openid."),
  algorithms: list(z.enum(signatureAlgorithms, { error: `one of ${signatureAlgorithms.join(", ")}` }))
    .optional()
    .describe("Signatures of the provider's tokens that are accepted. Default: ES256, EdDSA, PS256, RS256."),
  clockSkew: duration(0, max.clockSkewMsMax).optional().describe("Tolerated clock difference. Default: 1m."),
  path: text("a path such as /.selvage/web", /^(\/[A-Za-z0-9._~-]{1,64}){1,4}$/)
    .optional()
    .describe("Below it are login, callback, logout, backchannel-logout and session. Default: /.selvage/NAME."),
  afterLogin: ownPath.optional().describe("Where a browser goes after a login that no page asked for. Default: /."),
  afterLogout: ownPath.optional().describe("Where a browser goes after a logout. Default: /."),
  session: z
    .strictObject({
      idle: duration(sessionMsMin, sessionMsMax)
        .optional()
        .describe("A session ends this long after its last request. Default: 30m."),
      absolute: duration(sessionMsMin, sessionMsMax)
        .optional()
        .describe("A session ends this long after the login. Default: 12h."),
    })
    .optional()
    .describe("How long a login lasts."),
  origins: list(text("an origin such as https://app.example.com", /^https?:\/\/[^/\s?#*]+$/))
    .max(max.authNamesMax, { error: `a list of at most ${max.authNamesMax}` })
    .optional()
    .describe("Other origins whose pages may change things with a session. Default: none."),
  keep: list(claimName)
    .max(max.authNamesMax, { error: `a list of at most ${max.authNamesMax}` })
    .optional()
    .describe("Claims that a session keeps. Default: all of the ID token that are about the person."),
  userinfo: flag.optional().describe("Whether claims are asked for at the UserInfo endpoint, too. Default: false."),
  claims: claimNames("those that were granted").optional(),
});

export type OidcConfig = z.infer<typeof oidc>;
