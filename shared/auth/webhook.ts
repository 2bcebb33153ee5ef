/**
 * Signed webhooks as a proof of their sender: Standard Webhooks, and what common senders do instead. A style is a row of
 * `webhookStyles`. Computing MACs and checking signatures is the hosts' work.
 */
import { bytesOfBase64 } from "../http/base64.ts";
import { hexBytes } from "../http/hex.ts";
import type { Identity } from "../identity/identity.ts";
import { limits } from "../limits.ts";
import { type Grants, identityOfGrants } from "./http-signature.ts";

export const webhookStyleNames = ["standard", "svix", "github", "stripe", "slack", "shopify"] as const;
export type WebhookStyleName = (typeof webhookStyleNames)[number];

export interface WebhookProvider extends Grants {
  readonly kind: "webhook";
  /** Name of the provider: the identity's issuer. */
  readonly name: string;
  readonly style: WebhookStyleName;
  /** Names of secrets of the host; any of them may have signed. */
  readonly secrets: readonly string[];
  /** Ed25519 keys, 32 bytes each in base64. */
  readonly publicKeys: readonly string[];
  /** Between the time that is signed and now, both ways. */
  readonly toleranceMs: number;
  /** What was signed passes once. */
  readonly once?: true;
}

/** Form of a signature: MAC under a secret (HMAC-SHA-256), or Ed25519. */
type Scheme = "hmac" | "ed25519";

export interface WebhookStyle {
  /** Field with the signatures, lower case. */
  readonly signatures: string;
  /** Field with the time; absent: it stands beside the signatures, or nowhere. */
  readonly timestamp?: string;
  /** Field with the id of the delivery, where that is signed. */
  readonly id?: string;
  /** What is signed before the content; absent: nothing, so that no time is proven. */
  readonly prefix?: (id: string, timestamp: string) => string;
  /** How the field is read. */
  readonly form: "versions" | "pairs" | "hex" | "base64";
  /** What stands before a signature, with its scheme; others are of other schemes and passed over. */
  readonly marks: ReadonlyMap<string, Scheme>;
  /** Whether a secret is its text, or bytes that the text says in base64, after this prefix if it is there. */
  readonly secretPrefix?: string;
}

const standard: Omit<WebhookStyle, "signatures" | "timestamp" | "id"> = {
  prefix: (id, timestamp) => `${id}.${timestamp}.`,
  form: "versions",
  marks: new Map([
    ["v1", "hmac"],
    ["v1a", "ed25519"],
  ]),
  secretPrefix: "whsec_",
};

export const webhookStyles: Readonly<Record<WebhookStyleName, WebhookStyle>> = {
  standard: { ...standard, signatures: "webhook-signature", timestamp: "webhook-timestamp", id: "webhook-id" },
  svix: { ...standard, signatures: "svix-signature", timestamp: "svix-timestamp", id: "svix-id" },
  github: { signatures: "x-hub-signature-256", form: "hex", marks: new Map([["sha256=", "hmac"]]) },
  stripe: {
    signatures: "stripe-signature",
    prefix: (_, timestamp) => `${timestamp}.`,
    form: "pairs",
    marks: new Map([["v1", "hmac"]]),
  },
  slack: {
    signatures: "x-slack-signature",
    timestamp: "x-slack-request-timestamp",
    prefix: (_, timestamp) => `v0:${timestamp}:`,
    form: "hex",
    marks: new Map([["v0=", "hmac"]]),
  },
  shopify: { signatures: "x-shopify-hmac-sha256", form: "base64", marks: new Map([["", "hmac"]]) },
};

export interface WebhookSignature {
  readonly scheme: Scheme;
  readonly bytes: Uint8Array;
}

/** A webhook whose fields are well-formed and whose time is near. */
export interface Webhook {
  readonly signatures: readonly WebhookSignature[];
  /** Signed before the content. */
  readonly prefix: string;
  readonly id?: string;
  /** Seconds since the epoch. */
  readonly timestamp?: number;
}

/** No `.`: it ends the id in what is signed. */
const ID = /^[\x21-\x2d\x2f-\x7e]+$/;
const TIMESTAMP = /^[1-9]\d{0,11}$/;

/**
 * @param field value of a request field by its lower-case name
 * @param nowMs milliseconds since the epoch
 * @returns what has to be signed by whom, or why that cannot be a good webhook
 */
