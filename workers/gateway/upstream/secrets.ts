/** `${secret:NAME}` in what the document has edits and answers made of. */
import { SelvageError, type Sent } from "../../../shared/errors.ts";
import { MissingSecret, withSecrets } from "../../../shared/policy/header-edits.ts";
import type { Env } from "../env.ts";

/** The value of a secret by its name; undefined where there is none. */
export function secretsOf(env: Env): (name: string) => string | undefined {
  return (name) => env[`SECRET_${name}`];
}

/** What the client is told of a failure. @param sent how much of the request has left */
export function withSecretCode(cause: unknown, sent: Sent): unknown {
  if (!(cause instanceof MissingSecret)) return cause;
  return new SelvageError("secret_missing", cause.message, { cause, sent });
}

/** A text with the values of its secrets. @throws SelvageError secret_missing */
export function fillSecrets(text: string, env: Env): string {
  try {
    return withSecrets(text, secretsOf(env));
  } catch (cause) {
    throw withSecretCode(cause, "none");
  }
}
