/** Who signed a request (RFC 9421), or why that is not shown. What was signed is the request as it came. */
import type { ChallengeError } from "../../../shared/auth/bearer.ts";
import { type KeySource, keysAt } from "../../../shared/auth/discovery.ts";
import {
  algorithmOf,
  chooseSignature,
  coversContent,
  type Grants,
  identityOfSignature,
  type MessageAlgorithm,
  messageSecretBytesMin,
  mustCoverContent,
  refuseAlgorithm,
  refuseSignature,
  type SignatureProvider,
  signatureChallenge,
  signatureEndMs,
} from "../../../shared/auth/http-signature.ts";
import type { PublicJwk } from "../../../shared/auth/jwk.ts";
import { bytesOfBase64 } from "../../../shared/http/base64.ts";
import { readContentDigest } from "../../../shared/http/content-digest.ts";
import { type SignatureInput, type SignedMessage, signatureBase } from "../../../shared/http/signature-base.ts";
import { readSignatureInputs, readSignatures } from "../../../shared/http/signature-fields.ts";
import type { Identity } from "../../../shared/identity/identity.ts";
import { limits } from "../../../shared/limits.ts";
import type { Env } from "../env.ts";
import { sha256Base64url } from "../upstream/sha256.ts";
import type { KeySet, KeySets } from "./key-sets.ts";
import { secretText, unusableSecret } from "./provider-secret.ts";
import { UsedProofs } from "./used-proofs.ts";
import type { ProofContext, Verifier } from "./verifier.ts";

/** A key that a signature may be of. */
interface Candidate {
  readonly grants: Grants;
  readonly algorithm: MessageAlgorithm;
  readonly material: { readonly jwk: PublicJwk } | { readonly bytes: Uint8Array };
}

interface Signed {
  readonly input: SignatureInput;
  readonly base: Uint8Array;
  readonly signature: Uint8Array;
}

export class SignatureVerifier implements Verifier<SignatureProvider> {
  readonly #keySets: KeySets;
  /** What a request says, for every provider that looks at it. */
  readonly #inputs = new WeakMap<Request, ReturnType<typeof readSignatureInputs>>();
  readonly #imported = new WeakMap<PublicJwk, Map<MessageAlgorithm, CryptoKey>>();
  readonly #used = new UsedProofs("signatures");

  constructor(keySets: KeySets) {
    this.#keySets = keySets;
  }

  /** Signatures that are for somebody else count as none; fields that cannot be read are something. */
  credentialOf(request: Request, provider: SignatureProvider): string | undefined {
    const field = request.headers.get("signature-input");
    if (field === null) return request.headers.has("signature") ? "" : undefined;
    const inputs = this.#inputsOf(request, field);
    if (typeof inputs === "string") return field;
    return chooseSignature(inputs, provider) === undefined ? undefined : field;
  }

