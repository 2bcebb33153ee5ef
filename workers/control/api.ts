/** The HTTP API of the control plane (contracts in `shared/wire`): who may call what, and which object does it. */
import { type Context, Hono, type MiddlewareHandler } from "hono";
import type { KeyRecord } from "../../shared/auth/api-key.ts";
import { checkDocument } from "../../shared/config/check-document.ts";
import { SelvageError, toProblem } from "../../shared/errors.ts";
import { GATEWAY_SERVICE } from "../../shared/identity/spiffe-id.ts";
import { limits } from "../../shared/limits.ts";
import { canonicalJson } from "../../shared/plan/canonical-json.ts";
import { compile } from "../../shared/plan/compile.ts";
import { acknowledgementOf } from "../../shared/policy/acknowledgement.ts";
import { alarmsOf } from "../../shared/policy/alarms.ts";
import { keyIn } from "../../shared/policy/key-ring.ts";
import type { Lease } from "../../shared/policy/lease.ts";
import type { Instance } from "../../shared/policy/registry.ts";
import {
  type AgentStatus,
  type ApplyAnswer,
  applyRequestSchema,
  type EndpointStatus,
  joinTokenRequestSchema,
  rollbackRequestSchema,
  type Status,
} from "../../shared/wire/admin.ts";
import { ARTIFACT_DIGEST } from "../../shared/wire/artifacts.ts";
import type { ControlTokenClaims } from "../../shared/wire/control-token.ts";
import { type Credentials, enrolRequestSchema, renewRequestSchema } from "../../shared/wire/enrolment.ts";
import { type LeaseAnswer, leaseRequestSchema } from "../../shared/wire/gateway-lease.ts";
import type { CreatedKey, ImportAnswer } from "../../shared/wire/keys.ts";
import { describePurgeAnswer } from "../../shared/wire/purges.ts";
import { type RevocationInfo, type Revocations, revocationRequestSchema } from "../../shared/wire/revocations.ts";
import { type KeyRingStatus, type RotateAnswer, rotateRequestSchema } from "../../shared/wire/rotation.ts";
import { verifyControlToken } from "./authority/control-tokens.ts";
import { provesKey } from "./authority/renewal-proof.ts";
import type { Env } from "./env.ts";
import { readJson } from "./objects/read-json.ts";
import { type Act, type IssuedCredentials, MAIN, type Refused } from "./objects/rpc.ts";
import { askMissing, getArtifact, putArtifact } from "./upstream/artifact-calls.ts";
import { askCacheAdmin } from "./upstream/cache-admin.ts";
import { askKeyAdmin } from "./upstream/key-admin.ts";
import { missingKeys } from "./upstream/missing-keys.ts";

type Role = ControlTokenClaims["role"];
interface Api {
  Bindings: Env;
  Variables: { claims: ControlTokenClaims };
}
type Call = Context<Api>;

const CALL_BYTES = limits.control.callBytesMax;
const APPLY_BYTES = 3 * limits.control.documentBytesMax;
const DIGEST = `:digest{${ARTIFACT_DIGEST}}`;
const KEY = "/v1/keys/:id{[0-9a-f]{16}}";
const INSTANCE = /^[\w.:@-]+$/;

