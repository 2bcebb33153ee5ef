import type { Document } from "../config/schema.ts";
import { parseDurationMs } from "../config/units.ts";
import type { Partner, Partners } from "../policy/federation.ts";
import { mapValues } from "./sorted.ts";

type Mesh = NonNullable<Document["mesh"]>;

/**
 * Other trust domains, and an outside issuer of the own one.
 * @returns undefined when there are none
 */
export function compileFederation(mesh: Mesh | undefined): Partners | undefined {
  const { federation = {}, identity, trustDomain = "" } = mesh ?? {};
  const issuer = identity?.spiffe;
  if (issuer === undefined && Object.keys(federation).length === 0) return undefined;
  const partners = mapValues(federation, compilePartner);
  if (issuer === undefined) return partners;
  const { id, gateway } = issuer;
  const names = { id, ...(gateway !== undefined && { gateway }) };
  return { ...partners, [trustDomain]: { ...compilePartner(issuer), names } };
}

function compilePartner({ bundle, refresh }: { bundle: string; refresh?: string | undefined }): Partner {
  const refreshMs = refresh === undefined ? undefined : parseDurationMs(refresh);
  return { bundle, ...(refreshMs !== undefined && { refreshMs }) };
}
