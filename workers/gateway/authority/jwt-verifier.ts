/** Who a JWT names, or why it is refused. Tokens that were good are remembered until they end or the keys change. */
import { type KeySource, keySourceOf } from "../../../shared/auth/discovery.ts";
import { secretBytesMin } from "../../../shared/auth/jwk.ts";
import { acceptedUntilMs, identityOfClaims } from "../../../shared/auth/jwt-claims.ts";
import type { JwtProvider } from "../../../shared/auth/providers.ts";
import { type ReadToken, readToken } from "../../../shared/auth/read-token.ts";
import { SelvageError } from "../../../shared/errors.ts";
import type { Identity } from "../../../shared/identity/identity.ts";
import { limits } from "../../../shared/limits.ts";
import { BoundedMap } from "../../../shared/policy/bounded-map.ts";
import { AccessTokenVerifier } from "./access-token-verifier.ts";
import type { KeySet } from "./key-sets.ts";
import { secretText } from "./provider-secret.ts";
import type { TokenConfirmation } from "./token-confirmation.ts";
import { isSignedWith, readSegment, type TokenSignatures } from "./token-signatures.ts";
import type { ProofContext } from "./verifier.ts";

interface Remembered {
  readonly identity: Identity;
  readonly untilMs: number;
  readonly keys: KeySet;
}

/** What belongs to one provider. A new plan has new providers, so what an older one let in never bypasses its settings. */
interface Memory {
  readonly tokens: BoundedMap<Remembered>;
  /** Absent: the keys are in the plan, or are a secret. */
  readonly source?: KeySource;
  readonly ownKeys: KeySet;
}

export class JwtVerifier extends AccessTokenVerifier<JwtProvider> {
  readonly #signatures: TokenSignatures;
  readonly #memories = new WeakMap<JwtProvider, Memory>();

  constructor(signatures: TokenSignatures, confirmation: TokenConfirmation) {
    super(confirmation);
    this.#signatures = signatures;
  }

  /** @throws SelvageError issuer_unavailable, secret_missing */
  protected identify(
    token: string,
    provider: JwtProvider,
    context: ProofContext,
  ): Identity | Promise<Identity | string> {
    const memory = this.#memory(provider);
    const known = memory.tokens.get(token);
    if (known !== undefined) {
      if (context.nowMs < known.untilMs && this.#keysInUse(memory, context) === known.keys) return known.identity;
      memory.tokens.delete(token);
    }
    return this.#verifyAnew(token, provider, memory, context);
  }

  async #verifyAnew(
    token: string,
    provider: JwtProvider,
    memory: Memory,
    context: ProofContext,
  ): Promise<Identity | string> {
    const read = readToken(token, provider, readSegment, context.nowMs);
    if (typeof read === "string") return read;
    const keys = await this.#proveSignature(read, provider, memory, context);
    if (typeof keys === "string") return keys;
    const identity = identityOfClaims(read.claims, provider.claims);
    if (typeof identity === "string") return identity;
    memory.tokens.set(token, { identity, untilMs: acceptedUntilMs(read.claims, provider, context.nowMs), keys });
    return identity;
  }

  /** @returns the keys that it is good by, or why it is not */
  async #proveSignature(
    read: ReadToken,
    provider: JwtProvider,
    memory: Memory,
    context: ProofContext,
  ): Promise<KeySet | string> {
    if (provider.keys !== undefined && "secret" in provider.keys) {
      const secret = secretOf(provider.keys.secret, provider.algorithms, context);
      return (await isSignedWith(read, secret)) ? memory.ownKeys : "the signature is not of the secret";
    }
    return this.#signatures.prove(read, memory.source ?? memory.ownKeys, context);
  }

  /** Without waiting: what is remembered is not worth a fetch. */
  #keysInUse({ source, ownKeys }: Memory, { ctx, nowMs }: ProofContext): KeySet | undefined {
    return source === undefined ? ownKeys : this.#signatures.keySets.keysInUse(source, ctx, nowMs);
  }

  #memory(provider: JwtProvider): Memory {
    const known = this.#memories.get(provider);
    if (known !== undefined) return known;
    const { rememberedTokensMax, rememberedTokenBytesMax } = limits.identity;
    const source = keySourceOf(provider);
    const memory: Memory = {
      tokens: new BoundedMap<Remembered>(rememberedTokensMax, rememberedTokenBytesMax),
      ...(source !== undefined && { source }),
      ownKeys: { keys: provider.keys !== undefined && "jwks" in provider.keys ? provider.keys.jwks : [], text: "" },
    };
    this.#memories.set(provider, memory);
    return memory;
  }
}

function secretOf(name: string, algorithms: readonly string[], { env }: ProofContext): Uint8Array {
  const bytes = new TextEncoder().encode(secretText(name, env));
  const needed = secretBytesMin(algorithms);
  if (bytes.length < needed)
    throw new SelvageError(
      "secret_missing",
      `the secret ${name} has ${bytes.length} bytes, expected ${needed} or more`,
    );
  return bytes;
}
