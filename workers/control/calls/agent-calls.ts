/** Calls of agents, and the join tokens that let them in. */
import { SelvageError } from "../../../shared/errors.ts";
import { limits } from "../../../shared/limits.ts";
import { joinTokenRequestSchema } from "../../../shared/wire/admin.ts";
import { type Credentials, enrolRequestSchema, renewRequestSchema } from "../../../shared/wire/enrolment.ts";
import { knownAs } from "../authority/key-proof.ts";
import { provesKey } from "../authority/renewal-proof.ts";
import type { IssuedCredentials } from "../objects/authority-rpc.ts";
import { readJson } from "../objects/read-json.ts";
import { hubFor } from "../upstream/hubs.ts";
import { audit, authority, CALL_BYTES, type Call, config, granted } from "./call.ts";

const INSTANCE = /^[\w.:@-]+$/;

export async function joinToken(c: Call): Promise<Response> {
  const { service, lifetimeMs } = await readJson(c.req.raw, joinTokenRequestSchema, CALL_BYTES);
  const undeclared = await config(c).refuseService(service);
  if (undeclared !== undefined) granted(undeclared);
  const lifetime = lifetimeMs ?? limits.control.joinTokenLifetimeMs;
  if (lifetime > limits.control.joinTokenLifetimeMaxMs) {
    const reason = `lifetimeMs is more than ${limits.control.joinTokenLifetimeMaxMs}`;
    throw new SelvageError("bad_request", reason, { members: { errors: [{ path: ["lifetimeMs"], message: reason }] } });
  }
  const made = granted(await authority(c).createJoinToken(service, lifetime, c.env.CONTROL_URL));
  await audit(c, "join-token", `service ${service}`);
  return c.json(made, 201);
}

export async function enrol(c: Call): Promise<Response> {
  const request = await readJson(c.req.raw, enrolRequestSchema, CALL_BYTES);
  checkInstance(request.instance);
  return c.json(credentials(granted(await authority(c).enrol(request))));
}

export async function renew(c: Call): Promise<Response> {
  const request = await readJson(c.req.raw, renewRequestSchema, CALL_BYTES);
  const { service, instance } = agentOf(c);
  const { key, outside } = c.get("claims");
  if (outside === true || !(await provesKey(request, key))) {
    const reason =
      outside === true
        ? `the certificate of ${instance} is the outside issuer's, which alone renews it`
        : `${instance} does not prove the key that its token is for`;
    await authority(c).noteRefusal(service, instance, reason);
    throw new SelvageError("credentials_invalid", reason);
  }
  const keyId = request.enrolment === undefined ? undefined : await knownAs(request.enrolment.key);
  const issued = granted(await authority(c).renew({ service, instance, key }, request.csr, keyId));
  c.executionCtx.waitUntil(hubFor(c.env, service, instance).renewed(service, instance, issued.notAfterMs));
  return c.json(credentials(issued));
}

/** The socket itself is a hub's; who opens it is settled here, so that a stranger never wakes one. */
export async function connect(c: Call): Promise<Response> {
  if (c.req.header("upgrade")?.toLowerCase() !== "websocket")
    throw new SelvageError("upgrade_required", "not a WebSocket upgrade");
  const { service, instance } = agentOf(c);
  const { exp, key } = c.get("claims");
  const connection = {
    id: crypto.randomUUID(),
    service,
    instance,
    ...(key !== undefined && { key }),
    openedAtMs: Date.now(),
    expiresAtMs: exp * 1000,
  };
  const headers = { upgrade: "websocket", "selvage-connection": JSON.stringify(connection) };
  const answer = await hubFor(c.env, service, instance).fetch(new Request(c.req.url, { headers }));
  if (answer.status === 403) throw new SelvageError("workload_denied", `${service}/${instance} is revoked`);
  return answer;
}

/** @throws SelvageError bad_request for what is no name of an instance */
export function checkInstance(instance: string): void {
  if (!INSTANCE.test(instance)) throw new SelvageError("bad_request", "instance is not a name", instanceErrors);
}

function agentOf(c: Call): { service: string; instance: string } {
  const { service, sub } = c.get("claims");
  if (service === undefined) throw new SelvageError("credentials_invalid", "an agent's token names its service");
  return { service, instance: sub };
}

function credentials({ notAfterMs: _, ...rest }: IssuedCredentials): Credentials {
  return rest;
}

const instanceErrors = {
  members: { errors: [{ path: ["instance"], message: "letters, digits and . _ : @ - only" }] },
};
