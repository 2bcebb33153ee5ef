/** Whether a world in which nothing fails any more has come to rest: everybody knows what is so. */
import { acknowledgementOf } from "../../../shared/policy/acknowledgement.ts";
import { instanceKey } from "../../../shared/policy/agent-sessions.ts";
import { keyIn } from "../../../shared/policy/key-ring.ts";
import type { AgentHost } from "./agent-host.ts";
import type { MeshWorld } from "./mesh-world.ts";

/** @returns what is not yet as it should be; undefined: nothing */
export function unsettled(world: MeshWorld): string | undefined {
  const alive = world.agents.filter((agent) => agent.isAlive && !isOutRightly(world, agent));
  return (
    notBack(world) ??
    unsettledCanary(world, alive) ??
    firstOf(alive, (agent) => unsettledAgent(world, agent)) ??
    firstOf(alive, (agent) => unsettledView(world, agent)) ??
    firstOf([...world.registries], ([service]) => unsettledRegistry(world, service)) ??
    firstOf(world.hubs, ({ name, state }) => (state.owed.size > 0 ? `${name} owes reports` : undefined)) ??
    unsettledIsolates(world) ??
    unsettledAuthority(world)
  );
}

/** Who was enrolled once, and is not taken back although it may be. */
export function notBack(world: MeshWorld): string | undefined {
  return firstOf(world.agents, (agent) =>
    agent.wasRefused && agent.leaf !== undefined && !isOutRightly(world, agent)
      ? `${agent.name} is not taken back`
      : undefined,
  );
}

/** It is revoked, the document does not name its service, or it has nothing left to come back by. */
function isOutRightly({ authority, config }: MeshWorld, agent: AgentHost): boolean {
  if (authority.isDenied(agent)) return true;
  const hasEnded = agent.openSinceMs === undefined && (agent.leaf?.tokenEndsMs ?? 0) <= authority.nowMs;
  if (!agent.wasRefused && !hasEnded) return false;
  const key = authority.desk.key(agent.key);
  const hasRule = config.live?.plan.join.rules.some(({ service }) => service === agent.service) === true;
  return !config.isDeclared(agent.service) || (key === undefined && !(agent.hasPlatform && hasRule));
}

/** None runs, and where one ended everybody knows: what is kept is kept for requests under way. */
function unsettledCanary({ config, hubs, isolates }: MeshWorld, alive: readonly AgentHost[]): string | undefined {
  const { open } = config.canary;
  if (open !== undefined) return `canary ${open.version} is ${open.state.phase}`;
  return (
    firstOf(isolates, ({ name, canary }) => canary && `${name} tries ${canary.terms.version}`) ??
    firstOf(hubs, ({ name, storage: { canary } }) =>
      canary.isOver ? undefined : `${name} has not heard that canary ${canary.version} is over`,
    ) ??
    firstOf(alive, ({ name, known: { second, isReleased } }) =>
      second === undefined || isReleased ? undefined : `${name} holds ${second.version} beside its version`,
    )
  );
}

function firstOf<T>(all: readonly T[], look: (one: T) => string | undefined): string | undefined {
  for (const one of all) {
    const found = look(one);
    if (found !== undefined) return found;
  }
  return undefined;
}

function unsettledAgent(world: MeshWorld, agent: AgentHost): string | undefined {
  const { live } = world.config;
  const isDeclared = live?.plan.callable.has(agent.service) === true;
  const row = world.hubFor(agent).state.sessions.instances[instanceKey(agent.service, agent.instance)];
  if (agent.openSinceMs === undefined || row?.connection !== agent.socket?.id || row?.connected !== true)
    return `${agent.name} is not connected`;
  const { state } = acknowledgementOf(live?.version ?? 0, row.planVersion, row.refused);
  if (state !== (isDeclared ? "current" : "refused")) return `${agent.name} is ${state} at version ${live?.version}`;
  if (isDeclared && agent.known.plan?.version !== live?.version) return `${agent.name} does not have ${live?.version}`;
  if (isDeclared && agent.phase !== "ready") return `${agent.name} is ${agent.phase}`;
  const trust = world.authority.trust();
  if (agent.known.trust?.id !== trust.id) return `${agent.name} has trust ${agent.known.trust?.id}, not ${trust.id}`;
  return row.trusts === trust.id || !isDeclared ? undefined : `${agent.name} has not said that it has ${trust.id}`;
}

function servingOf(world: MeshWorld, service: string): string {
  const serving = world.agents.filter(
    (agent) => agent.service === service && agent.phase === "ready" && !isOutRightly(world, agent),
  );
  return names(serving.map(({ instance, port }) => ({ instance, port })));
}

function unsettledView(world: MeshWorld, agent: AgentHost): string | undefined {
  if (world.config.live?.plan.callable.has(agent.service) !== true) return undefined;
  return firstOf(agent.known.plan?.callable ?? [], (service) => {
    const used = names(agent.known.usedOf(service));
    const serving = servingOf(world, service);
    return used === serving ? undefined : `${agent.name} uses ${used} of ${service}, there are ${serving}`;
  });
}

function unsettledRegistry(world: MeshWorld, service: string): string | undefined {
  const { members, view } = world.registry(service).state;
  const told = names([...view.entries.values()].flatMap(({ endpoint }) => endpoint ?? []));
  const serving = servingOf(world, service);
  if (told !== serving) return `registry of ${service} gives ${told}, there are ${serving}`;
  return members.size === [...view.entries.values()].filter(({ endpoint }) => endpoint !== undefined).length
    ? undefined
    : `registry of ${service} has ${members.size} members`;
}

function unsettledIsolates({ isolates, config, authority }: MeshWorld): string | undefined {
  const leases = new Map(config.leases().map(({ isolate, version }) => [isolate, version]));
  return firstOf(isolates, ({ name, version, key }) => {
    if (version !== (config.live?.version ?? 0)) return `${name} decides by ${version}`;
    if (leases.get(name) !== version) return `${name} is said to decide by ${leases.get(name)}`;
    return key === authority.currentKey ? undefined : `${name} signs with ${key}`;
  });
}

function unsettledAuthority(world: MeshWorld): string | undefined {
  const { authority, agents, config } = world;
  if (keyIn(authority.ring, "next") !== undefined) return "a key waits";
  if (authority.state.rotation !== undefined) return `the root's rotation is at ${authority.state.rotation.step}`;
  return firstOf(agents, (agent) =>
    agent.phase === "ready" &&
    !isOutRightly(world, agent) &&
    config.isDeclared(agent.service) &&
    agent.leaf?.root !== authority.state.root
      ? `${agent.name} has a leaf of ${agent.leaf?.root}`
      : undefined,
  );
}

const names = (all: readonly { readonly instance: string; readonly port: number }[]): string =>
  all
    .map(({ instance, port }) => `${instance}:${port}`)
    .sort()
    .join(" ");