export function makeApi(): Hono<Api> {
  const api = new Hono<Api>();
  api.get("/healthz", (c) => c.json({ status: "ok" }));
  api.post("/v1/enrol", enrol);
  api.post("/v1/renew", role("agent"), renew);
  api.get("/v1/agents/connect", role("agent"), connect);
  api.post("/v1/gateway/lease", role("gateway"), lease);
  api.get(`/v1/gateway/artifacts/${DIGEST}`, role("gateway"), (c) => getArtifact(c.env, c.req.param("digest") ?? ""));
  api.use("/v1/*", role("admin"));
  api.post("/v1/artifacts/missing", (c) => askMissing(c.env, c.req.raw));
  api.put(`/v1/artifacts/${DIGEST}`, (c) => putArtifact(c.env, c.req.param("digest") ?? "", c.req.raw));
  api.post("/v1/config/versions", apply);
  api.get("/v1/config/versions", async (c) => c.json({ versions: await config(c).versions() }));
  api.get("/v1/config/versions/:version{[0-9]{1,15}}", version);
  api.post("/v1/config/rollback", rollback);
  api.get("/v1/status", status);
  api.get("/v1/services", services);
  api.get("/v1/deprecated", async (c) => c.json({ callers: await config(c).deprecatedCallers() }));
  api.get("/v1/drift", async (c) => c.json({ drift: await config(c).drift() }));
  api.post("/v1/join-tokens", joinToken);
  api.post("/v1/revocations", revoke);
  api.get("/v1/revocations", async (c) => c.json((await config(c).revocations()) satisfies Revocations));
  api.delete("/v1/revocations/:id{[0-9a-f-]{36}}", unrevoke);
  api.get("/v1/keys", askKeys);
  api.get(KEY, askKeys);
  api.post("/v1/keys", changeKeys("key-create"));
  api.patch(KEY, changeKeys("key-update"));
  api.post(`${KEY}/roll`, changeKeys("key-roll"));
  api.post(`${KEY}/revoke`, changeKeys("key-revoke"));
  api.post("/v1/keys/rotate", rotate);
  api.post("/v1/keys/import", changeKeys("key-import"));
  api.get("/v1/cache/purges", askCache);
  api.post("/v1/cache/purges", change("cache-purge", askCache, describePurgeAnswer));
  api.get("/v1/audit", async (c) => c.json({ entries: await config(c).auditLog() }));
  api.notFound((c) => problem(c, new SelvageError("no_route", "no such call")));
  api.onError((error, c) => problem(c, error));
  return api;
}

const config = (c: Call) => c.env.CONFIG.getByName(MAIN);
const authority = (c: Call) => c.env.AUTHORITY.getByName(MAIN);
const hub = (c: Call) => c.env.HUB.getByName(MAIN);

/** Lets only a token of that role pass. */
function role(needed: Role): MiddlewareHandler<Api> {
  return async (c, next) => {
    const claims = await verifyControlToken(c.env.TOKEN_SECRET, c.req.header("authorization"), Date.now());
    if (claims.role !== needed)
      throw new SelvageError("role_missing", `needs role ${needed}, ${claims.sub} has ${claims.role}`);
    c.set("claims", claims);
    await next();
  };
}

async function apply(c: Call): Promise<Response> {
  const request = await readJson(c.req.raw, applyRequestSchema, APPLY_BYTES);
  const { document, problems } = checkDocument(request.document);
  const errors = problems.filter((found) => found.severity === "error");
  if (document === undefined || errors.length > 0) throw invalid(errors);
  const { source, file, author, reason } = request;
  if (source.length > limits.control.documentBytesMax)
    throw new SelvageError("body_too_large", `source has more than ${limits.control.documentBytesMax} characters`);
  const { artifacts = {} } = request;
  const plan = compile(document, artifacts);
  const change = {
    artifacts,
    plan: canonicalJson(plan),
    document: JSON.stringify(request.document),
    source,
    file,
    author,
    reason: reason ?? "",
  };
  const applied = await config(c).apply(change, c.get("claims").sub);
  if ("trustDomainIs" in applied) throw otherTrustDomain(plan.mesh.trustDomain, applied.trustDomainIs);
  if ("refused" in applied) return granted(applied);
  return c.json(applied satisfies ApplyAnswer, applied.changed ? 201 : 200);
}

async function rollback(c: Call): Promise<Response> {
  const { version, author, reason } = await readJson(c.req.raw, rollbackRequestSchema, CALL_BYTES);
  const applied = granted(await config(c).rollback(version, author, reason ?? "", c.get("claims").sub));
  return c.json(applied satisfies ApplyAnswer, applied.changed ? 201 : 200);
}

