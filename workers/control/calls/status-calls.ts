/** Calls that tell how things are: who serves what, and which endpoints callers are given. */
import { GATEWAY_SERVICE } from "../../../shared/identity/spiffe-id.ts";
import { limits } from "../../../shared/limits.ts";
import { acknowledgementOf } from "../../../shared/policy/acknowledgement.ts";
import type { Instance } from "../../../shared/policy/agent-sessions.ts";
import { alarmsOf, outageAlarms, retryAlarms, secretAlarms } from "../../../shared/policy/alarms.ts";
import type { FleetVerdict } from "../../../shared/policy/fleet-verdict.ts";
import { keyIn } from "../../../shared/policy/key-ring.ts";
import type { Lease } from "../../../shared/policy/lease.ts";
import { type FleetBudget, fleetBudget, type GoodUntil, outageBudgetMs } from "../../../shared/policy/outage-budget.ts";
import type { AgentStatus, EndpointStatus, Status } from "../../../shared/wire/admin.ts";
import type { KeyRingStatus } from "../../../shared/wire/rotation.ts";
import type { KeyRings } from "../objects/authority-rpc.ts";
import { hubsStatus, laggards } from "../upstream/hubs.ts";
import { authority, type Call, config } from "./call.ts";

export async function status(c: Call): Promise<Response> {
  const [{ version, hash, leases, counters, canary, outageBudgetMs: boundMs }, { instances, verdicts }] =
    await Promise.all([config(c).status(), hubsStatus(c.env)]);
  const { rings, trust, alarms: endings } = await authority(c).keyRings();
  const keys = await keyRingStatus(c, leases, rings, trust);
  const nowMs = Date.now();
  const gateways = leases.map((lease) => ({
    isolate: lease.isolate,
    version: lease.version,
    ...acknowledgementOf(version, lease.version, lease.refused),
    leaseEndsInMs: lease.expiresAtMs - nowMs,
    ...(lease.missingSecrets && { missingSecrets: lease.missingSecrets }),
  }));
  const agents = instances.map((known) => agentStatus(known, version, nowMs));
  const { windowMs } = limits.counters;
  const fleet = budgetOf(instances, nowMs, boundMs);
  const alarms = [
    ...alarmsOf(counters),
    ...endings,
    ...outageAlarms(fleet),
    ...retryAlarms(verdicts),
    ...secretAlarms(gateways, agents),
  ];
  return c.json({
    nowMs,
    version,
    hash,
    gateways,
    agents,
    keys,
    ...(fleet !== undefined && { outage: described(fleet) }),
    ...failingOf(verdicts),
    alarms,
    ...(canary !== undefined && { canary }),
    counters: { windowMs, series: counters },
  } satisfies Status);
}

function failingOf(verdicts: ReadonlyMap<string, FleetVerdict>): Pick<Status, "verdicts"> {
  const all = [...verdicts].flatMap(([service, { endpoints }]) => endpoints.map((one) => ({ service, ...one })));
  return all.length === 0 ? {} : { verdicts: all };
}

async function keyRingStatus(
  c: Call,
  leases: readonly Lease[],
  rings: KeyRings["rings"],
  trust: string,
): Promise<KeyRingStatus[]> {
  const lacking = await laggards(c.env, trust);
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

/** Of those that are connected: whoever is away may have ended. */
function budgetOf(instances: readonly Instance[], nowMs: number, boundMs: number): FleetBudget | undefined {
  const agents = instances.filter(({ connected }) => connected);
  const each = agents.map((known) => ({ service: known.service, instance: known.instance, until: untilOf(known) }));
  return fleetBudget(each, nowMs, boundMs);
}

function described({ until, ...fleet }: FleetBudget): NonNullable<Status["outage"]> {
  return { ...fleet, limitedBy: until.by };
}

/** An earlier agent says of its certificate alone how long it is good. */
function untilOf({ outage, certificateNotAfterMs }: Instance): GoodUntil {
  return outage ?? { atMs: certificateNotAfterMs, by: "certificate" };
}

function agentStatus(known: Instance, live: number, nowMs: number): AgentStatus {
  const { instance, service, planVersion, refused, phase, certificateNotAfterMs, renewal } = known;
  const until = untilOf(known);
  const acknowledged = acknowledgementOf(live, planVersion, refused);
  return {
    instance,
    service,
    version: planVersion,
    ...(known.connected ? acknowledged : { state: "offline" as const }),
    phase,
    lastSeenMsAgo: Math.max(0, nowMs - known.lastHeardMs),
    certificateNotAfterMs,
    outage: { budgetMs: outageBudgetMs(until, nowMs), limitedBy: until.by },
    ...(renewal !== undefined && { renewal }),
    ...(known.connected && saidBy(known)),
  };
}

function saidBy({ condition }: Instance): Pick<AgentStatus, "missingSecrets" | "sources"> {
  const { missingSecrets = [], sources = [] } = condition ?? {};
  return { ...(missingSecrets.length > 0 && { missingSecrets }), ...(sources.length > 0 && { sources }) };
}

export async function services(c: Call): Promise<Response> {
  const { revision, instances, verdicts } = await hubsStatus(c.env);
  const nowMs = Date.now();
  const found: Record<string, EndpointStatus[]> = {};
  for (const known of instances) {
    if (!known.visible || known.endpoint === undefined) continue;
    found[known.service] ??= [];
    const verdict = verdicts.get(known.service)?.endpoints.find(({ instance }) => instance === known.instance);
    const leaseEndsInMs = Math.max(0, known.leaseEndsAtMs - nowMs);
    found[known.service]?.push({ ...known.endpoint, ...(verdict !== undefined && { verdict }), leaseEndsInMs });
  }
  return c.json({ revision, services: found });
}
