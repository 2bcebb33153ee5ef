/** Providers that go by signatures: HTTP message signatures, and webhooks. */
import * as z from "zod";
import { messageAlgorithms } from "../auth/http-signature.ts";
import { webhookStyleNames } from "../auth/webhook.ts";
import { limits } from "../limits.ts";
import { duration, list, oneOrList, scope, secretReference, text, url } from "./fields.ts";

const max = limits.signature;

const someName = (expected: string) => text(expected, /^[^\s](?:.{0,254}[^\s])?$/);
const algorithm = z.enum(messageAlgorithms, { error: `one of ${messageAlgorithms.join(", ")}` });
/** A structured field's text (RFC 9651 section 3.3.3) that needs no escapes. */
const sfText = (expected: string) =>
  text(expected, new RegExp(`^[\\x20\\x21\\x23-\\x5b\\x5d-\\x7e]{1,${max.textCharsMax}}$`));

/** Whom a key stands for. */
const grants = {
  subject: someName("the name of a subject").optional().describe("The identity's `sub`."),
  consumer: someName("the name of a consumer").optional().describe("The identity's `consumer`. Default: none."),
  plan: someName("the name of a plan").optional().describe("The identity's `plan`. Default: none."),
  scopes: z.array(scope).optional().describe("Its scopes. Default: none."),
  groups: list(text("the name of a group", /^.{1,256}$/))
    .optional()
    .describe("Its groups. Default: none."),
};

const replay = z.enum(["allowed", "once"], { error: "allowed or once" }).optional();

const key = z.strictObject({
  keyid: sfText("a key id").describe("What signatures of this key say as `keyid`."),
  jwk: z.record(z.string(), z.unknown()).optional().describe("Public key as a JWK."),
  secret: secretReference
    .optional()
    .describe("Shared secret of hmac-sha256, at least 32 bytes; a reference, never the value."),
  encoding: z
    .enum(["text", "base64"], { error: "text or base64" })
    .optional()
    .describe("Whether the secret is its text (default), or bytes that the text says in base64."),
  ...grants,
});

export const signature = z.strictObject({
  keys: list(key).optional().describe("Keys of those who may sign, with whom each stands for."),
  jwks: url.optional().describe("Where a signer publishes its key set; `keyid` is the `kid`."),
  algorithms: list(algorithm).optional().describe("Algorithms that are accepted. Default: all but rsa-v1_5-sha256."),
  components: list(
    text(
      "a component name such as @method or content-type",
      /^(?:@[a-z-]{1,32}|[a-z0-9!#$%&'*+.^_`|~-]{1,128})$/,
      (given) => (typeof given === "string" ? given.toLowerCase() : undefined),
    ),
  )
    .optional()
    .describe(
      "What a signature must cover; `content-digest` where there is content. Default: @method, @authority, @path, @query, content-digest.",
    ),
  maxAge: duration(1000, max.ageMsMax).optional().describe("Longest time since `created`. Default: 5m."),
  clockSkew: duration(0, limits.document.clockSkewMsMax)
    .optional()
    .describe("Tolerated clock difference. Default: 1m."),
  tag: sfText("a tag").optional().describe("`tag` that signatures must have. Default: they must have none."),
  label: text("a label such as sig1", /^[a-z*][a-z0-9_.*-]{0,63}$/)
    .optional()
    .describe("Label of the signature. Default: any, as long as one alone is meant."),
  replay: replay.describe("`once`: a signature needs a `nonce` and passes once. Default: allowed until it ends."),
  ...grants,
});

export const webhook = z.strictObject({
  style: z
    .enum(webhookStyleNames, { error: `one of ${webhookStyleNames.join(", ")}` })
    .optional()
    .describe("How the sender signs. Default: standard (Standard Webhooks)."),
  secrets: oneOrList(secretReference)
    .optional()
    .describe("Secrets of the sender, references; several while one takes the place of another."),
  publicKeys: oneOrList(text("a public key such as whpk_...", /^whpk_[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=$/))
    .optional()
    .describe("Ed25519 keys of the sender (`v1a`)."),
  tolerance: duration(1000, max.toleranceMsMax)
    .optional()
    .describe("Longest time between the sender's stamp and now, both ways. Default: 5m."),
  replay: replay.describe("`once`: what was signed passes once. Default: allowed within `tolerance`."),
  sender: grants.subject.describe("The identity's `sub`. Default: the name of the provider."),
  consumer: grants.consumer,
  plan: grants.plan,
  scopes: grants.scopes,
  groups: grants.groups,
});

export type SignatureConfig = z.infer<typeof signature>;
export type SignatureKeyConfig = z.infer<typeof key>;
export type WebhookConfig = z.infer<typeof webhook>;