async function version(c: Call): Promise<Response> {
  const { document, ...rest } = granted(await config(c).version(Number(c.req.param("version"))));
  return c.json({ ...rest, document: JSON.parse(document) });
}

async function status(c: Call): Promise<Response> {
  const [{ version, hash, leases, counters }, { instances }] = await Promise.all([config(c).status(), hub(c).status()]);
  const keys = await keyRingStatus(c, leases);
  const nowMs = Date.now();
  const gateways = leases.map((lease) => ({
    isolate: lease.isolate,
    version: lease.version,
    ...acknowledgementOf(version, lease.version, lease.refused),
    leaseEndsInMs: lease.expiresAtMs - nowMs,
  }));
  const agents = instances.map((known) => agentStatus(known, version, nowMs));
  const { windowMs } = limits.counters;
  const alarms = alarmsOf(counters);
  return c.json({
    version,
    hash,
    gateways,
    agents,
    keys,
    alarms,
    counters: { windowMs, series: counters },
  } satisfies Status);
}

async function keyRingStatus(c: Call, leases: readonly Lease[]): Promise<KeyRingStatus[]> {
  const { rings, trust } = await authority(c).keyRings();
  const lacking = await hub(c).laggards(trust);
  const named = lacking.named.map(({ service, instance }) => `${service}/${instance}`);
  return rings.map(({ kind, keys }) => {
    const holds = (kid: string) => leases.filter((lease) => lease[`${kind}Key`] === kid).length;
    const count = kind === "signing" ? lacking.agents : lacking.ingresses;
    const isWaiting = keyIn({ keys: [...keys] }, "next") !== undefined;
    const waitingFor = isWaiting
      ? { count, named: named.filter((name) => kind === "signing" || name.startsWith(`${GATEWAY_SERVICE}/`)) }
      : { count: 0, named: [] };
    return { kind, keys: keys.map((key) => ({ ...key, gateways: holds(key.kid) })), waitingFor };
  });
}

async function rotate(c: Call): Promise<Response> {
  const { key, now = false, revoke = false, author } = await readJson(c.req.raw, rotateRequestSchema, CALL_BYTES);
  const made = granted(await authority(c).rotate(key, { now, revoke }));
  const detail = `${key} key ${made.kid}${now ? ", at once" : ""}${revoke ? ", all others revoked" : ""}`;
  await config(c).audit({ act: "key-rotate", by: c.get("claims").sub, author, version: 0, detail });
  return c.json(made satisfies RotateAnswer, 202);
}

function agentStatus(known: Instance, live: number, nowMs: number): AgentStatus {
  const { instance, service, planVersion, refused, phase, certificateNotAfterMs } = known;
  const acknowledged = acknowledgementOf(live, planVersion, refused);
  return {
    instance,
    service,
    version: planVersion,
    ...(known.connected ? acknowledged : { state: "offline" as const }),
    phase,
    lastSeenMsAgo: Math.max(0, nowMs - known.lastHeardMs),
    certificateNotAfterMs,
  };
}

async function services(c: Call): Promise<Response> {
  const { revision, instances } = await hub(c).status();
  const nowMs = Date.now();
  const found: Record<string, EndpointStatus[]> = {};
  for (const known of instances) {
    if (!known.visible || known.endpoint === undefined) continue;
    found[known.service] ??= [];
    found[known.service]?.push({ ...known.endpoint, leaseEndsInMs: Math.max(0, known.leaseEndsAtMs - nowMs) });
  }
  return c.json({ revision, services: found });
}

