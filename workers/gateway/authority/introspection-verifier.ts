/** Whom an opaque token names, by the word of its issuer (RFC 7662). */
import { believedUntil, readIntrospection, refuseOpaqueToken } from "../../../shared/auth/introspection.ts";
import type { IntrospectionProvider } from "../../../shared/auth/providers.ts";
import { refuseTokenForm } from "../../../shared/auth/token-form.ts";
import { SelvageError } from "../../../shared/errors.ts";
import { clientGroup } from "../../../shared/http/address-list.ts";
import type { Identity } from "../../../shared/identity/identity.ts";
import { limits } from "../../../shared/limits.ts";
import { Asker } from "../upstream/asker.ts";
import { postQuestion } from "../upstream/post-question.ts";
import { AccessTokenVerifier } from "./access-token-verifier.ts";
import { BySettings } from "./by-settings.ts";
import type { KeySets } from "./key-sets.ts";
import { endpointOf } from "./provider-endpoints.ts";
import { secretText } from "./provider-secret.ts";
import type { TokenConfirmation } from "./token-confirmation.ts";
import { readSegment } from "./token-signatures.ts";
import type { ProofContext } from "./verifier.ts";

export class IntrospectionVerifier extends AccessTokenVerifier<IntrospectionProvider> {
  /** A refusal is remembered by its reason. */
  readonly #askers = new BySettings<IntrospectionProvider, Asker<Identity | string>>(
    () => new Asker(limits.introspection),
  );
  /** For what issuers say of themselves. */
  readonly #keySets: KeySets;
  constructor(keySets: KeySets, confirmation: TokenConfirmation) {
    super(confirmation);
    this.#keySets = keySets;
  }

  /** @throws SelvageError issuer_unavailable, limit_exceeded, secret_missing */
  protected identify(
    token: string,
    provider: IntrospectionProvider,
    context: ProofContext,
  ): Identity | string | Promise<Identity | string> {
    const asker = this.#askers.of(provider);
    const known = asker.recall(token, context.nowMs);
    if (known !== undefined) return known.value;
    const payload = payloadOf(token);
    const refused = refuseOpaqueToken(token, provider, payload);
    return refused ?? this.#ask({ token, payload }, provider, asker, context);
  }

  async #ask(
    { token, payload }: { token: string; payload: ReturnType<typeof payloadOf> },
    provider: IntrospectionProvider,
    asker: Asker<Identity | string>,
    context: ProofContext,
  ): Promise<Identity | string> {
    const { env, ctx, clientIp, nowMs } = context;
    const secret = secretText(provider.client.secret, env);
    const url = provider.url ?? (await this.#discover(provider.issuer, context));
    const outcome = await asker.ask(token, {
      ctx,
      nowMs,
      waitMs: provider.timeoutMs,
      asker: clientGroup(clientIp),
      countsVain: true,
      put: async (askedAtMs) => {
        const text = await postQuestion(questionOf(token, url, provider, secret));
        const answer = readIntrospection(text, provider, payload, Date.now());
        if (answer.kind === "malformed") throw new Error(answer.reason);
        const found = answer.kind === "identity";
        const value = found ? answer.identity : answer.reason;
        return { kind: "answer", value, chars: text.length, found, ...believedUntil(provider, answer, askedAtMs) };
      },
    });
    if (outcome !== "busy" && outcome.kind === "answer") return outcome.value;
    const reason = outcome === "busy" ? "too many questions at once or in vain" : `${url} ${outcome.reason}`;
    const stale = asker.stale(token, Date.now());
    if (stale === undefined)
      throw new SelvageError(outcome === "busy" ? "limit_exceeded" : "issuer_unavailable", reason);
    console.warn(JSON.stringify({ kind: "issuer", issuer: provider.issuer, reason, answered: "stale" }));
    return stale.value;
  }

  /** @throws SelvageError issuer_unavailable */
  async #discover(issuer: string, { ctx, nowMs }: ProofContext): Promise<string> {
    const { metadata = {} } = await this.#keySets.keysOf({ name: issuer }, ctx, nowMs);
    const url = endpointOf({ issuer }, metadata, "introspection_endpoint");
    if (url !== undefined) return url.href;
    throw new SelvageError("issuer_unavailable", `${issuer}: discovery has no introspection_endpoint that can be used`);
  }
}

/** Of a token in the form of a JWT, as far as it can be read. */
function payloadOf(token: string): Record<string, unknown> | undefined {
  if (refuseTokenForm(token) !== undefined) return undefined;
  const payload = readSegment(token.split(".")[1] ?? "");
  return typeof payload === "string" ? undefined : payload;
}

/** RFC 7662 section 2.1, with the client's authentication of RFC 6749 section 2.3.1 or RFC 6750 section 2.1. */
function questionOf(token: string, url: string, { client, timeoutMs }: IntrospectionProvider, secret: string) {
  const form = new URLSearchParams({ token, token_type_hint: "access_token" });
  const headers = new Headers({ "content-type": "application/x-www-form-urlencoded" });
  if (client.method === "bearer") headers.set("authorization", `Bearer ${secret}`);
  else if (client.method === "client_secret_basic")
    headers.set("authorization", `Basic ${btoa(`${formEncode(client.id)}:${formEncode(secret)}`)}`);
  else {
    form.set("client_id", client.id);
    form.set("client_secret", secret);
  }
  const { answerBytesMax } = limits.introspection;
  return { url, headers, body: form.toString(), timeoutMs, answerBytesMax };
}

/** `application/x-www-form-urlencoded` of one value (RFC 6749 appendix B): what is left is ASCII. */
const formEncode = (value: string): string => new URLSearchParams([["", value]]).toString().slice(1);
