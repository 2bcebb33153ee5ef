import { SelvageError } from "../../../shared/errors.ts";
import type { Env } from "../env.ts";

/** The text of `${secret:NAME}`. @throws SelvageError secret_missing */
export function secretText(name: string, env: Env): string {
  const text = env[`SECRET_${name}`];
  if (text === undefined) throw new SelvageError("secret_missing", `the secret ${name} is not set`);
  return text;
}

export function unusableSecret(name: string, expected: string): SelvageError {
  return new SelvageError("secret_missing", `the secret ${name} cannot be used: expected ${expected}`);
}