  #inputsOf(request: Request, field: string): ReturnType<typeof readSignatureInputs> {
    const known = this.#inputs.get(request);
    if (known !== undefined) return known;
    const inputs = readSignatureInputs(field);
    this.#inputs.set(request, inputs);
    return inputs;
  }

  fields(): readonly string[] {
    return ["signature-input", "signature"];
  }

  challenges(
    provider: SignatureProvider,
    realm: string,
    error?: ChallengeError,
    scopes?: readonly string[],
  ): readonly string[] {
    return [signatureChallenge(realm, provider, error, scopes)];
  }

  /** @throws SelvageError issuer_unavailable, secret_missing, body_too_large, bad_request, request_timeout, proofs_unavailable */
  async verify(field: string, provider: SignatureProvider, context: ProofContext): Promise<Identity | string> {
    // The cheap first: neither a key nor the content is looked at for what cannot be good.
    const signed = readSigned(this.#inputsOf(context.request, field), provider, context);
    if (typeof signed === "string") return signed;
    const grants = await this.#prove(signed, provider, context);
    if (typeof grants === "string") return grants;
    const refused =
      (await refuseContent(signed.input, provider, context)) ??
      (await this.#refuseAgain(signed.input, provider, context));
    return refused ?? identityOfSignature(signed.input, provider, grants);
  }

  async #refuseAgain(
    input: SignatureInput,
    provider: SignatureProvider,
    context: ProofContext,
  ): Promise<string | undefined> {
    if (!provider.once) return undefined;
    const hash = await sha256Base64url(JSON.stringify([provider.name, input.keyid, input.nonce]));
    const again = await this.#used.refuse(hash, signatureEndMs(input, provider), context);
    return again && `the nonce ${again}`;
  }

  /** Whom the key stands for that it was signed with, or why it is of none. */
  async #prove(signed: Signed, provider: SignatureProvider, context: ProofContext): Promise<Grants | string> {
    const own = provider.keys.find(({ keyid }) => keyid === signed.input.keyid);
    if (own !== undefined) {
      const { algorithm, material } = own;
      const usable = "secret" in material ? { bytes: secretBytes(material, context.env) } : material;
      return this.#try(signed, [{ grants: own, algorithm, material: usable }]);
    }
    if (provider.published === undefined) return "no key of that keyid";
    const source = keysAt(provider.published.url);
    const keys = await this.#keySets.keysOf(source, context.ctx, context.nowMs);
    return this.#tryPublished(signed, provider, provider.published.grants, source, keys, context);
  }

  async #tryPublished(
    signed: Signed,
    provider: SignatureProvider,
    grants: Grants,
    source: KeySource,
    known: KeySet,
    { ctx, nowMs }: ProofContext,
  ): Promise<Grants | string> {
    for (let keys: KeySet | undefined = known; keys !== undefined; ) {
      const candidates = candidatesOf(signed.input, provider, grants, keys);
      if (candidates.length > 0) return this.#try(signed, candidates);
      keys = await this.#keySets.keysAfterMiss(source, keys, signed.input.keyid, ctx, nowMs);
    }
    return "no key of that keyid";
  }

  async #try(signed: Signed, candidates: readonly Candidate[]): Promise<Grants | string> {
    let refused = "the signature is not of the key";
    for (const { grants, algorithm, material } of candidates) {
      const other = refuseAlgorithm(signed.input, algorithm);
      if (other !== undefined) refused = other;
      else if (await this.#isSigned(signed, algorithm, material)) return grants;
    }
    return refused;
  }

  async #isSigned(
    { base, signature }: Signed,
    algorithm: MessageAlgorithm,
    material: Candidate["material"],
  ): Promise<boolean> {
    try {
      const key =
        "bytes" in material ? await importSecret(material.bytes) : await this.#import(material.jwk, algorithm);
      return await crypto.subtle.verify(ALGORITHMS[algorithm].verify, key, signature, base);
    } catch {
      // What has the form of a key but is none, such as a point that is not on its curve, has signed nothing.
      return false;
    }
  }

  async #import(jwk: PublicJwk, algorithm: MessageAlgorithm): Promise<CryptoKey> {
    const known = this.#imported.get(jwk)?.get(algorithm);
    if (known !== undefined) return known;
    const { kid: _, alg: __, ...material } = jwk;
    const key = await crypto.subtle.importKey("jwk", material, ALGORITHMS[algorithm].key, false, ["verify"]);
    const byAlgorithm = this.#imported.get(jwk) ?? new Map<MessageAlgorithm, CryptoKey>();
    this.#imported.set(jwk, byAlgorithm.set(algorithm, key));
    return key;
  }
}

type SubtleAlgorithm = { readonly name: string; readonly hash?: string; readonly saltLength?: number };

const HMAC = { name: "HMAC", hash: "SHA-256" };
/** Section 3.3. */
const ALGORITHMS: Readonly<
  Record<
    MessageAlgorithm,
    { readonly key: SubtleAlgorithm & { namedCurve?: string }; readonly verify: SubtleAlgorithm }
  >
