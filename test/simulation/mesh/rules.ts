/** What must hold whatever fails: looked at as it happens, with what only the world can know. */

import { limits } from "../../../shared/limits.ts";
import { type Instance, instanceKey } from "../../../shared/policy/agent-sessions.ts";
import type { HubVerdict } from "../../../shared/policy/hub-state.ts";
import type { RegistryVerdict } from "../../../shared/policy/registry.ts";
import type { AgentEnd, AgentSocket, HubEnd } from "./agent-socket.ts";
import { RING_SETTINGS, TRUST_DOMAIN } from "./authority-host.ts";
import { CanaryRules } from "./canary-rules.ts";
import type { Leaf, Proof, TakenPlan } from "./messages.ts";
import type { AgentNode, HubNode, IsolateNode, RegistryNode, Watch, World } from "./nodes.ts";
import { Violation } from "./violation.ts";
import { EPOCH_MS } from "./virtual-node.ts";

/** What a hub told an agent to do. */
interface Wait {
  readonly hub: HubEnd;
  readonly agent: AgentEnd;
  /** Of the agent then. */
  readonly life: number;
  readonly sinceMs: number;
}

/** After this a caller whose way to the registry works does not use what that has withdrawn: a view settles, calls time out. */
const STALE_MS = limits.agent.viewSettleMs + 2 * limits.control.objectCallMs + limits.control.gatherWaitMs + 3_000;
/** Between an answer of the config store and what was decided by it. */
const DECIDED_MS = 2 * limits.control.objectCallMs;

export class Rules implements Watch {
  readonly canaries: CanaryRules;
  readonly #world: World;
  /** By agent or isolate. */
  readonly #highest = new Map<string, number>();
  readonly #acknowledged = new Map<number, string>();
  /** Since when the registry says so of an instance, by `SERVICE/INSTANCE`; times of the world. */
  readonly #told = new Map<string, { readonly port: number | undefined; readonly sinceMs: number }>();
  /** By `SERVICE/INSTANCE`. */
  readonly #waits = new Map<string, Wait>();
  readonly #clockTurns = new Map<string, number>();
  readonly #declaredMs = new Map<string, number>();
  /** Until when a live version had a rule by which workloads join as a service. */
  readonly #letInMs = new Map<string, number>();
  /** By whom. */
  readonly #usedTokens = new Map<string, string>();
  readonly enrolled = new Set<string>();
  readonly #removedKeys = new Set<string>();
  /** Keys that were not waited for any longer. */
  readonly #hastyKeys = new Set<string>();
  isForced = false;
  haveHubsChanged = false;
  /** What may take longer to converge: a clock that was set back counts that time again. */
  slowMs = 0;

  constructor(world: World) {
    this.#world = world;
    this.canaries = new CanaryRules(world);
  }

