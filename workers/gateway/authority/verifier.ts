/** One kind of proof: what of a request it looks at, and whom that names. A kind is one file that fills this in. */
import type { Identity } from "../../../shared/identity/identity.ts";
import type { Env } from "../env.ts";

export interface ProofContext {
  readonly env: Env;
  readonly ctx: Pick<ExecutionContext, "waitUntil">;
  readonly clientIp: string | undefined;
  readonly nowMs: number;
}

export interface Verifier<Provider> {
  /**
   * What a request shows of this kind; undefined: nothing. An empty text is something: a credential that is not good.
   * @param query with its `?`; may be empty
   */
  credentialOf(headers: Headers, provider: Provider, query: string): string | undefined;
  /**
   * Who the credential names, or why it is refused. A promise only when there is something to wait for.
   * @throws SelvageError when that cannot be said, for a reason that is not the client's
   */
  verify(credential: string, provider: Provider, context: ProofContext): Identity | string | Promise<Identity | string>;
  /** Request fields that carry the credential: they end at the gateway. */
  fields(provider: Provider): readonly string[];
  /** The query parameter that carries it, where there is one; it ends there, too. */
  parameter?(provider: Provider): string | undefined;
  /** `WWW-Authenticate` of a refusal (RFC 9110 section 11.6.1), one a scheme: without an error when nothing was sent. */
  challenges(
    provider: Provider,
    realm: string,
    error?: "invalid_token" | "insufficient_scope",
    scopes?: readonly string[],
  ): readonly string[];
}