> = {
  ed25519: { key: { name: "Ed25519" }, verify: { name: "Ed25519" } },
  "ecdsa-p256-sha256": { key: { name: "ECDSA", namedCurve: "P-256" }, verify: { name: "ECDSA", hash: "SHA-256" } },
  "ecdsa-p384-sha384": { key: { name: "ECDSA", namedCurve: "P-384" }, verify: { name: "ECDSA", hash: "SHA-384" } },
  "rsa-pss-sha512": { key: { name: "RSA-PSS", hash: "SHA-512" }, verify: { name: "RSA-PSS", saltLength: 64 } },
  "rsa-v1_5-sha256": { key: { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" }, verify: { name: "RSASSA-PKCS1-v1_5" } },
  "hmac-sha256": { key: HMAC, verify: HMAC },
};

const importSecret = (bytes: Uint8Array): Promise<CryptoKey> =>
  crypto.subtle.importKey("raw", bytes, HMAC, false, ["verify"]);

/** A signature whose form, times and coverage are those of the provider, with the text that it must be of. */
function readSigned(
  inputs: ReturnType<typeof readSignatureInputs>,
  provider: SignatureProvider,
  context: ProofContext,
): Signed | string {
  const { request, nowMs } = context;
  if (typeof inputs === "string") return inputs;
  const input = chooseSignature(inputs, provider);
  if (input === undefined) return "no signature for this provider";
  if (typeof input === "string") return input;
  const signatures = readSignatures(request.headers.get("signature") ?? "");
  if (typeof signatures === "string") return signatures;
  const signature = signatures.get(input.label);
  if (signature === undefined) return `Signature has no ${input.label}`;
  const refused = refuseSignature(input, provider, nowMs);
  if (refused !== undefined) return refused;
  const found = signatureBase(input, messageOf(context));
  if (typeof found === "string") return found;
  return { input, base: new TextEncoder().encode(found.base), signature };
}

function messageOf({ request, target, connection }: ProofContext): SignedMessage {
  const { method, headers } = request;
  return {
    method,
    scheme: connection.scheme,
    authority: target.authority,
    path: target.path,
    query: target.query,
    lines: (name) => {
      const value = headers.get(name);
      return value === null ? undefined : [value];
    },
  };
}

/** Why the content is not what was signed, or undefined. It is read last, and only for who could sign. */
async function refuseContent(
  input: SignatureInput,
  provider: SignatureProvider,
  context: ProofContext,
): Promise<string | undefined> {
  if (!coversContent(input)) {
    const isBare = !mustCoverContent(provider) || (await context.content()).length === 0;
    return isBare ? undefined : "content-digest is not covered";
  }
  const digests = readContentDigest(context.request.headers.get("content-digest") ?? "");
  if (typeof digests === "string") return digests;
  const content = await context.content();
  for (const { algorithm, bytes } of digests) {
    const found = new Uint8Array(await crypto.subtle.digest(algorithm, content));
    if (!bytes.every((byte, at) => byte === found[at])) return `the content has another ${algorithm}`;
  }
  return undefined;
}

/** Published keys of the signature's `keyid`. */
function candidatesOf(
  { keyid }: SignatureInput,
  { algorithms }: SignatureProvider,
  grants: Grants,
  { keys }: KeySet,
): readonly Candidate[] {
  const candidates = keys.flatMap((jwk) => {
    const algorithm = jwk.kid === keyid ? algorithmOf(jwk, algorithms) : undefined;
    return algorithm === undefined ? [] : [{ grants, algorithm, material: { jwk } }];
  });
  return candidates.slice(0, limits.identity.keysTriedMax);
}

function secretBytes({ secret, encoding }: { secret: string; encoding: "text" | "base64" }, env: Env): Uint8Array {
  const text = secretText(secret, env);
  const bytes = encoding === "base64" ? bytesOfBase64(text) : new TextEncoder().encode(text);
  if (bytes === undefined || bytes.length < messageSecretBytesMin)
    throw unusableSecret(secret, `at least ${messageSecretBytesMin} bytes${encoding === "base64" ? " in base64" : ""}`);
  return bytes;
}