async function joinToken(c: Call): Promise<Response> {
  const { service, lifetimeMs } = await readJson(c.req.raw, joinTokenRequestSchema, CALL_BYTES);
  const undeclared = await config(c).refuseService(service);
  if (undeclared !== undefined) granted(undeclared);
  const lifetime = lifetimeMs ?? limits.control.joinTokenLifetimeMs;
  if (lifetime > limits.control.joinTokenLifetimeMaxMs) {
    const reason = `lifetimeMs is more than ${limits.control.joinTokenLifetimeMaxMs}`;
    throw new SelvageError("bad_request", reason, { members: { errors: [{ path: ["lifetimeMs"], message: reason }] } });
  }
  const made = granted(await authority(c).createJoinToken(service, lifetime, c.env.CONTROL_URL));
  const { sub } = c.get("claims");
  await config(c).audit({ act: "join-token", by: sub, author: sub, version: 0, detail: `service ${service}` });
  return c.json(made, 201);
}

/** Keys and stored answers lie beside the gateway, which answers. */
const passOn = (ask: typeof askKeyAdmin | typeof askCacheAdmin) => (c: Call) => {
  const { pathname, search } = new URL(c.req.url);
  return ask(c.env, c.req.method, pathname.slice("/v1".length) + search, c.get("claims").sub, c.req.raw.body);
};
const [askKeys, askCache] = [passOn(askKeyAdmin), passOn(askCacheAdmin)];

/** The same, with a line in the audit log for what was done. */
function change<Answer>(act: Act["act"], ask: typeof askKeys, describe: (answer: Answer) => string) {
  return async (c: Call): Promise<Response> => {
    const answer = await ask(c);
    if (!answer.ok) return answer;
    const text = await answer.text();
    const { sub } = c.get("claims");
    await config(c).audit({ act, by: sub, author: sub, version: 0, detail: describe(JSON.parse(text)) });
    return new Response(text, answer);
  };
}
const changeKeys = (act: Act["act"]) => change(act, askKeys, describeKeys);

/** What was done, without the key itself. */
function describeKeys(answer: Partial<CreatedKey & KeyRecord & ImportAnswer>): string {
  if (answer.imported !== undefined)
    return `${answer.imported} imported, ${answer.known} known, ${answer.refused} refused`;
  const { id, start, owner, plan } = answer.record ?? answer;
  return `key ${id} (${start}...) of ${owner}${plan === undefined ? "" : `, plan ${plan}`}`;
}

async function revoke(c: Call): Promise<Response> {
  const request = await readJson(c.req.raw, revocationRequestSchema, CALL_BYTES);
  return c.json(granted(await config(c).revoke(request, c.get("claims").sub)) satisfies RevocationInfo, 201);
}

async function unrevoke(c: Call): Promise<Response> {
  const id = c.req.param("id") ?? "";
  return c.json(granted(await config(c).unrevoke(id, c.get("claims").sub)) satisfies RevocationInfo);
}

async function enrol(c: Call): Promise<Response> {
  const { id, csr, instance, mac } = await readJson(c.req.raw, enrolRequestSchema, CALL_BYTES);
  if (!INSTANCE.test(instance)) throw new SelvageError("bad_request", "instance is not a name", instanceErrors);
  return c.json(credentials(granted(await authority(c).enrol(id, csr, instance, mac))));
}

async function renew(c: Call): Promise<Response> {
  const request = await readJson(c.req.raw, renewRequestSchema, CALL_BYTES);
  const { service, instance } = agentOf(c);
  if (!(await provesKey(request, c.get("claims").key)))
    throw new SelvageError("credentials_invalid", `${instance} does not prove the key that its token is for`);
  const issued = granted(await authority(c).renew(service, instance, request.csr));
  c.executionCtx.waitUntil(hub(c).renewed(service, instance, issued.notAfterMs));
  return c.json(credentials(issued));
}

/** The socket itself is the hub's; who opens it is settled here, so that a stranger never wakes the hub. */
async function connect(c: Call): Promise<Response> {
  if (c.req.header("upgrade")?.toLowerCase() !== "websocket")
    throw new SelvageError("upgrade_required", "not a WebSocket upgrade");
  const { service, instance } = agentOf(c);
  const { exp } = c.get("claims");
  const connection = {
    id: crypto.randomUUID(),
    service,
    instance,
    openedAtMs: Date.now(),
    expiresAtMs: exp * 1000,
  };
  const headers = { upgrade: "websocket", "selvage-connection": JSON.stringify(connection) };
  return hub(c).fetch(new Request(c.req.url, { headers }));
}

