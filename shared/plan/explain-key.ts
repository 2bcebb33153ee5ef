import { type ApiKeyProvider, presentedKey } from "../auth/api-key.ts";
import { keyStart, refuseKeyForm } from "../auth/key-form.ts";
import type { Path } from "../config/problem.ts";
import type { Identity } from "../identity/identity.ts";
import { type ExplainRequest, type ExplainStep, step } from "./explain-step.ts";
import type { IdentityProvider } from "./plan.ts";

/**
 * An API key of the request: its form is judged, whose it is only the gateway knows.
 * @returns undefined when the request has none for these providers
 */
export function explainKey(
  providers: readonly (readonly [name: string, provider: IdentityProvider])[],
  { headers, query, credential }: Pick<ExplainRequest, "headers" | "query" | "credential">,
  scopes: readonly string[],
  path: Path,
): { identity: Identity; steps: readonly ExplainStep[] } | undefined {
  const header = (name: string): string | undefined => {
    const values = headers.filter(([known]) => known === name).map(([, value]) => value);
    return values.length === 0 ? undefined : values.join(", ");
  };
  let refused: string | undefined;
  for (const [name, provider] of providers) {
    if (provider.kind !== "api-key") continue;
    const key = presentedKey(provider, header, query);
    if (key === undefined) continue;
    const fault = refuseKeyForm(key, provider.prefix, provider.foreign);
    if (fault === undefined) return accepted(name, provider, key, scopes, path);
    refused ??= `${name}: ${fault}`;
  }
  // A token beside it may still prove somebody.
  if (refused === undefined || credential.kind === "token") return undefined;
  return { identity: ownerOf("", ""), steps: [step("auth", "deny", refused, path, "credentials_invalid")] };
}

function accepted(
  name: string,
  { prefix }: ApiKeyProvider,
  key: string,
  scopes: readonly string[],
  path: Path,
): { identity: Identity; steps: readonly ExplainStep[] } {
  const start = keyStart(key, prefix);
  const text = `${start}... has the form of a key of ${name}; whether there is such a key WAS NOT LOOKED UP`;
  const steps = [step("auth", "pass", text, path)];
  if (scopes.length > 0) steps.push(step("scopes", "note", `the key needs ${scopes.join(" ")}`, [...path, "scopes"]));
  // Later steps go by the scopes that a key must have to come this far.
  return { identity: { ...ownerOf(`owner of ${start}`, prefix), scopes }, steps };
}

function ownerOf(sub: string, issuer: string): Identity {
  return { sub, issuer, scopes: [], claims: { sub }, groups: [], method: "api-key" };
}
