/** The part of the document that says how clients prove who they are. A kind of proof is a schema and a line of `provider`. */
import * as z from "zod";
import { hmacAlgorithms, signatureAlgorithms } from "../auth/jwk.ts";
import { KEY_PREFIX } from "../auth/key-form.ts";
import { limits } from "../limits.ts";
import { claimNames, duration, flag, headerName, list, oneOrList, secretReference, text, url } from "./fields.ts";
import { clientCertificate, tokenBinding } from "./schema-bound.ts";
import { introspection } from "./schema-introspection.ts";
import { oidc } from "./schema-oidc.ts";
import { signature, webhook } from "./schema-signature.ts";

const max = limits.document;

/** JWS algorithms that a provider may allow; which of them depends on its keys. */
const jwtAlgorithms = [...signatureAlgorithms, ...hmacAlgorithms] as const;

const jwt = z.strictObject({
  issuer: text(
    "an issuer such as https://login.example.com/",
    new RegExp(`^[\\x21-\\x7e]{1,${limits.identity.issuerCharsMax}}$`),
  ).describe(
    "Exactly the `iss` of accepted tokens. With none of `jwks`, `keys` and `secret` the keys are found by OIDC discovery below it.",
  ),
  jwks: url.optional().describe("Where the issuer publishes its key set."),
  keys: list(z.record(z.string(), z.unknown()))
    .optional()
    .describe("Public keys as JWKs. Private and symmetric ones are refused."),
  secret: secretReference
    .optional()
    .describe("Shared secret of HMAC signatures, at least 32 bytes; a reference, never the value."),
  audience: oneOrList(text("an audience", /^[^\s].{0,1023}$/)).describe("One of them must be in `aud`."),
  algorithms: list(z.enum(jwtAlgorithms, { error: `one of ${jwtAlgorithms.join(", ")}` }))
    .optional()
    .describe("Signature algorithms that are accepted. Default: ES256, EdDSA, PS256, RS256; with `secret`: HS256."),
  clockSkew: duration(0, max.clockSkewMsMax).optional().describe("Tolerated clock difference. Default: 1m."),
  requireExp: flag.optional().describe("Whether tokens must say when they end. Default: true."),
  maxTokenAge: duration(1000, max.tokenAgeMsMax)
    .optional()
    .describe("Longest time since a token was issued; `iat` is then required."),
  claims: claimNames("scope, else scp").optional(),
  ...tokenBinding,
});

const apiKey = z.strictObject({
  header: headerName.optional().describe("Field that carries the key."),
  bearer: flag.optional().describe("Whether `Authorization: Bearer` may carry it. Default: false."),
  query: text("a query parameter", /^[A-Za-z0-9_.~-]{1,64}$/)
    .optional()
    .describe("Parameter that carries the key. Taken away before the request goes on; still, URLs end up in logs."),
  prefix: text("a prefix of keys such as slv or shop_live", KEY_PREFIX)
    .optional()
    .describe("First part of its keys. Keys of another prefix are not this provider's. Default: slv."),
  foreign: flag.optional().describe("Whether imported keys of other forms are accepted. Default: false."),
});

/** Exactly one of them: `check-identity.ts`. */
export const provider = z.strictObject({
  jwt: jwt.optional(),
  apiKey: apiKey.optional(),
  introspection: introspection.optional(),
  certificate: clientCertificate.optional(),
  signature: signature.optional(),
  webhook: webhook.optional(),
  oidc: oidc.optional(),
});

export type ProviderConfig = z.infer<typeof provider>;
export type JwtConfig = z.infer<typeof jwt>;
export type ApiKeyConfig = z.infer<typeof apiKey>;