export function readWebhook(
  provider: WebhookProvider,
  field: (name: string) => string | null | undefined,
  nowMs: number,
): Webhook | string {
  const style = webhookStyles[provider.style];
  const text = field(style.signatures) ?? "";
  if (text.length > limits.signature.webhookFieldBytesMax) return `${style.signatures} is too long`;
  const read = READERS[style.form](text, style.marks);
  if (read === undefined) return `${style.signatures} is malformed`;
  if (read.signatures.length === 0) return `${style.signatures} has no signature of a known scheme`;
  if (style.prefix === undefined) return { signatures: read.signatures, prefix: "" };
  const id = style.id === undefined ? "" : (field(style.id) ?? "");
  if (style.id !== undefined && (!ID.test(id) || id.length > limits.signature.textCharsMax))
    return `${style.id} is missing or malformed`;
  const timestamp = style.timestamp === undefined ? (read.timestamp ?? "") : (field(style.timestamp) ?? "");
  if (!TIMESTAMP.test(timestamp)) return "the timestamp is missing or malformed";
  const awayMs = nowMs - Number(timestamp) * 1000;
  if (awayMs > provider.toleranceMs) return "the timestamp is too old";
  if (-awayMs > provider.toleranceMs) return "the timestamp is in the future";
  return {
    signatures: read.signatures,
    prefix: style.prefix(id, timestamp),
    ...(style.id !== undefined && { id }),
    timestamp: Number(timestamp),
  };
}

/** When a webhook ends, milliseconds since the epoch: until then it is accepted, and could come again. */
export function webhookEndMs({ timestamp = 0 }: Webhook, { toleranceMs }: WebhookProvider): number {
  return timestamp * 1000 + toleranceMs;
}

interface ReadField {
  readonly signatures: readonly WebhookSignature[];
  readonly timestamp?: string;
}
type Reader = (text: string, marks: WebhookStyle["marks"]) => ReadField | undefined;

const READERS: Readonly<Record<WebhookStyle["form"], Reader>> = {
  /** `v1,BASE64 v1a,BASE64`. */
  versions: (text, marks) => collect(text.split(" "), marks, (part) => splitAt(part, ","), bytesOfBase64),
  /** `t=1492774577,v1=HEX,v1=HEX`. */
  pairs: (text, marks) => {
    const parts = text.split(",");
    const times = parts.filter((part) => part.startsWith("t="));
    if (times.length !== 1) return undefined;
    const read = collect(parts, marks, (part) => splitAt(part, "="), hexBytes);
    return read && { ...read, timestamp: (times[0] as string).slice(2) };
  },
  /** A mark and one signature in hex digits. */
  hex: (text, marks) => single(text, marks, hexBytes),
  base64: (text, marks) => single(text, marks, bytesOfBase64),
};

type Decode = (text: string) => Uint8Array | undefined;

function splitAt(part: string, char: string): readonly [mark: string, value: string] {
  const at = part.indexOf(char);
  return at < 0 ? ["", part] : [part.slice(0, at), part.slice(at + 1)];
}

function single(text: string, marks: WebhookStyle["marks"], decode: Decode): ReadField | undefined {
  const mark = [...marks.keys()].find((one) => text.startsWith(one));
  return mark === undefined ? undefined : collect([text], marks, () => [mark, text.slice(mark.length)], decode);
}

function collect(
  parts: readonly string[],
  marks: WebhookStyle["marks"],
  split: (part: string) => readonly [mark: string, value: string],
  decode: Decode,
): ReadField | undefined {
  const signatures: WebhookSignature[] = [];
  if (parts.length > 2 * limits.signature.webhookSignaturesMax) return undefined;
  for (const part of parts) {
    const [mark, value] = split(part);
    const scheme = marks.get(mark);
    if (scheme === undefined) continue;
    const bytes = decode(value);
    if (bytes?.length !== SIGNATURE_BYTES[scheme]) return undefined;
    signatures.push({ scheme, bytes });
  }
  return signatures.length > limits.signature.webhookSignaturesMax ? undefined : { signatures };
}

const SIGNATURE_BYTES: Readonly<Record<Scheme, number>> = { hmac: 32, ed25519: 64 };

/**
 * Bytes of a secret as its style writes it.
 * @returns undefined when it is none, or shorter than it must be
 */
export function webhookSecret(text: string, style: WebhookStyleName): Uint8Array | undefined {
  const { secretPrefix } = webhookStyles[style];
  const { webhookSecretBytesMin, webhookTextSecretBytesMin } = limits.signature;
  if (secretPrefix === undefined) {
    const bytes = new TextEncoder().encode(text);
    return bytes.length < webhookTextSecretBytesMin ? undefined : bytes;
  }
  const bytes = bytesOfBase64(text.startsWith(secretPrefix) ? text.slice(secretPrefix.length) : text);
  return bytes === undefined || bytes.length < webhookSecretBytesMin ? undefined : bytes;
}

/** Who a good webhook is of. Only what was signed is a claim; `webhook_id` stays the same when a delivery is tried again. */
export function identityOfWebhook({ id, timestamp }: Webhook, provider: WebhookProvider): Identity {
  return identityOfGrants(provider, provider.name, "webhook", {
    webhook_style: provider.style,
    ...(id !== undefined && { webhook_id: id }),
    ...(timestamp !== undefined && { iat: timestamp }),
  });
}

/** `WWW-Authenticate` (RFC 9110 section 11.6.1). No scheme is registered for webhooks; this one says where a signature belongs. */
export function webhookChallenge(realm: string, { style }: WebhookProvider, refused: boolean): string {
  const error = refused ? ', error="invalid_signature"' : "";
  return `Webhook realm="${realm}", field="${webhookStyles[style].signatures}"${error}`;
}
