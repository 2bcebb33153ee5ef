/** Whoever tells hubs something, or asks them, does it here: which there are, and all of them at once. */
import type { RevocationList } from "../../../shared/auth/revocations.ts";
import { limits } from "../../../shared/limits.ts";
import { type Instance, instanceKey } from "../../../shared/policy/agent-sessions.ts";
import type { FleetVerdict } from "../../../shared/policy/fleet-verdict.ts";
import { hubOf } from "../../../shared/policy/hub-shards.ts";
import type { Env } from "../env.ts";
import type { HeldVerdict } from "../objects/held-verdicts.ts";
import {
  type CanaryFaces,
  type CanaryLaggards,
  type HubRpc,
  type Laggards,
  MAIN,
  type Publication,
  type Trust,
} from "../objects/rpc.ts";
import { within } from "./within.ts";

/** How many there are, by the variable `HUBS`. */
export function hubCount({ HUBS }: Env): number {
  const told = Number(HUBS ?? "");
  return Number.isInteger(told) && told >= 1 && told <= limits.control.hubsMax ? told : limits.control.hubsDefault;
}

/** The first is called as the only one was, before there were several: it has what that one kept. */
export function hubName(index: number): string {
  return index === 0 ? MAIN : `hub-${index}`;
}

/** What registries know the config store by, which holds views for gateways as hubs do for agents. */
export const GATEWAYS = "gateways";

/** Whoever holds views under that name. */
export function viewerAt(env: Env, name: string): Pick<DurableObjectStub<HubRpc>, "view"> {
  return name === GATEWAYS ? env.CONFIG.getByName(MAIN) : env.HUB.getByName(name);
}

/** Place of a hub among all that there may be, and whether there are fewer by now. */
export function hubPlace(env: Env, id: DurableObjectId): { readonly place: number; readonly inUse: boolean } {
  const places = Array.from({ length: limits.control.hubsMax }, (_, index) => index);
  const place = places.find((index) => id.equals(env.HUB.idFromName(hubName(index)))) ?? 0;
  return { place, inUse: place < hubCount(env) };
}

/** The hub that holds an instance's socket. */
export function hubFor(env: Env, service: string, instance: string): DurableObjectStub<HubRpc> {
  return env.HUB.getByName(hubName(hubOf(instanceKey(service, instance), hubCount(env))));
}

/** What a hub answered, or why it did not. */
type Answer<T> = { readonly told: T } | { readonly failure: string };

/** Asks every hub, a number of them at a time, whatever becomes of the others. @returns in the order of hubs */
async function askHubs<T>(env: Env, ask: (hub: DurableObjectStub<HubRpc>) => Promise<T>): Promise<Answer<T>[]> {
  const names = Array.from({ length: hubCount(env) }, (_, index) => hubName(index));
  const answers: Answer<T>[] = [];
  const { hubsAtOnce, objectCallMs } = limits.control;
  let next = 0;
  const work = async (): Promise<void> => {
    for (let at = next++; at < names.length; at = next++) {
      const name = names[at] as string;
      try {
        answers[at] = { told: await within(ask(env.HUB.getByName(name)), objectCallMs, name) };
      } catch (error) {
        answers[at] = { failure: `${name}: ${String(error)}` };
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(hubsAtOnce, names.length) }, work));
  return answers;
}

/**
 * Asks every hub.
 * @returns the answers, in the order of hubs
 * @throws when some did not answer in time; all were asked. Whoever has to reach every hub asks all of them again: a hub that
 * knows it already does nothing
 */
export async function eachHub<T>(env: Env, ask: (hub: DurableObjectStub<HubRpc>) => Promise<T>): Promise<T[]> {
  const answers = await askHubs(env, ask);
  const failures = answers.flatMap((answer) => ("failure" in answer ? [answer.failure] : []));
  if (failures.length > 0) throw new Error(`hubs that did not answer: ${failures.join("; ")}`);
  return answers.flatMap((answer) => ("told" in answer ? [answer.told] : []));
}

