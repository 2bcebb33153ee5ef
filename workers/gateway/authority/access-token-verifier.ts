/** What every kind of OAuth access token shares: how it is shown, what it is bound to, and what a refusal says. */
import type { ChallengeError } from "../../../shared/auth/bearer.ts";
import { accessToken } from "../../../shared/auth/confirmation.ts";
import type { IntrospectionProvider, JwtProvider } from "../../../shared/auth/providers.ts";
import type { Identity } from "../../../shared/identity/identity.ts";
import { tokenChallenges } from "./token-challenges.ts";
import type { TokenConfirmation } from "./token-confirmation.ts";
import type { ProofContext, Verdict, Verifier } from "./verifier.ts";

export abstract class AccessTokenVerifier<Provider extends JwtProvider | IntrospectionProvider>
  implements Verifier<Provider>
{
  readonly #confirmation: TokenConfirmation;

  constructor(confirmation: TokenConfirmation) {
    this.#confirmation = confirmation;
  }

  credentialOf({ headers }: Request): string | undefined {
    return accessToken(headers.get("authorization") ?? undefined)?.token;
  }

  fields(): readonly string[] {
    return ["authorization", "dpop"];
  }

  challenges(
    { binding }: Provider,
    realm: string,
    error?: ChallengeError,
    scopes?: readonly string[],
    scheme?: string,
  ): readonly string[] {
    return tokenChallenges(binding, realm, { error, scopes, scheme });
  }

  /** @throws SelvageError proofs_unavailable, and what `identify` throws */
  verify(token: string, provider: Provider, context: ProofContext): Verdict | Promise<Verdict> {
    const confirm = (found: Identity | string): Verdict | Promise<Verdict> =>
      typeof found === "string" ? found : this.#confirmation.confirm(found, token, provider.binding, context);
    const found = this.identify(token, provider, context);
    return found instanceof Promise ? found.then(confirm) : confirm(found);
  }

  /** Whom the token names, whoever holds it; else why nobody. A promise only when there is something to wait for. */
  protected abstract identify(
    token: string,
    provider: Provider,
    context: ProofContext,
  ): Identity | string | Promise<Identity | string>;
}
