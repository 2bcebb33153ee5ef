/** What happens in a world: operators, workloads and faults, one after the other at times that the seed says. */
import type { JoinPlan } from "../../../shared/policy/join-rules.ts";
import { keyIn } from "../../../shared/policy/key-ring.ts";
import type { AgentHost } from "./agent-host.ts";
import { TOKEN_SKEW_MS, TRUST_DOMAIN } from "./authority-host.ts";
import type { CanaryChange, CanaryOrder } from "./canary-host.ts";
import { HEADER } from "./isolate-canary.ts";
import { ISSUER, type MeshWorld, SERVICES } from "./mesh-world.ts";
import type { MeshPlan } from "./messages.ts";
import type { VirtualNode } from "./virtual-node.ts";

type Happening = (world: MeshWorld) => void;

/** How often canaries begin, and somebody says something of one, in a world that has them. */
const CANARIES = 3;

/** With how often each is chosen. */
const ORDERS: readonly (readonly [number, Happening])[] = [
  [4, (world) => apply(world, drawPlan(world))],
  [1, rollBack],
  [2, (world) => join(world)],
  [6, drainOne],
  [4, returnOne],
  [1, (world) => world.authority.serve(() => world.authority.rotateKey())],
  [1, (world) => world.authority.serve(() => world.authority.rotateRoot())],
  [0.3, denyOne],
  [0.5, changeHubs],
  [1, joinAsStranger],
  [0.7, replayToken],
  [0.3, removeKey],
];

const FAULTS: Partial<Record<string, Happening>> = {
  evict: (world) => world.pick(world.objects)?.sleep(),
  deploy: (world) => world.deploy(),
  cut: cutSome,
  break: (world) => world.pick(world.agents)?.socket?.break(),
  kill: killOne,
  freeze: (world) => freeze(world, world.pick(world.agents)),
  jump: turnClock,
};

/** One order or one fault. */
export function happen(world: MeshWorld): void {
  const kinds = Object.keys(FAULTS).filter((kind) => (world.faults.kinds as ReadonlySet<string>).has(kind));
  const fault = world.random() < 0.45 ? FAULTS[world.pick(kinds) ?? ""] : undefined;
  if (fault === undefined) drawOrder(world)(world);
  else fault(world);
}

/** Begins with identities from before, a first version, and agents that start. */
export function begin(world: MeshWorld): void {
  world.authority.wake();
  for (const agent of world.agents) {
    agent.leaf = world.authority.issueBefore(agent.service, agent.instance, agent.key, drawAgeMs(world));
    world.rules.enrolled.add(agent.name);
    remember(world, agent);
    agent.later(world.random() * 500, () => agent.start());
  }
  const plan = drawPlan(world, true);
  world.config.serve(() => world.config.apply(plan, (version) => world.rules.applied(version, plan.hash)));
}

/** Its hub knows it from before, and waits for it. */
function remember(world: MeshWorld, agent: AgentHost): void {
  const hub = world.hubFor(agent);
  const { service, instance } = agent;
  const never = { leaseEndsAtMs: 0, confirmByMs: 0, planVersion: 0, connection: "", takesChanges: true };
  const known = { phase: "starting", connected: false, visible: false, ...never } as const;
  const certificateNotAfterMs = agent.leaf?.notAfterMs ?? 0;
  hub.serve(() => hub.adopt([{ service, instance, ...known, certificateNotAfterMs, lastHeardMs: hub.nowMs }]));
}

/** Faults are over: whatever was cut off or suspended comes back. @returns when the last does */
export function mend(world: MeshWorld): number {
  world.faults.isOver = true;
  world.network.heal();
  const nodes = [...world.agents, ...world.isolates, ...world.objects];
  for (const node of nodes) node.cutUntilMs = 0;
  return Math.max(world.events.nowMs, ...nodes.map(({ frozenUntilMs }) => frozenUntilMs));
}

function drawOrder(world: MeshWorld): Happening {
  if (world.hasCanaries && world.random() < CANARIES / 20)
    return world.config.canary.open === undefined ? tryVersion : changeCanary;
  const all = ORDERS.reduce((sum, [weight]) => sum + weight, 0);
  let at = world.random() * all;
  for (const [weight, order] of ORDERS) {
    at -= weight;
    if (at < 0) return order;
  }
  return returnOne;
}

