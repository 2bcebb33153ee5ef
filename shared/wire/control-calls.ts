/**
 * Who may make which call of the control API: the one table. `docs/control-plane.md` shows the same. A call that is not
 * named here is for administrators alone.
 */
import type { ControlTokenClaims } from "./control-token.ts";

export type Role = ControlTokenClaims["role"];

const ALL: readonly Role[] = ["admin", "owner", "viewer"];
const CHANGE: readonly Role[] = ["admin", "owner"];
const ADMIN: readonly Role[] = ["admin"];
const AGENT: readonly Role[] = ["agent"];
const GATEWAY: readonly Role[] = ["gateway"];

/** `open`: needs no token of the API; what proves the caller, if anything has to, is part of the call. */
export const controlCalls: Readonly<Record<string, readonly Role[] | "open">> = {
  "GET /healthz": "open",
  "GET /v1/bundle": "open",
  "POST /v1/enrol": "open",
  "POST /v1/join/challenge": "open",
  "POST /v1/join/token": "open",
  "POST /v1/join/key": "open",
  "POST /v1/join/svid": "open",
  "POST /v1/renew": AGENT,
  "GET /v1/agents/connect": AGENT,
  "POST /v1/gateway/lease": GATEWAY,
  "GET /v1/gateway/artifacts/:digest": GATEWAY,
  "POST /v1/taps": ALL,
  "POST /v1/taps/:id/read": ALL,
  "DELETE /v1/taps/:id": ALL,
  "POST /v1/taps/report": ["agent", "gateway"],
  "GET /v1/records": ALL,
  "GET /v1/records/:trace": ALL,
  "DELETE /v1/records": ADMIN,
  "POST /v1/explain-tokens": ADMIN,
  "POST /v1/records/report": ["agent", "gateway"],
  "POST /v1/config/versions": CHANGE,
  "GET /v1/config/versions": ALL,
  "GET /v1/config/versions/:version": ALL,
  "POST /v1/config/rollback": ADMIN,
  "GET /v1/canary": ALL,
  "POST /v1/canary": ADMIN,
  "POST /v1/artifacts/missing": CHANGE,
  "PUT /v1/artifacts/:digest": CHANGE,
  "GET /v1/status": ALL,
  "GET /v1/services": ALL,
  "GET /v1/deprecated": ALL,
  "GET /v1/drift": ALL,
  "GET /v1/usage": ALL,
  "GET /v1/shadow": ALL,
  "GET /v1/metrics": ALL,
  "GET /v1/audit": ALL,
  "POST /v1/tokens": CHANGE,
  "GET /v1/tokens": ALL,
  "DELETE /v1/tokens/:jti": CHANGE,
  "POST /v1/join-tokens": ADMIN,
  "GET /v1/join/keys": ADMIN,
  "DELETE /v1/join/keys/:id": ADMIN,
  "POST /v1/agents/renew": ADMIN,
  "POST /v1/agents/drain": ADMIN,
  "POST /v1/revocations": ADMIN,
  "GET /v1/revocations": ALL,
  "DELETE /v1/revocations/:id": ADMIN,
  "GET /v1/ca": ALL,
  "GET /v1/ca/log": ALL,
  "POST /v1/ca/rotations": ADMIN,
  "POST /v1/ca/rotations/force": ADMIN,
  "POST /v1/ca/rotations/abort": ADMIN,
  "POST /v1/ca/csr": ADMIN,
  "POST /v1/ca/import": ADMIN,
  "POST /v1/denied": ADMIN,
  "GET /v1/denied": ALL,
  "DELETE /v1/denied/:id": ADMIN,
  "GET /v1/federation": ALL,
  "POST /v1/federation/refresh": ADMIN,
  "GET /v1/keys": ALL,
  "GET /v1/keys/:id": ALL,
  "POST /v1/keys": ADMIN,
  "PATCH /v1/keys/:id": ADMIN,
  "POST /v1/keys/:id/roll": ADMIN,
  "POST /v1/keys/:id/revoke": ADMIN,
  "POST /v1/keys/rotate": ADMIN,
  "POST /v1/keys/import": ADMIN,
  "GET /v1/cache/purges": ALL,
  "POST /v1/cache/purges": ADMIN,
};

/**
 * Who may make a call.
 * @param call method and path as it is registered, such as `GET /v1/keys/:id{[0-9a-f]{16}}`; undefined: there is no such call
 */
export function rolesFor(call: string | undefined): readonly Role[] | "open" {
  // What a parameter looks like is no part of its name.
  const name = call?.replace(/\{.*?\}+(?=\/|$)/g, "") ?? "";
  return (Object.hasOwn(controlCalls, name) ? controlCalls[name] : undefined) ?? ADMIN;
}
