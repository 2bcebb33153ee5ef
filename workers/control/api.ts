/** The HTTP API of the control plane (contracts in `shared/wire`). Who may call what is in `shared/wire/control-calls.ts`, what a call does in `calls/`. */
import { Hono } from "hono";
import { SelvageError } from "../../shared/errors.ts";
import { limits } from "../../shared/limits.ts";
import { ARTIFACT_DIGEST } from "../../shared/wire/artifacts.ts";
import { TRACE_ID } from "../../shared/wire/records.ts";
import type { Revocations } from "../../shared/wire/revocations.ts";
import {
  askCache,
  askKeys,
  changeKeys,
  drainAgent,
  purge,
  renewAgents,
  revoke,
  rotate,
  unrevoke,
} from "./calls/admin-calls.ts";
import { connect, enrol, joinToken, renew } from "./calls/agent-calls.ts";
import { askMissing, getArtifact, putArtifact } from "./calls/artifact-calls.ts";
import { askAudit } from "./calls/audit-calls.ts";
import {
  abortCa,
  askCa,
  denied,
  deny,
  forceCa,
  importChain,
  issuanceLog,
  lift,
  requestIssuer,
  rotateCa,
} from "./calls/ca-calls.ts";
import { type Api, config } from "./calls/call.ts";
import { canary, changeCanary } from "./calls/canary-calls.ts";
import { apply, rollback, version } from "./calls/config-calls.ts";
import { askFederation, ownBundle, refreshFederation } from "./calls/federation-calls.ts";
import { lease } from "./calls/gateway-calls.ts";
import {
  enrolmentKeys,
  joinByKey,
  joinBySvid,
  joinByToken,
  joinChallenge,
  removeEnrolmentKey,
} from "./calls/join-calls.ts";
import { metrics } from "./calls/metrics-calls.ts";
import { permitted } from "./calls/permitted.ts";
import { problem } from "./calls/problem.ts";
import { askRecords, askTrace, clearRecords, explainToken, reportRecords } from "./calls/record-calls.ts";
import { services, status } from "./calls/status-calls.ts";
import { closeTap, openTap, readTap, reportTaps } from "./calls/tap-calls.ts";
import { askTokens, makeToken, revokeToken } from "./calls/token-calls.ts";
import { shadow, usage } from "./calls/usage-calls.ts";

const DIGEST = `:digest{${ARTIFACT_DIGEST}}`;
const TAP = "/v1/taps/:id{[0-9a-f-]{36}}";
const KEY = "/v1/keys/:id{[0-9a-f]{16}}";

export function makeApi(): Hono<Api> {
  const api = new Hono<Api>();
  api.use("/v1/*", permitted);
  api.get("/healthz", (c) => c.json({ status: "ok" }));
  api.get("/v1/bundle", ownBundle);
  api.post("/v1/enrol", enrol);
  api.post("/v1/join/challenge", joinChallenge);
  api.post("/v1/join/token", joinByToken);
  api.post("/v1/join/key", joinByKey);
  api.post("/v1/join/svid", joinBySvid);
  api.post("/v1/renew", renew);
  api.get("/v1/agents/connect", connect);
  api.post("/v1/gateway/lease", lease);
  api.get(`/v1/gateway/artifacts/${DIGEST}`, (c) => getArtifact(c.env, c.req.param("digest") ?? ""));
  api.post("/v1/taps", openTap);
  api.post("/v1/taps/report", reportTaps);
  api.post(`${TAP}/read`, readTap);
  api.delete(TAP, closeTap);
  api.post("/v1/explain-tokens", explainToken);
  api.get("/v1/records", askRecords);
  api.delete("/v1/records", clearRecords);
  api.post("/v1/records/report", reportRecords);
  api.get(`/v1/records/:trace{${TRACE_ID}}`, askTrace);
  api.post("/v1/artifacts/missing", (c) => askMissing(c.env, c.req.raw));
  api.put(`/v1/artifacts/${DIGEST}`, (c) => putArtifact(c.env, c.req.param("digest") ?? "", c.req.raw));
  api.post("/v1/config/versions", apply);
  api.get("/v1/config/versions", async (c) => c.json({ versions: await config(c).versions() }));
  api.get("/v1/config/versions/:version{[0-9]{1,15}}", version);
  api.post("/v1/config/rollback", rollback);
  api.get("/v1/canary", canary);
  api.post("/v1/canary", changeCanary);
  api.get("/v1/status", status);
  api.get("/v1/services", services);
  api.get("/v1/deprecated", async (c) => c.json({ callers: await config(c).deprecatedCallers() }));
  api.get("/v1/drift", async (c) => c.json({ drift: await config(c).drift() }));
  api.get("/v1/usage", usage);
  api.get("/v1/shadow", shadow);
  api.get("/v1/metrics", metrics);
  api.post("/v1/join-tokens", joinToken);
  api.get("/v1/join/keys", enrolmentKeys);
  api.delete("/v1/join/keys/:id{[0-9A-Za-z_-]{43}}", removeEnrolmentKey);
  api.post("/v1/agents/renew", renewAgents);
  api.post("/v1/agents/drain", drainAgent);
  api.post("/v1/revocations", revoke);
  api.get("/v1/revocations", async (c) => c.json((await config(c).revocations()) satisfies Revocations));
  api.delete("/v1/revocations/:id{[0-9a-f-]{36}}", unrevoke);
  api.get("/v1/ca", askCa);
  api.get("/v1/ca/log", issuanceLog);
  api.post("/v1/ca/rotations", rotateCa);
  api.post("/v1/ca/rotations/force", forceCa);
  api.post("/v1/ca/rotations/abort", abortCa);
  api.post("/v1/ca/csr", requestIssuer);
  api.post("/v1/ca/import", importChain);
  api.get("/v1/federation", askFederation);
  api.post("/v1/federation/refresh", refreshFederation);
  api.post("/v1/denied", deny);
  api.get("/v1/denied", denied);
  api.delete("/v1/denied/:id{w-[\\w-]{12}}", lift);
  api.get("/v1/keys", askKeys);
  api.get(KEY, askKeys);
  api.post("/v1/keys", changeKeys("key-create"));
  api.patch(KEY, changeKeys("key-update"));
  api.post(`${KEY}/roll`, changeKeys("key-roll"));
  api.post(`${KEY}/revoke`, changeKeys("key-revoke"));
  api.post("/v1/keys/rotate", rotate);
  api.post("/v1/keys/import", changeKeys("key-import"));
  api.get("/v1/cache/purges", askCache);
  api.post("/v1/cache/purges", purge);
  api.get("/v1/audit", askAudit);
  api.post("/v1/tokens", makeToken);
  api.get("/v1/tokens", askTokens);
  api.delete(`/v1/tokens/:jti{[\\w.:-]{1,${limits.wire.idCharsMax}}}`, revokeToken);
  api.notFound((c) => problem(c, new SelvageError("no_route", "no such call")));
  api.onError((error, c) => problem(c, error));
  return api;
}