/** A plan and the trust bundle of its time, to all hubs. */
export async function publish(env: Env, publication: Publication): Promise<void> {
  await eachHub(env, (hub) => hub.publish(publication));
}

export async function tellTrust(env: Env, trust: Trust): Promise<void> {
  await eachHub(env, (hub) => hub.trust(trust));
}

/** Tells all agents to renew that have not done so by this id. */
export async function renewAll(env: Env, id: string, withinMs: number): Promise<void> {
  await eachHub(env, (hub) => hub.renewAll(id, withinMs));
}

/** Tells one agent to leave. @returns false: it is not connected */
export function drain(env: Env, service: string, instance: string): Promise<boolean> {
  return within(
    hubFor(env, service, instance).drain(instanceKey(service, instance)),
    limits.control.objectCallMs,
    "drain",
  );
}

/** @returns the latest revision of another list that a hub holds instead; undefined: all hold this one */
export async function tellRevoked(env: Env, list: RevocationList): Promise<number | undefined> {
  const others = (await eachHub(env, (hub) => hub.revoked(list))).filter((other) => other !== undefined);
  return others.length === 0 ? undefined : Math.max(...others);
}

/** Of all hubs; ingresses are among the names first. */
export async function laggards(env: Env, trustId: string): Promise<Laggards> {
  const all = await eachHub(env, (hub) => hub.laggards(trustId));
  const named = all.flatMap((one) => one.named.map((who, at) => ({ who, at, first: at < one.ingresses })));
  named.sort((a, b) => Number(b.first) - Number(a.first) || a.at - b.at);
  const sum = (of: "agents" | "ingresses" | "live" | "known"): number => all.reduce((total, one) => total + one[of], 0);
  return {
    ...{ agents: sum("agents"), ingresses: sum("ingresses"), live: sum("live"), known: sum("known") },
    named: named.slice(0, limits.keyRotation.namedMax).map(({ who }) => who),
  };
}

/** That a canary has begun or is over, to all hubs. */
export async function tellCanary(env: Env, faces: CanaryFaces): Promise<void> {
  await eachHub(env, (hub) => hub.canary(faces));
}

/** Of all hubs; one that does not answer is itself a host that does not have it. */
export async function canaryLaggards(env: Env, version: number): Promise<CanaryLaggards> {
  const all = await askHubs(env, (hub) => hub.canaryLaggards(version));
  const found = all.map((one) => ("told" in one ? one.told : { count: 1, named: [`hub ${one.failure}`] }));
  const refused = found.find((one) => one.refused !== undefined)?.refused;
  return {
    count: found.reduce((sum, { count }) => sum + count, 0),
    named: found.flatMap(({ named }) => named).slice(0, limits.canary.namedMax),
    ...(refused && { refused }),
  };
}

/** What all hubs know of their agents; of one that two know, since it moved, what the one says that it is connected to. */
export async function hubsStatus(
  env: Env,
): Promise<{ revision: number; instances: Instance[]; verdicts: ReadonlyMap<string, FleetVerdict> }> {
  const all = await eachHub(env, (hub) => hub.status());
  const found = new Map<string, Instance>();
  for (const one of all.flatMap(({ instances }) => instances)) {
    const key = instanceKey(one.service, one.instance);
    const other = found.get(key);
    if (other === undefined || isNewer(one, other)) found.set(key, one);
  }
  const revision = Math.max(...all.map((one) => one.revision));
  return { revision, instances: [...found.values()], verdicts: latest(all.flatMap(({ verdicts }) => verdicts)) };
}

/** Of the same service, what its registry told last. */
function latest(held: readonly HeldVerdict[]): ReadonlyMap<string, FleetVerdict> {
  const inOrder = [...held].sort((a, b) => a.untilMs - b.untilMs);
  return new Map(inOrder.map(({ service, verdict }) => [service, verdict]));
}

function isNewer(one: Instance, other: Instance): boolean {
  return one.connected === other.connected ? one.lastHeardMs > other.lastHeardMs : one.connected;
}
