/** Who sent a webhook, or why that is not shown. */
import type { ChallengeError } from "../../../shared/auth/bearer.ts";
import {
  identityOfWebhook,
  readWebhook,
  type Webhook,
  type WebhookProvider,
  webhookChallenge,
  webhookEndMs,
  webhookSecret,
  webhookStyles,
} from "../../../shared/auth/webhook.ts";
import { bytesOfBase64 } from "../../../shared/http/base64.ts";
import type { Identity } from "../../../shared/identity/identity.ts";
import type { Env } from "../env.ts";
import { sha256Base64url } from "../upstream/sha256.ts";
import { secretText, unusableSecret } from "./provider-secret.ts";
import { UsedProofs } from "./used-proofs.ts";
import type { ProofContext, Verifier } from "./verifier.ts";

export class WebhookVerifier implements Verifier<WebhookProvider> {
  readonly #used = new UsedProofs("webhooks");

  credentialOf({ headers }: Request, { style }: WebhookProvider): string | undefined {
    return headers.get(webhookStyles[style].signatures) ?? undefined;
  }

  /** None: a signature is of no use for another content, and receivers check it again with their sender's library. */
  fields(): readonly string[] {
    return [];
  }

  challenges(provider: WebhookProvider, realm: string, error?: ChallengeError): readonly string[] {
    return [webhookChallenge(realm, provider, error === "invalid_token")];
  }

  /** @throws SelvageError secret_missing, body_too_large, bad_request, request_timeout, proofs_unavailable */
  async verify(_: string, provider: WebhookProvider, context: ProofContext): Promise<Identity | string> {
    const { request, env, nowMs } = context;
    const webhook = readWebhook(provider, (name) => request.headers.get(name), nowMs);
    if (typeof webhook === "string") return webhook;
    const secrets = provider.secrets.map((name) => secretBytes(name, provider, env));
    const signed = join(webhook.prefix, await context.content());
    const isGood = (await isMac(webhook, secrets, signed)) || (await isSigned(webhook, provider, signed));
    if (!isGood) return "the signature is of none of the secrets and keys";
    const again = provider.once && (await this.#refuseAgain(webhook, signed, provider, context));
    return again ? `the delivery ${again}` : identityOfWebhook(webhook, provider);
  }

  /** It is known again by what was signed, whichever of its signatures comes with it. */
  async #refuseAgain(
    webhook: Webhook,
    signed: Uint8Array,
    provider: WebhookProvider,
    context: ProofContext,
  ): Promise<string | undefined> {
    const hash = await sha256Base64url(JSON.stringify([provider.name, await sha256Base64url(signed)]));
    return this.#used.refuse(hash, webhookEndMs(webhook, provider), context);
  }
}

const HMAC = { name: "HMAC", hash: "SHA-256" };
const ED25519 = { name: "Ed25519" };

/** One MAC for each secret, however many signatures there are: the content may be large. */
async function isMac({ signatures }: Webhook, secrets: readonly Uint8Array[], signed: Uint8Array): Promise<boolean> {
  const macs = signatures.filter(({ scheme }) => scheme === "hmac");
  if (macs.length === 0) return false;
  for (const secret of secrets) {
    const key = await crypto.subtle.importKey("raw", secret, HMAC, false, ["sign"]);
    const mac = await crypto.subtle.sign("HMAC", key, signed);
    if (macs.some(({ bytes }) => crypto.subtle.timingSafeEqual(mac, bytes))) return true;
  }
  return false;
}

async function isSigned(
  { signatures }: Webhook,
  { publicKeys }: WebhookProvider,
  signed: Uint8Array,
): Promise<boolean> {
  for (const text of publicKeys)
    for (const { scheme, bytes } of signatures)
      if (scheme === "ed25519" && (await isOfKey(text, bytes, signed))) return true;
  return false;
}

async function isOfKey(publicKey: string, signature: Uint8Array, signed: Uint8Array): Promise<boolean> {
  try {
    const key = await crypto.subtle.importKey("raw", bytesOfBase64(publicKey) ?? new Uint8Array(), ED25519, false, [
      "verify",
    ]);
    return await crypto.subtle.verify(ED25519, key, signature, signed);
  } catch {
    // What has the form of a key but is none has signed nothing.
    return false;
  }
}

function join(prefix: string, content: Uint8Array): Uint8Array {
  if (prefix === "") return content;
  const before = new TextEncoder().encode(prefix);
  const signed = new Uint8Array(before.length + content.length);
  signed.set(before);
  signed.set(content, before.length);
  return signed;
}

function secretBytes(name: string, { style }: WebhookProvider, env: Env): Uint8Array {
  const bytes = webhookSecret(secretText(name, env), style);
  if (bytes === undefined) throw unusableSecret(name, `a secret of the style ${style}, long enough`);
  return bytes;
}
