/** Calls of gateway isolates. */
import { type LeaseAnswer, leaseRequestSchema } from "../../../shared/wire/gateway-lease.ts";
import { gatewayLeaseMs } from "../objects/gateway-lease-ms.ts";
import { readJson } from "../objects/read-json.ts";
import { missingKeys } from "../upstream/missing-keys.ts";
import { keepUsage, withoutUsage } from "../upstream/usage-shards.ts";
import { CALL_BYTES, type Call, config } from "./call.ts";

export async function lease(c: Call): Promise<Response> {
  const asked = await readJson(c.req.raw, leaseRequestSchema, CALL_BYTES);
  const { counted, ...own } = asked;
  // Usage has objects of its own: the one that all leases go through has enough to do.
  const [grant, { signing, hop }, isKept] = await Promise.all([
    config(c).lease(counted === undefined ? own : { ...own, counted: withoutUsage(counted) }),
    missingKeys(c.env, asked),
    keepUsage(c.env, asked.isolate, counted),
  ]);
  const { gateway, ...told } = grant.canary ?? {};
  const canary = { ...told, ...(gateway !== undefined && { gateway: JSON.parse(gateway) }) } as LeaseAnswer["canary"];
  const answer: LeaseAnswer = {
    leaseMs: gatewayLeaseMs(c.env),
    version: grant.version,
    ...(grant.plan === undefined ? {} : { plan: { hash: grant.plan.hash, gateway: JSON.parse(grant.plan.gateway) } }),
    ...(grant.revocations === undefined ? {} : { revocations: grant.revocations }),
    ...(signing === undefined ? {} : { signingKey: JSON.parse(signing.secret) }),
    ...(hop === undefined ? {} : { hopKey: { kid: hop.kid, key: hop.secret } }),
    ...(grant.canary === undefined ? {} : { canary }),
    ...(grant.ingress === undefined ? {} : { ingress: grant.ingress }),
    ...(grant.taps === undefined ? {} : { taps: grant.taps }),
    ...(counted === undefined || !isKept ? {} : { counted: counted.seq }),
  };
  return c.json(answer);
}
