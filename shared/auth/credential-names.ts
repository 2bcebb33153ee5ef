import type { IdentityProvider } from "./providers.ts";
import { webhookStyles } from "./webhook.ts";

export interface CredentialNames {
  /** Of fields, in lower case. */
  readonly headers: ReadonlySet<string>;
  /** Of parameters, in lower case. */
  readonly query: ReadonlySet<string>;
}

/** Where clients of a plan may show what proves them. `Authorization`, `Cookie` and their like come on top. */
export function credentialNamesOf(identity: Readonly<Record<string, IdentityProvider>>): CredentialNames {
  const [headers, query] = [new Set<string>(), new Set<string>()];
  for (const provider of Object.values(identity)) {
    if (provider.kind === "webhook") headers.add(webhookStyles[provider.style].signatures);
    if (provider.kind !== "api-key") continue;
    if (provider.header !== undefined) headers.add(provider.header);
    if (provider.query !== undefined) query.add(provider.query.toLowerCase());
  }
  return { headers, query };
}
