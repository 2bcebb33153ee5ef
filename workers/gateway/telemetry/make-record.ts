/** A record of a request, of what its stages have left in the context. */
import type { CredentialNames } from "../../../shared/auth/credential-names.ts";
import type { AccessLogEntry } from "../../../shared/http/access-log.ts";
import { describeTarget } from "../../../shared/plan/describe-target.ts";
import type { RoutePlan } from "../../../shared/plan/plan.ts";
import {
  entryWithoutSecrets,
  recordedHeaders,
  recordedIdentity,
  recordedQuery,
} from "../../../shared/policy/record-redaction.ts";
import type { HiddenNames } from "../../../shared/policy/record-settings.ts";
import { recordedDecisions } from "../../../shared/policy/recorded-decisions.ts";
import type {
  KeptBecause,
  RecordedIdentity,
  RecordedRequest,
  RequestRecord,
} from "../../../shared/policy/request-record.ts";
import { clientIpOf } from "../upstream/client-ip.ts";
import type { Context } from "../upstream/context.ts";
import type { GatewayEnv } from "../upstream/exchange.ts";

/** What inner stages set is absent when the request did not get that far. */
type Known = { readonly [Name in keyof GatewayEnv["Variables"]]: GatewayEnv["Variables"][Name] | undefined };

const known = <Name extends keyof Known>(c: Context<GatewayEnv>, name: Name): Known[Name] => c.get(name);

/** @param names where credentials are looked for @param hide what is hidden beside them */
export function recordOf(
  c: Context<GatewayEnv>,
  entry: AccessLogEntry,
  because: KeptBecause,
  names: CredentialNames,
  hide: HiddenNames | undefined,
): RequestRecord {
  const told = entryWithoutSecrets(entry);
  const request = requestOf(c, names, hide);
  const decisions = decisionsOf(c, told, request.identity);
  return { because, entry: told, request, decisions };
}

function requestOf(c: Context<GatewayEnv>, names: CredentialNames, hide: HiddenNames | undefined): RecordedRequest {
  const target = known(c, "target");
  const identity = known(c, "identity");
  const connectedFrom = clientIpOf(c.req.raw, c.env.CLIENT_IP);
  return {
    scheme: known(c, "scheme") ?? "http",
    authority: target?.authority ?? "",
    query: queryOf(c.req.raw, names, hide),
    headers: recordedHeaders(known(c, "head") ?? [], names, hide),
    ...(connectedFrom !== undefined && { connectedFrom }),
    ...(identity !== undefined && { identity: recordedIdentity(identity, providerOf(c), hide) }),
  };
}

/** As the client sent it: of what the target has been since, credentials are gone. */
function queryOf({ url }: Request, names: CredentialNames, hide: HiddenNames | undefined): string {
  const at = url.indexOf("?");
  return at < 0 ? "" : recordedQuery(url.slice(at).replace(/#.*$/, ""), names, hide);
}

/** The provider that can have proven it, where there is one alone. */
function providerOf(c: Context<GatewayEnv>): string | undefined {
  const { auth } = c.get("route");
  const { method, issuer } = c.get("identity");
  const { identity: providers } = c.get("held").plan;
  const able = [...(auth?.all ?? []), ...(auth?.any ?? [])].filter((name) => {
    const provider = providers[name];
    return provider?.kind === method && (!("issuer" in provider) || provider.issuer === issuer);
  });
  return able.length === 1 ? able[0] : undefined;
}

function decisionsOf(
  c: Context<GatewayEnv>,
  entry: AccessLogEntry,
  identity: RecordedIdentity | undefined,
): RequestRecord["decisions"] {
  const route = known(c, "route");
  const rateLimit = route === undefined || route.rateLimits.length === 0 ? null : c.res.headers.get("ratelimit");
  return recordedDecisions({
    entry,
    ...(route !== undefined && { route: factsOf(route) }),
    ...(identity !== undefined && { identity }),
    ...(rateLimit !== null && { rateLimit }),
    isReplay: c.get("replayed") === true,
  });
}

function factsOf({ auth, rateLimits, validation, target }: RoutePlan) {
  return {
    hasAuth: auth !== undefined,
    ...(auth?.mode === "shadow" && { isShadow: true as const }),
    scopes: auth?.scopes ?? [],
    limits: rateLimits.filter(({ shadow }) => shadow !== true).map(({ name }) => name),
    ...(validation?.requests === "enforce" && { contract: `contract ${validation.name}` }),
    target: target.kind === "forward" ? describeTarget(target.to) : target.kind,
  };
}
