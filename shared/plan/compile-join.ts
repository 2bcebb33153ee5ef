/** `mesh.join` and `mesh.certificates` as the plan carries them. */
import { presetOf } from "../config/join-presets.ts";
import type { CertificatesConfig, JoinConfig } from "../config/schema-join.ts";
import { parseDurationMs } from "../config/units.ts";
import { join as bounds } from "../limits/join.ts";
import { limits } from "../limits.ts";
import type { CertificateLives } from "../policy/issuance.ts";
import type { JoinIssuer, JoinPlan, JoinRule } from "../policy/join-rules.ts";
import { mapValues, sorted } from "./sorted.ts";

type IssuerConfig = NonNullable<JoinConfig["issuers"]>[string];
type RuleConfig = NonNullable<JoinConfig["rules"]>[number];

/** @returns undefined where nobody joins by a token of an issuer */
export function compileJoin({ issuers, rules }: JoinConfig): JoinPlan | undefined {
  if (issuers === undefined || rules === undefined) return undefined;
  return { issuers: mapValues(issuers, compileIssuer), rules: rules.map(compileRule) };
}

/** How long an enrolment key that is not used is kept, milliseconds; undefined: as long as usual. */
export function compileKeyLifetime(join: JoinConfig | undefined): number | undefined {
  const given = join?.keyLifetime === undefined ? undefined : parseDurationMs(join.keyLifetime);
  return given === bounds.keyLifetimeMs ? undefined : given;
}

/** @returns undefined where certificates and tokens live as long as usual */
export function compileLives({ lifetime, tokenLifetime }: CertificatesConfig): CertificateLives | undefined {
  const certificateMs = durationOf(lifetime) ?? limits.certificate.leafLifetimeMs;
  const tokenMs = durationOf(tokenLifetime) ?? Math.min(7 * certificateMs, limits.control.agentTokenLifetimeMs);
  const isUsual =
    certificateMs === limits.certificate.leafLifetimeMs && tokenMs === limits.control.agentTokenLifetimeMs;
  return isUsual ? undefined : { certificateMs, tokenMs };
}

function compileIssuer(config: IssuerConfig): JoinIssuer {
  const { preset, issuer, audience, jwks, keys, maxTokenLifetime, clockSkew, reuse } = config;
  return {
    issuer: issuer ?? presetOf(preset, undefined)?.issuer ?? "",
    audiences: sorted(typeof audience === "string" ? [audience] : audience),
    ...(jwks !== undefined && { keys: { url: jwks } }),
    ...(keys !== undefined && { keys: { jwks: keys } }),
    tokenLifetimeMsMax: durationOf(maxTokenLifetime) ?? bounds.tokenLifetimeMs,
    clockSkewMs: durationOf(clockSkew) ?? limits.identity.clockSkewMs,
    ...(reuse === true && { reuse }),
  };
}

function compileRule({ issuer, claims, service, allow }: RuleConfig): JoinRule {
  const patterns = mapValues(claims ?? {}, (value) => sorted(typeof value === "string" ? [value] : value));
  return { issuer, claims: patterns, service, ...(allow !== undefined && { allow: sorted(allow) }) };
}

const durationOf = (text: string | undefined): number | undefined =>
  text === undefined ? undefined : parseDurationMs(text);
