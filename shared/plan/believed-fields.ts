import type { GatewayPlan } from "./plan.ts";

/** Fields that say something of a client by the word of a proxy or of the gateway: what clients say in them themselves ends at the edge. */
export function believedFields({
  tlsTerminator,
  clientIp,
  identityHeaders = [],
}: Pick<GatewayPlan, "tlsTerminator" | "clientIp" | "identityHeaders">): string[] {
  const { escapedPemHeader } = tlsTerminator ?? {};
  const ofProxies = [escapedPemHeader, clientIp?.header].filter((name) => name !== undefined);
  return [...ofProxies, ...identityHeaders];
}
