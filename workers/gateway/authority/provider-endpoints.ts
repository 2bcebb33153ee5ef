/**
 * An endpoint of an issuer, as its metadata name it.
 * @returns undefined when there is none, or where it is less safe than the issuer itself
 */
export function endpointOf(
  { issuer }: { readonly issuer: string },
  metadata: Readonly<Record<string, unknown>>,
  name: "authorization_endpoint" | "end_session_endpoint" | "introspection_endpoint",
): URL | undefined {
  const stated = metadata[name];
  if (typeof stated !== "string" || !URL.canParse(stated)) return undefined;
  const url = new URL(stated);
  return url.protocol === "https:" || (url.protocol === "http:" && issuer.startsWith("http:")) ? url : undefined;
}
