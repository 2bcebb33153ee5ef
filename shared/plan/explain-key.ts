import { type ApiKeyProvider, identityOfKey, type KeyRecord, presentedKey, refuseKeyRecord } from "../auth/api-key.ts";
import { keyStart, refuseKeyForm } from "../auth/key-form.ts";
import { missingScopes } from "../auth/scopes.ts";
import type { Path } from "../config/problem.ts";
import type { Identity } from "../identity/identity.ts";
import { type ExplainRequest, type ExplainStep, step } from "./explain-step.ts";
import type { IdentityProvider } from "./plan.ts";

type Named = readonly (readonly [name: string, provider: IdentityProvider])[];
interface Explained {
  readonly identity: Identity;
  readonly steps: readonly ExplainStep[];
}

/**
 * A key of the request, of which only the form is judged, or the record of one that was looked up.
 * @returns undefined when there is no key for these providers
 */
export function explainKey(
  providers: Named,
  { headers, query, credential }: Pick<ExplainRequest, "headers" | "query" | "credential">,
  scopes: readonly string[],
  path: Path,
  nowMs: number,
): Explained | undefined {
  if (credential.kind === "key") return explainRecord(providers, credential.record, scopes, path, nowMs);
  if (credential.kind === "assumed") return undefined;
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
  return denied(refused, path);
}

function explainRecord(
  providers: Named,
  record: KeyRecord,
  scopes: readonly string[],
  path: Path,
  nowMs: number,
): Explained {
  const { prefix, start, owner } = record;
  const [name] = providers.find(([, provider]) => provider.kind === "api-key" && provider.prefix === prefix) ?? [];
  if (name === undefined) return denied(`no provider of this route takes keys of the prefix ${prefix}`, path);
  const refused = refuseKeyRecord(record, prefix, nowMs);
  if (refused !== undefined) return denied(`${name}: ${refused}`, path);
  const granted = record.scopes.join(" ") || "none";
  const steps = [step("auth", "pass", `${owner} by ${name}, key ${start}..., scopes: ${granted}`, path)];
  const missing = missingScopes(record.scopes, scopes);
  const at = [...path, "scopes"];
  if (missing.length > 0) steps.push(step("scopes", "deny", `lacks ${missing.join(" ")}`, at, "scope_missing"));
  else if (scopes.length > 0) steps.push(step("scopes", "pass", `has ${scopes.join(" ")}`, at));
  return { identity: identityOfKey(record), steps };
}

function denied(reason: string, path: Path): Explained {
  return { identity: ownerOf("", ""), steps: [step("auth", "deny", reason, path, "credentials_invalid")] };
}

function accepted(
  name: string,
  { prefix }: ApiKeyProvider,
  key: string,
  scopes: readonly string[],
  path: Path,
): Explained {
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