/** Most are due for a renewal within the time of a world, some end in it. */
function drawAgeMs(world: MeshWorld): number {
  const dueMs = 8 * 3_600_000 - 300_000;
  // Nothing is good any more but the key.
  if (world.random() < 0.1) return 8 * 86_400_000;
  return world.random() < 0.8 ? dueMs * 0.95 - world.random() * 40_000 : 24 * 3_600_000 - world.random() * 60_000;
}

function drawPlan(world: MeshWorld, whole = false): MeshPlan {
  const services = SERVICES.filter(() => whole || world.random() < 0.93);
  const callable = new Map<string, readonly string[]>();
  for (const service of services)
    callable.set(
      service,
      services.filter((other) => other !== service && world.random() < 0.6),
    );
  const failing = world.hasCanaries && !whole && world.random() < 0.4 ? 0.45 : 0;
  const joining = SERVICES.filter(() => world.random() < 0.7);
  const texts = [...callable].map(([service, names]) => `${service}>${names.join("+")}`);
  const hash = [...texts, `join ${joining}`, ...(failing === 0 ? [] : ["fails"])].join(";");
  return { hash, callable, failing, join: joinPlan(joining) };
}

/** Whose namespace is a service's joins as that. */
function joinPlan(services: readonly string[]): JoinPlan {
  const issuer = {
    issuer: ISSUER,
    audiences: [TRUST_DOMAIN],
    tokenLifetimeMsMax: 3_600_000,
    clockSkewMs: TOKEN_SKEW_MS,
  };
  const rules = services.map((service) => ({ issuer: "cluster", claims: { ns: [service] }, service }));
  return { issuers: { cluster: issuer }, rules };
}

function apply(world: MeshWorld, plan: MeshPlan, canary?: CanaryOrder): void {
  world.network.call<number>({
    ...{ from: world.admin, to: world.config, act: canary === undefined ? "apply" : "apply a canary" },
    handle: (reply) => world.config.apply(plan, reply, canary),
    onAnswer: (version) => {
      if (version > 0) world.rules.applied(version, plan.hash);
    },
  });
}

/** A version is tried with a share of the requests. */
function tryVersion(world: MeshWorld): void {
  const first = SHARES[world.draw() % SHARES.length] as number;
  const isByItself = world.random() < 0.5;
  const steps = isByItself ? [first, first + 1_000, 9_000] : [first];
  apply(world, drawPlan(world), {
    ...{ steps, maxErrors: 0.05, by: world.random() < 0.7 ? "trace" : "ip" },
    ...(isByItself && { everyMs: 1_000 + world.random() * 3_000 }),
    ...(world.random() < 0.3 && { match: HEADER }),
  });
}

const SHARES = [0, 50, 1_000, 5_000];

function changeCanary(world: MeshWorld): void {
  const drawn = world.random();
  if (drawn < 0.5) orderCanary(world, { type: "set", share: SHARES[world.draw() % SHARES.length] as number });
  else endCanary(world);
}

/** An operator makes it live, or gives it up. */
export function endCanary(world: MeshWorld): void {
  orderCanary(world, world.random() < 0.5 ? { type: "promote" } : { type: "abort", reason: "somebody said so" });
}

function orderCanary(world: MeshWorld, change: CanaryChange): void {
  world.network.call<boolean>({
    ...{ from: world.admin, to: world.config, act: change.type },
    handle: (reply) => world.config.changeCanary(change, reply),
  });
}

function rollBack(world: MeshWorld): void {
  const { plan } = world.pick(world.config.versions) ?? {};
  if (plan !== undefined) apply(world, plan);
}

function join(world: MeshWorld): void {
  if (world.agents.length >= AGENTS_MAX) return;
  const agent = world.addAgent();
  agent.join(agent.hasPlatform && world.random() < 0.5 ? undefined : addToken(world, agent.service));
}

/** Somebody else saw a token of a platform. */
function replayToken(world: MeshWorld): void {
  const { authority, network, admin } = world;
  const token = world.pick([...world.tokens.values()]);
  if (token === undefined) return;
  const claims = world.random() < 0.2 ? { ...token.claims, ns: "users" } : token.claims;
  const shown = claims === token.claims ? token : { id: `${token.id} changed`, claims: { ...claims, aud: "others" } };
  network.call<boolean>({
    ...{ from: admin, to: authority, act: `replay ${shown.id}` },
    handle: (reply) => {
      const challenge = authority.challenge();
      const proof = { kind: "platform", token: shown, key: "the key of a stranger", challenge } as const;
      authority.issue("stranger", proof, (leaf) => reply(leaf !== undefined));
    },
  });
}

