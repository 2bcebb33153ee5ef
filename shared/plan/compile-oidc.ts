import type { ClaimNames, OidcProvider } from "../auth/providers.ts";
import { secretName } from "../config/references.ts";
import type { OidcConfig } from "../config/schema-oidc.ts";
import { durationOr } from "../config/units.ts";
import { limits } from "../limits.ts";
import { sorted } from "./sorted.ts";

/** @param name of the provider in the document */
export function compileOidc(oidc: OidcConfig, name: string): OidcProvider {
  const { issuer, clientId, clientSecret, clientAuth, clockSkew, path, session, keep, userinfo, claims } = oidc;
  const secret = secretName(clientSecret);
  return {
    kind: "oidc",
    name,
    issuer,
    clientId,
    clientAuth: clientAuth ?? (secret === undefined ? "none" : "basic"),
    ...(secret !== undefined && { clientSecret: secret }),
    scopes: sorted(oidc.scopes ?? ["openid"]),
    algorithms: sorted(oidc.algorithms ?? ["ES256", "EdDSA", "PS256", "RS256"]),
    clockSkewMs: durationOr(clockSkew, limits.identity.clockSkewMs),
    path: path ?? `/.selvage/${name}`,
    afterLogin: oidc.afterLogin ?? "/",
    afterLogout: oidc.afterLogout ?? "/",
    idleMs: durationOr(session?.idle, Math.min(limits.login.idleMs, absoluteOf(oidc))),
    absoluteMs: absoluteOf(oidc),
    origins: sorted(oidc.origins ?? []),
    ...(claims !== undefined && Object.keys(claims).length > 0 && { claims: claims as ClaimNames }),
    ...(keep !== undefined && { keep: sorted(keep) }),
    ...(userinfo === true && { userinfo: true as const }),
  };
}

function absoluteOf({ session }: OidcConfig): number {
  return durationOr(session?.absolute, limits.login.absoluteMs);
}
