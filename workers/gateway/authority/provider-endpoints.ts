import type { OidcProvider } from "../../../shared/auth/providers.ts";

/**
 * An endpoint to which a browser is sent, as the provider's metadata name it.
 * @returns undefined when there is none, or where it is less safe than the provider itself
 */
export function endpointOf(
  { issuer }: Pick<OidcProvider, "issuer">,
  metadata: Readonly<Record<string, unknown>>,
  name: "authorization_endpoint" | "end_session_endpoint",
): URL | undefined {
  const stated = metadata[name];
  if (typeof stated !== "string" || !URL.canParse(stated)) return undefined;
  const url = new URL(stated);
  return url.protocol === "https:" || (url.protocol === "http:" && issuer.startsWith("http:")) ? url : undefined;
}
