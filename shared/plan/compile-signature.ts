import {
  algorithmOf,
  type Grants,
  type MessageKey,
  type SignatureProvider,
  usualComponents,
  usualMessageAlgorithms,
} from "../auth/http-signature.ts";
import { readPublicJwk } from "../auth/jwk.ts";
import type { WebhookProvider } from "../auth/webhook.ts";
import { secretName } from "../config/references.ts";
import type { SignatureConfig, SignatureKeyConfig, WebhookConfig } from "../config/schema-signature.ts";
import { durationOr } from "../config/units.ts";
import { limits } from "../limits.ts";
import { sorted } from "./sorted.ts";

export function compileSignature(config: SignatureConfig, name: string): SignatureProvider {
  const { keys = [], jwks, components, maxAge, clockSkew, tag, label, replay } = config;
  const algorithms = config.algorithms ?? usualMessageAlgorithms;
  return {
    kind: "signature",
    name,
    keys: keys.map((key) => compileKey(key, config, algorithms)),
    ...(jwks !== undefined && { published: { url: jwks, grants: compileGrants([config], name) } }),
    algorithms: sorted(algorithms) as SignatureProvider["algorithms"],
    components: [...new Set(components ?? usualComponents)],
    ageMsMax: durationOr(maxAge, limits.signature.ageMs),
    clockSkewMs: durationOr(clockSkew, limits.identity.clockSkewMs),
    ...(tag !== undefined && { tag }),
    ...(label !== undefined && { label }),
    ...(replay === "once" && { once: true as const }),
  };
}

function compileKey(
  key: SignatureKeyConfig,
  config: SignatureConfig,
  algorithms: SignatureProvider["algorithms"],
): MessageKey {
  const { keyid, jwk: given, secret, encoding } = key;
  const granted = { ...compileGrants([key, config], keyid), keyid };
  if (secret !== undefined) {
    const material = { secret: secretName(secret) ?? "", encoding: encoding ?? "text" };
    return { ...granted, algorithm: "hmac-sha256", material };
  }
  const jwk = readPublicJwk(given);
  if (typeof jwk === "string") throw new Error(`a key ${jwk}`);
  const algorithm = algorithmOf(jwk, algorithms);
  if (algorithm === undefined) throw new Error(`the key ${keyid} is of no algorithm that is accepted`);
  return { ...granted, algorithm, material: { jwk } };
}

export function compileWebhook(config: WebhookConfig, name: string): WebhookProvider {
  const { style, secrets = [], publicKeys = [], tolerance, replay, sender } = config;
  return {
    kind: "webhook",
    name,
    ...compileGrants([{ ...config, subject: sender }], name),
    style: style ?? "standard",
    secrets: oneOrMore(secrets).map((secret) => secretName(secret) ?? ""),
    publicKeys: oneOrMore(publicKeys).map((key) => key.slice("whpk_".length)),
    toleranceMs: durationOr(tolerance, limits.signature.toleranceMs),
    ...(replay === "once" && { once: true as const }),
  };
}

type GrantsConfig = Partial<Pick<SignatureConfig, "subject" | "consumer" | "plan" | "scopes" | "groups">>;

/** What the first states, else the next. @param sub where none states a subject */
function compileGrants(stated: readonly GrantsConfig[], sub: string): Grants {
  const first = <Key extends keyof GrantsConfig>(key: Key): GrantsConfig[Key] =>
    stated.find((one) => one[key] !== undefined)?.[key];
  const consumer = first("consumer");
  const plan = first("plan");
  return {
    sub: first("subject") ?? sub,
    scopes: sorted(first("scopes") ?? []),
    groups: sorted(first("groups") ?? []),
    ...(consumer !== undefined && { consumer }),
    ...(plan !== undefined && { plan }),
  };
}

const oneOrMore = (given: string | readonly string[]): readonly string[] =>
  typeof given === "string" ? [given] : given;