async function lease(c: Call): Promise<Response> {
  const asked = await readJson(c.req.raw, leaseRequestSchema, CALL_BYTES);
  const [grant, { signing, hop }] = await Promise.all([config(c).lease(asked), missingKeys(c.env, asked)]);
  const answer: LeaseAnswer = {
    leaseMs: limits.gateway.planLeaseMs,
    version: grant.version,
    ...(grant.plan === undefined ? {} : { plan: { hash: grant.plan.hash, gateway: JSON.parse(grant.plan.gateway) } }),
    ...(grant.revocations === undefined ? {} : { revocations: grant.revocations }),
    ...(signing === undefined ? {} : { signingKey: JSON.parse(signing.secret) }),
    ...(hop === undefined ? {} : { hopKey: { kid: hop.kid, key: hop.secret } }),
    ...(asked.counted === undefined ? {} : { counted: asked.counted.seq }),
  };
  return c.json(answer);
}

function agentOf(c: Call): { service: string; instance: string } {
  const { service, sub } = c.get("claims");
  if (service === undefined) throw new SelvageError("credentials_invalid", "an agent's token names its service");
  return { service, instance: sub };
}

function credentials({ notAfterMs: _, ...rest }: IssuedCredentials): Credentials {
  return rest;
}

/** What an object answered, unless it refused. */
function granted<T extends object>(answer: T): Exclude<T, Refused> {
  if (isRefused(answer)) {
    const { code, reason } = answer.refused;
    throw new SelvageError(code, reason, TOLD.has(code) ? { members: { detail: reason } } : {});
  }
  return answer as Exclude<T, Refused>;
}

/** Refusals whose reason helps whoever called and reveals nothing: it had the right to know. */
const TOLD: ReadonlySet<string> = new Set([
  "document_invalid",
  "document_missing",
  "revocation_unknown",
  "revocations_full",
  "rotation_refused",
  "service_undeclared",
  "version_unknown",
]);

function isRefused(answer: object): answer is Refused {
  return "refused" in answer;
}

const instanceErrors = {
  members: { errors: [{ path: ["instance"], message: "letters, digits and . _ : @ - only" }] },
};

function invalid(errors: readonly object[]): SelvageError {
  return new SelvageError("document_invalid", `${errors.length} errors`, { members: { errors } });
}

/** Certificates of two trust domains never trust each other: a mesh that changes its name is another mesh. */
function otherTrustDomain(asked: string, made: string): SelvageError {
  const message = `the authority is for the trust domain "${made}", which cannot change to "${asked}"`;
  return invalid([
    {
      code: "trust_domain_fixed",
      severity: "error",
      message,
      path: ["mesh", "trustDomain"],
      at: "value",
      suggestion: made,
    },
  ]);
}

/** The one place where errors become answers. Operators find the reason in the log. */
function problem(c: Call, thrown: unknown): Response {
  const error =
    thrown instanceof SelvageError ? thrown : new SelvageError("control_failed", String(thrown), { cause: thrown });
  const line = { time: new Date().toISOString(), kind: "error", method: c.req.method, path: c.req.path };
  const log = error.facts.status >= 500 ? console.error : console.warn;
  log(JSON.stringify({ ...line, status: error.facts.status, error: error.code, reason: error.reason }));
  const headers = { "content-type": "application/problem+json", ...challenge(error) };
  return new Response(JSON.stringify(toProblem(error)), { status: error.facts.status, headers });
}

/** RFC 6750 section 3. */
function challenge(error: SelvageError): Record<string, string> {
  if (error.code === "credentials_invalid") return { "www-authenticate": 'Bearer error="invalid_token"' };
  if (error.facts.status === 401) return { "www-authenticate": "Bearer" };
  return error.code === "upgrade_required" ? { upgrade: "websocket", connection: "upgrade" } : {};
}
