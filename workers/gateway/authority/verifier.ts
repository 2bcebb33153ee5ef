/** One kind of proof: what of a request it looks at, and whom that names. A kind is one file that fills this in. */
import type { ChallengeError } from "../../../shared/auth/bearer.ts";
import type { ClientConnection } from "../../../shared/auth/client-connection.ts";
import type { RequestTarget } from "../../../shared/http/request-target.ts";
import type { Identity } from "../../../shared/identity/identity.ts";
import type { Env } from "../env.ts";

export interface ProofContext {
  readonly env: Env;
  readonly ctx: Pick<ExecutionContext, "waitUntil">;
  readonly clientIp: string | undefined;
  readonly nowMs: number;
  /** As it came, with every field. Its body is `content`'s. */
  readonly request: Request;
  readonly target: RequestTarget;
  /** The client's own connection, as far as it is known. */
  readonly connection: ClientConnection;
  /**
   * The whole content, which still goes on: for proofs that cover it.
   * @throws SelvageError body_too_large, bad_request, request_timeout
   */
  content(): Promise<Uint8Array>;
  /** Adds a field to the answer, whatever that will be. */
  answer(name: string, value: string): void;
}

/** Why a credential is refused, for operators, with what the challenge says of it where that is not `invalid_token`. */
export interface Refusal {
  readonly reason: string;
  readonly error: ChallengeError;
}

/** Who was named, or why nobody. */
export type Verdict = Identity | Refusal | string;

export interface Verifier<Provider> {
  /** What a request shows of this kind; undefined: nothing. An empty text is something: a credential that is not good. */
  credentialOf(
    request: Request,
    provider: Provider,
    target: RequestTarget,
    connection: ClientConnection,
  ): string | undefined;
  /**
   * Who the credential names, or why it is refused. A promise only when there is something to wait for.
   * @throws SelvageError when that cannot be said, for a reason that is not the client's
   */
  verify(credential: string, provider: Provider, context: ProofContext): Verdict | Promise<Verdict>;
  /** Request fields that carry the credential: they end at the gateway. */
  fields(provider: Provider): readonly string[];
  /**
   * What a request gets instead of a 401, for whom another answer leads to a proof; undefined: nothing.
   * @throws SelvageError when that cannot be made
   */
  begin?(provider: Provider, context: ProofContext): Promise<Response | undefined>;
  /** A request field on which answers depend without a service or a cache knowing (RFC 9110 section 12.5.5). */
  readonly vary?: string;
  /** The query parameter that carries it, where there is one; it ends there, too. */
  parameter?(provider: Provider): string | undefined;
  /**
   * `WWW-Authenticate` of a refusal (RFC 9110 section 11.6.1), one a scheme: realm first, error last, without an error when
   * nothing was sent.
   * @param error what is wrong with this provider's own credential
   * @param scheme the one of the request's `Authorization`, lower case
   */
  challenges(
    provider: Provider,
    realm: string,
    error?: ChallengeError,
    scopes?: readonly string[],
    scheme?: string,
  ): readonly string[];
}