  get #nowMs(): number {
    return this.#world.events.nowMs;
  }

  planTaken(agent: AgentNode, before: TakenPlan | undefined): void {
    const { plan } = agent.known;
    this.#grows(agent.name, plan?.version ?? 0, before?.version ?? 0);
    if (plan !== undefined) this.canaries.agentHolds(agent, plan);
  }

  isolateTook(isolate: IsolateNode, before: number): void {
    this.#grows(isolate.name, isolate.version, before);
    this.canaries.isolateHolds(isolate);
  }

  #grows(name: string, version: number, before: number): void {
    if (version < before) throw new Violation("versions never go back", `${name} had ${before}, takes ${version}`);
    this.#highest.set(name, Math.max(version, this.#highest.get(name) ?? 0));
  }

  greeted(hub: HubNode, { agent }: AgentSocket): void {
    this.#waits.delete(instanceKey(agent.service, agent.instance));
    this.acknowledged(hub, agent);
  }

  toldToWait({ hub, agent }: AgentSocket): void {
    const { life } = agent;
    this.#waits.set(instanceKey(agent.service, agent.instance), { hub, agent, life, sinceMs: this.#nowMs });
  }

  /** Whom a hub told to come later nobody stops calling until it had the time to come. */
  shown(hub: HubNode, { shown }: HubVerdict): void {
    for (const key of shown) {
      const wait = this.#waits.get(key);
      const known = hub.state.sessions.instances[key];
      // With another number of hubs another one has it.
      if (wait === undefined || wait.hub !== hub || this.#world.hubFor(wait.agent) !== hub) continue;
      if (wait.life !== wait.agent.life || known?.connected !== false || known.visible) continue;
      if ((this.#clockTurns.get(hub.name) ?? -1) >= wait.sinceMs || known.phase === "draining") continue;
      const waitedMs = this.#nowMs - wait.sinceMs;
      if (waitedMs >= limits.control.returnSpreadMs) continue;
      const text = `${hub.name} takes ${key} away, ${Math.round(waitedMs)} ms after it told it to wait`;
      throw new Violation("who is told to wait keeps its endpoint", text);
    }
  }

  acknowledged({ state }: HubNode, { service, instance, name }: AgentEnd): void {
    const said = state.sessions.instances[instanceKey(service, instance)]?.planVersion ?? 0;
    this.#serves(name, said);
  }

  leased(isolate: string, version: number): void {
    this.#serves(isolate, version);
  }

  #serves(name: string, version: number): void {
    if (version <= (this.#highest.get(name) ?? 0)) return;
    throw new Violation("what is said to be served is served", `${name} never had ${version}`);
  }

  /** The operator was told that a version is applied. */
  applied(version: number, hash: string): void {
    const known = this.#acknowledged.get(version);
    if (known !== undefined && known !== hash)
      throw new Violation("no acknowledged version is lost", `${version} is ${known} and ${hash}`);
    this.#acknowledged.set(version, hash);
    this.lookAtVersions();
  }

  lookAtVersions(): void {
    const { versions } = this.#world.config;
    for (const [version, hash] of this.#acknowledged)
      if (versions[version - 1]?.plan.hash !== hash)
        throw new Violation("no acknowledged version is lost", `${version} was ${hash}`);
    this.canaries.lookAtLive();
    const { config } = this.#world;
    const tried = config.canary.open && config.versions[config.canary.open.version - 1];
    for (const one of [config.live, tried])
      for (const service of one?.plan.callable.keys() ?? []) this.#declaredMs.set(service, this.#nowMs);
    for (const { service } of config.live?.plan.join.rules ?? []) this.#letInMs.set(service, this.#nowMs);
  }

  /** @param backMs how far; negative: ahead */
  clockTurned(node: string, backMs: number): void {
    this.slowMs = Math.max(this.slowMs, backMs);
    this.#clockTurns.set(node, this.#nowMs);
    if (node === "config") this.canaries.isClockTurned = true;
  }

  registryStepped(registry: RegistryNode, { touched }: RegistryVerdict): void {
    for (const instance of touched) {
      const port = registry.state.view.entries.get(instance)?.endpoint?.port;
      const key = `${registry.name}/${instance}`;
      const before = this.#told.get(key);
      if (before === undefined || before.port !== port) this.#told.set(key, { port, sinceMs: this.#nowMs });
    }
  }

  /** Callers that the registry could ask may have the endpoint only when the time for it had passed. */
  stoppedAccepting(agent: AgentNode): void {
    const registry = this.#world.registry(agent.service);
    const told = this.#told.get(`${registry.name}/${agent.instance}`);
    const goneMs = told?.port === undefined ? (told?.sinceMs ?? 0) : agent.drainBeganMs;
    const sinceMs = Math.max(goneMs, agent.drainBeganMs);
    if (this.#nowMs - sinceMs >= limits.control.drainBoundMs) return;
    if (this.#nowMs - agent.drainBeganMs >= limits.agent.drainUnheardMs) return;
    if ((this.#clockTurns.get(registry.name) ?? -1) >= agent.drainBeganMs) return;
    for (const caller of this.#world.agents) {
      if (!this.#isAsked(caller, agent, sinceMs)) continue;
      const used = caller.known.usedOf(agent.service).find(({ instance }) => instance === agent.instance);
      if (used?.port !== agent.port) continue;
      const text = `${agent.name} stops ${Math.round(this.#nowMs - sinceMs)} ms after it was withdrawn, ${caller.name} uses it`;
      throw new Violation("no endpoint stops before its callers know", text);
    }
  }

  /** The registry knows of the caller's hub, and that of the caller since before the endpoint left. */
  #isAsked(caller: AgentNode, { service }: AgentNode, sinceMs: number): boolean {
    if (!caller.isAlive || caller.openSinceMs === undefined || caller.openSinceMs >= sinceMs) return false;
    const hub = this.#world.hubFor(caller);
    // Whom a version just took the right to call is not asked.
    if (!mayCall(hub, caller, service) || hub.storage.publication?.version !== caller.known.plan?.version) return false;
    const row = this.#rowOf(caller);
    const link = this.#world.registry(service).state.hubs.get(hub.name);
    return row?.connected === true && link?.subscribed === true;
  }

  /** What its hub has of an agent, where that is about its present connection. */
  #rowOf(agent: AgentNode): Instance | undefined {
    const row = this.#world.hubFor(agent).state.sessions.instances[instanceKey(agent.service, agent.instance)];
    return row?.connection === agent.socket?.id ? row : undefined;
  }

  /** Looked at again and again: no caller goes on with what the registry withdrew long ago. */
  lookAtViews(): void {
    for (const caller of this.#world.agents) {
      const { openSinceMs } = caller;
      if (!caller.isAlive || openSinceMs === undefined || this.#rowOf(caller)?.connected !== true) continue;
      const hub = this.#world.hubFor(caller);
      const fineMs = Math.max(openSinceMs, caller.troubledAtMs, hub.troubledAtMs);
      if (this.#nowMs - fineMs <= STALE_MS) continue;
      for (const service of caller.known.plan?.callable ?? []) this.#lookAtView(caller, service, fineMs);
    }
  }

  #lookAtView(caller: AgentNode, service: string, fineMs: number): void {
    const registry = this.#world.registry(service);
    if (this.#nowMs - registry.troubledAtMs <= STALE_MS) return;
    // By such a clock it tries again that much later.
    if (this.#clockTurns.has(registry.name)) return;
    if (!mayCall(this.#world.hubFor(caller), caller, service)) return;
    for (const { instance, port } of caller.known.usedOf(service)) {
      const told = this.#told.get(`${registry.name}/${instance}`);
      if (told === undefined || told.port === port) continue;
      const staleMs = this.#nowMs - Math.max(fineMs, told.sinceMs);
      if (staleMs <= STALE_MS) continue;
      const text = `${caller.name} uses ${service}/${instance}:${port}, withdrawn ${Math.round(staleMs)} ms ago`;
      throw new Violation("no withdrawn endpoint stays in use", text);
    }
  }

  identityChanged(agent: AgentNode, before: Leaf | undefined): void {
    const trueMs = EPOCH_MS + this.#nowMs;
    const isGood = (leaf: Leaf): boolean => leaf.notAfterMs > trueMs;
    if (before !== undefined && isGood(before) && (agent.leaf === undefined || !isGood(agent.leaf)))
      throw new Violation(
        "no valid credential is dropped",
        `${agent.name} had one until ${before.notAfterMs - trueMs} ms`,
      );
    this.lookAtRoots();
  }

  issued(leaf: Leaf, proof: Proof): void {
    const { authority } = this.#world;
    const name = `${leaf.service}/${leaf.instance}`;
    const fault = this.#faultOf(leaf, proof, name);
    if (fault !== undefined) throw new Violation("no identity outside the rules", `${name}: ${fault}`);
    if (leaf.notAfterMs > authority.issuerNotAfterMs)
      throw new Violation("no identity outside the rules", `${name} outlives its issuer`);
    if (proof.kind === "token") this.#usedTokens.set(proof.id, name);
    if (proof.kind === "platform") this.#usedTokens.set(proof.token.id, proof.key);
    this.enrolled.add(name);
  }

  #faultOf(leaf: Leaf, proof: Proof, name: string): string | undefined {
    const { authority } = this.#world;
    const isByKey = proof.kind === "key" && this.#removedKeys.has(proof.key);
    if (authority.isDenied(leaf) || isByKey)
      throw new Violation("who is revoked stays out", `${name} by ${proof.kind}`);
    if (leaf.spiffeId !== `spiffe://${TRUST_DOMAIN}/service/${leaf.service}`) return `it gets ${leaf.spiffeId}`;
    this.lookAtVersions();
    if (this.#nowMs - (this.#declaredMs.get(leaf.service) ?? Number.NEGATIVE_INFINITY) > DECIDED_MS)
      return "no document names its service";
    const { leafLifetimeMs } = limits.certificate;
    if (leaf.notAfterMs - authority.nowMs > leafLifetimeMs) return "it lives too long";
    if (leaf.notBeforeMs > EPOCH_MS + this.#nowMs - 150_000) return "it begins later than clocks of others";
    if (proof.kind === "platform") return this.#faultOfToken(leaf, proof);
    if (proof.kind !== "token") return this.enrolled.has(name) ? undefined : "it renews what it never had";
    const token = authority.tokens.get(proof.id);
    if (token === undefined || token.service !== leaf.service) return "its token is for another";
    if (!proof.macIsGood) return "it does not know its token's secret";
    if (authority.nowMs >= token.expiresAtMs) return "its token has expired";
    if (this.#usedTokens.has(proof.id)) throw new Violation("no token is spent twice", `${name} by ${proof.id}`);
    return undefined;
  }

  /** Let in by the rules of a version that is live, or was when somebody was asked. */
  #faultOfToken({ service, instance }: Leaf, { token, key }: Extract<Proof, { kind: "platform" }>): string | undefined {
    const usedBy = this.#usedTokens.get(token.id);
    if (usedBy !== undefined && usedBy !== key)
      throw new Violation("no token is spent twice", `${service}/${instance} by ${token.id}, which ${usedBy} had`);
    if (token.claims.ns !== service || token.claims.aud !== TRUST_DOMAIN) return "its token is for another";
    const isLetIn = this.#nowMs - (this.#letInMs.get(service) ?? Number.NEGATIVE_INFINITY) <= DECIDED_MS;
    return isLetIn ? undefined : "no rule lets it in any more";
  }

  /** An operator was told so. */
  keyRemoved(id: string): void {
    this.#removedKeys.add(id);
  }

  trustTaken(agent: AgentNode): void {
    this.lookAtRoots();
    const keys = agent.known.trust?.keys ?? [];
    for (const isolate of this.#world.isolates) this.#lookAtKey(isolate, agent, keys);
  }

  /** Whoever serves is believed by everybody who said which bundle it goes by. */
  lookAtRoots(): void {
    const { authority } = this.#world;
    const serving = this.#world.agents.filter(
      (agent) => (agent.phase === "ready" || agent.phase === "draining") && !authority.isDenied(agent),
    );
    for (const one of serving) {
      const { leaf } = one;
      if (leaf === undefined || leaf.notAfterMs <= EPOCH_MS + this.#nowMs) continue;
      // The authority takes a certificate for replaced by a newer one, whose way to its holder nobody knows.
      if (authority.newestOf(one.name)?.serial !== leaf.serial) continue;
      if (this.isForced && !this.canRenew(one)) continue;
      for (const other of serving) {
        if (other.known.trust?.roots.includes(leaf.root) !== false) continue;
        if (!this.#isTold(other)) continue;
        const text = `${other.name} believes ${other.known.trust.roots}, ${one.name} has a leaf of ${leaf.root}`;
        throw new Violation("no root goes that is in use", text);
      }
    }
  }

  /**
   * It has said which bundle it goes by, to a hub that was told them all. When there are more or fewer hubs, one that was out of
   * use may not have heard yet, and nobody asks one that is out of use now.
   */
  #isTold(agent: AgentNode): boolean {
    const { storage } = this.#world.hubFor(agent);
    const isCurrent = storage.trust?.changedAtMs === this.#world.authority.trust().changedAtMs;
    const row = this.#rowOf(agent);
    return row?.trusts !== undefined && ((isCurrent && row.connected) || !this.haveHubsChanged);
  }

  /** Nobody who has to be left behind: it is there, and gets certificates. */
  canRenew(agent: AgentNode): boolean {
    const { config, authority } = this.#world;
    return config.isDeclared(agent.service) && !authority.isDenied(agent) && this.#rowOf(agent)?.connected === true;
  }

  keyPromoted(kid: string, waitedMs: number): void {
    if (waitedMs >= RING_SETTINGS.waitMaxMs) this.#hastyKeys.add(kid);
  }

  keyTaken(isolate: IsolateNode): void {
    for (const agent of this.#world.agents) this.#lookAtKey(isolate, agent, agent.known.trust?.keys ?? []);
  }

  #lookAtKey({ name, key, keyHeardAtMs }: IsolateNode, agent: AgentNode, keys: readonly string[]): void {
    if (key === "" || this.#hastyKeys.has(key) || keys.includes(key)) return;
    if (this.#nowMs - keyHeardAtMs > RING_SETTINGS.keptMs / 2) return;
    // By such a clock keys are kept for less time than isolates hear of another.
    if (this.#clockTurns.has("authority")) return;
    if (agent.phase !== "ready" || !this.#isTold(agent)) return;
    throw new Violation("no key is used that somebody lacks", `${name} signs with ${key}, ${agent.name} has ${keys}`);
  }
}

/** By the version that the hub has: what it has no more about an agent's service stays as it is with the agent. */
const mayCall = ({ state }: HubNode, { service }: AgentNode, called: string): boolean =>
  state.callable.get(service)?.includes(called) === true;