/** An operator removes the key by which somebody comes back. */
function removeKey(world: MeshWorld): void {
  const agent = world.pick(world.agents);
  if (agent === undefined) return;
  agent.say(() => "has its key removed");
  world.authority.serve(() => {
    world.authority.desk.removeKey(agent.key);
    world.rules.keyRemoved(agent.key);
  });
}

function addToken(world: MeshWorld, service: string): string {
  const id = `token-${world.draw()}`;
  world.authority.addToken(id, service, world.random() < 0.2 ? 5_000 : 900_000);
  return id;
}

/** Somebody with a token that was used, is another's, or is made up. */
function joinAsStranger(world: MeshWorld): void {
  const { authority, network, admin } = world;
  const id =
    world.random() < 0.2 ? "no such token" : (world.pick([...authority.tokens.keys()]) ?? addToken(world, "web"));
  const macIsGood = world.random() < 0.5;
  network.call<boolean>({
    ...{ from: admin, to: authority, act: "join as a stranger" },
    handle: (reply) =>
      authority.issue("stranger", { kind: "token", id, macIsGood }, (leaf) => reply(leaf !== undefined)),
  });
}

function drainOne(world: MeshWorld): void {
  const agent = world.pick(world.agents.filter(({ phase }) => phase === "ready"));
  if (agent === undefined) return;
  const { life } = agent;
  agent.run(life, () => agent.drain());
}

function returnOne(world: MeshWorld): void {
  const agent = world.pick(world.agents.filter(({ phase, leaf }) => phase === "gone" && leaf !== undefined));
  if (agent === undefined) return;
  if (world.random() < 0.3) agent.oversleep();
  agent.start();
}

/** Their number is not changed while agents are waited for: of those away, hubs that are given up say nothing. */
function changeHubs(world: MeshWorld): void {
  const { ring, state } = world.authority;
  if (state.rotation === undefined && keyIn(ring, "next") === undefined) world.setHubs(1 + (world.draw() % 4));
}

function denyOne(world: MeshWorld): void {
  const agent = world.pick(world.agents);
  if (agent === undefined) return;
  const whom = world.random() < 0.2 ? agent.service : agent.name;
  world.authority.serve(() => world.authority.deny(whom));
}

function killOne(world: MeshWorld): void {
  if (world.random() < 0.3) {
    const isolate = world.isolates.shift();
    if (isolate !== undefined) isolate.life++;
    world.addIsolate();
    return;
  }
  const agent = world.pick(world.agents.filter(({ isAlive }) => isAlive));
  if (agent === undefined) return;
  agent.kill(world.random() < 0.5);
  const { life } = agent;
  // Something starts it again, as a supervisor does.
  if (world.random() < 0.7)
    agent.later(world.random() * 3_000, () => {
      if (agent.life === life && agent.leaf !== undefined) agent.start();
    });
}

function freeze(world: MeshWorld, agent: AgentHost | undefined): void {
  if (agent === undefined || agent.frozenUntilMs >= world.events.nowMs) return;
  agent.say(() => "is suspended");
  agent.frozenUntilMs = world.events.nowMs + world.random() * 30_000;
  if (world.random() < 0.3) agent.oversleep();
  agent.troubled(agent.frozenUntilMs);
}

function cutSome(world: MeshWorld): void {
  const nodes: VirtualNode[] = [...world.objects, ...world.agents, ...world.isolates];
  const [one, other] = [world.pick(nodes), world.pick(nodes)];
  if (one === undefined || other === undefined) return;
  const ms = world.random() < 0.7 ? world.random() * 5_000 : world.random() * 30_000;
  one.say(
    () => `is cut off ${world.events.nowMs % 2 < 1 ? "from all" : `from ${other.name}`} for ${Math.round(ms)} ms`,
  );
  for (const node of [one, other]) node.troubled(world.events.nowMs + ms);
  if (world.events.nowMs % 2 < 1) one.cutUntilMs = world.events.nowMs + ms;
  else world.network.cut(one, other, ms);
}

function turnClock(world: MeshWorld): void {
  const node = world.pick<VirtualNode>([...world.objects, ...world.agents, ...world.isolates]);
  if (node === undefined) return;
  const skewMs = (world.random() - 0.5) * 300_000;
  node.say(() => `turns its clock by ${Math.round(skewMs - node.skewMs)} ms`);
  world.rules.clockTurned(node.name, node.skewMs - skewMs);
  node.turnClock(skewMs);
}

const AGENTS_MAX = 10;
