import type { Proof } from "../auth/compose.ts";
import {
  chooseSignature,
  coversContent,
  type Grants,
  identityOfSignature,
  mustCoverContent,
  refuseAlgorithm,
  refuseSignature,
  type SignatureProvider,
} from "../auth/http-signature.ts";
import { identityOfWebhook, readWebhook, type WebhookProvider, webhookStyles } from "../auth/webhook.ts";
import { readContentDigest } from "../http/content-digest.ts";
import { type SignatureInput, signatureBase } from "../http/signature-base.ts";
import { readSignatureInputs, readSignatures } from "../http/signature-fields.ts";
import type { Identity } from "../identity/identity.ts";
import { type ExplainRequest, headerOf } from "./explain-step.ts";

/** Claim of an identity whose signature nobody has checked: `once` where it also must be the first. */
const UNCHECKED = "signature_not_checked";

/** Who is assumed, or the signature of a request by all but its bytes. */
export function proofOfSignature(provider: SignatureProvider, request: ExplainRequest, nowMs: number): Proof {
  const assumed = assume(request, provider.name, "signature");
  if (assumed !== undefined) return assumed;
  const field = headerOf(request, "signature-input");
  if (field === undefined)
    return headerOf(request, "signature") === undefined ? { kind: "absent" } : refuse("Signature-Input is missing");
  const inputs = readSignatureInputs(field);
  if (typeof inputs === "string") return refuse(inputs);
  const input = chooseSignature(inputs, provider);
  if (input === undefined) return { kind: "absent" };
  if (typeof input === "string") return refuse(input);
  const reason = refuseSignature(input, provider, nowMs) ?? refuseText(input, provider, request);
  if (reason !== undefined) return refuse(reason);
  const grants = grantsOf(input, provider);
  if (typeof grants === "string") return refuse(grants);
  return unchecked(identityOfSignature(input, provider, grants), provider);
}

function refuseText(input: SignatureInput, provider: SignatureProvider, request: ExplainRequest): string | undefined {
  const signatures = readSignatures(headerOf(request, "signature") ?? "");
  if (typeof signatures === "string") return signatures;
  if (!signatures.has(input.label)) return `Signature has no ${input.label}`;
  const { method, host, path, query } = request;
  const lines = (name: string): string[] | undefined => {
    const values = request.headers.filter(([known]) => known === name).map(([, value]) => value);
    return values.length === 0 ? undefined : values;
  };
  const message = { method, scheme: "https", authority: host, path, query, lines } as const;
  const base = signatureBase(input, message);
  if (typeof base === "string") return base;
  if (!coversContent(input)) {
    const length = Number(headerOf(request, "content-length") ?? 0);
    return mustCoverContent(provider) && length > 0 ? "content-digest is not covered" : undefined;
  }
  const digests = readContentDigest(headerOf(request, "content-digest") ?? "");
  return typeof digests === "string" ? digests : undefined;
}

function grantsOf(input: SignatureInput, { keys, published }: SignatureProvider): Grants | string {
  const key = keys.find(({ keyid }) => keyid === input.keyid);
  return (key && refuseAlgorithm(input, key.algorithm)) ?? key ?? published?.grants ?? "no key of that keyid";
}

/** Who is assumed, or the fields of a webhook. */
export function proofOfWebhook(provider: WebhookProvider, request: ExplainRequest, nowMs: number): Proof {
  const assumed = assume(request, provider.name, "webhook");
  if (assumed !== undefined) return assumed;
  const field = (name: string): string | undefined => headerOf(request, name);
  if (field(webhookStyles[provider.style].signatures) === undefined) return { kind: "absent" };
  const webhook = readWebhook(provider, field, nowMs);
  return typeof webhook === "string" ? refuse(webhook) : unchecked(identityOfWebhook(webhook, provider), provider);
}

/** What is said beside an identity whose signature was not checked. */
export function signatureNote({ claims }: Identity): string {
  if (claims[UNCHECKED] === "once")
    return " (by what it says: the SIGNATURE, THE CONTENT AND ITS FIRST USE WERE NOT CHECKED)";
  return claims[UNCHECKED] === true ? " (by what it says: the SIGNATURE AND THE CONTENT WERE NOT CHECKED)" : "";
}

const refuse = (reason: string): Proof => ({ kind: "refused", reason });

const unchecked = (identity: Identity, { once }: { readonly once?: true }): Proof => ({
  kind: "proven",
  identity: { ...identity, claims: { ...identity.claims, [UNCHECKED]: once ? "once" : true } },
});

function assume({ credential }: ExplainRequest, issuer: string, method: Identity["method"]): Proof | undefined {
  if (credential.kind !== "assumed") return undefined;
  const { sub, scopes, claims = {} } = credential;
  const identity = { sub, issuer, scopes, groups: [], method };
  return { kind: "proven", identity: { ...identity, claims: { ...claims, sub, scope: scopes.join(" ") } } };
}
