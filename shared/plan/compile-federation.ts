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
  const all: Readonly<Record<string, PartnerConfig>> = issuer ? { ...federation, [trustDomain]: issuer } : federation;
  return Object.keys(all).length === 0 ? undefined : mapValues(all, compilePartner);
}

type Issuer = NonNullable<Mesh["identity"]>["spiffe"];
/** With `id`: an outside issuer. */
type PartnerConfig = NonNullable<Mesh["federation"]>[string] & Partial<Pick<Issuer, "id" | "gateway">>;

function compilePartner({ bundle, refresh, id, gateway }: PartnerConfig): Partner {
  const refreshMs = refresh === undefined ? undefined : parseDurationMs(refresh);
  const names = id === undefined ? undefined : { id, ...(gateway !== undefined && { gateway }) };
  return { bundle, ...(refreshMs !== undefined && { refreshMs }), ...(names !== undefined && { names }) };
}
