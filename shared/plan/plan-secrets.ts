/** Names of the secrets of its host that a plan of the gateway needs. */
import type { IdentityProvider } from "../auth/providers.ts";
import type { GatewayPlan } from "./plan.ts";

/** `${secret:NAME}` of the plan's texts, and what its providers name. @returns sorted, each once */
export function planSecrets(plan: GatewayPlan): string[] {
  const written = [...JSON.stringify(plan).matchAll(REFERENCE)].map(([, name = ""]) => name);
  const named = Object.values(plan.identity).flatMap(secretsOf);
  return [...new Set([...written, ...named])].sort();
}

/** As `shared/policy/header-edits.ts` fills them in; JSON writes none of its characters otherwise. */
const REFERENCE = /\$\{secret:([A-Za-z0-9_]+)\}/g;

function secretsOf(provider: IdentityProvider): readonly string[] {
  switch (provider.kind) {
    case "jwt":
      return provider.keys !== undefined && "secret" in provider.keys ? [provider.keys.secret] : [];
    case "introspection":
      return [provider.client.secret];
    case "oidc":
      return provider.clientSecret === undefined ? [] : [provider.clientSecret];
    case "signature":
      return provider.keys.flatMap(({ material }) => ("secret" in material ? [material.secret] : []));
    case "webhook":
      return provider.secrets;
    default:
      return [];
  }
}
