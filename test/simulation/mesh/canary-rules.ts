/** What must hold of canaries of a version whatever fails: looked at as it happens, with what only the world can know. */
import { limits } from "../../../shared/limits.ts";
import type { CanaryRollout } from "../../../shared/policy/canary-rollout.ts";
import { type CanaryEvent, type CanaryPhase, isOpen, shareNow } from "../../../shared/policy/version-canary.ts";
import type { Client, IsolateCanary } from "./isolate-canary.ts";
import type { CanaryGrant, TakenPlan } from "./messages.ts";
import type { AgentNode, CanaryWatch, IsolateNode, RequestOnItsWay, World } from "./nodes.ts";
import { Violation } from "./violation.ts";

/** What is known of one. */
interface Tried {
  readonly rollout: CanaryRollout;
  /** What gateways were to give it since when, times of the world. */
  readonly shares: { readonly sinceMs: number; readonly share: number }[];
  /** Who had it when it began to get requests. */
  readonly holders: Set<string>;
  isOrdered: boolean;
  endedMs: number;
  /** Requests that it decided and, of these, that were reported since its share was set last. */
  decided: number;
  reported: number;
  sinceSet: number;
  stepAtMs: number;
  /** Of those that were drawn by chance: that it got, how many are to be expected, and their variance. */
  hits: number;
  expected: number;
  variance: number;
}

/** Between what the config store was told and what it does. */
const DECIDED_MS = 2 * limits.control.objectCallMs;
/** So many requests of a version that fails often are enough to judge it. */
const ENOUGH = 100;
const FAILING = 0.3;
const DEVIATIONS = 6;
const OF_INTEREST_MS = 15_000;

export class CanaryRules implements CanaryWatch {
  readonly #world: World;
  readonly #tried = new Map<number, Tried>();
  /** When an isolate asked for the answer that it took last. */
  readonly #askedMs = new Map<string, number>();
  /** Of the config store: what it took for a new report may be one of long ago. */
  isClockTurned = false;
  #lastMs = Number.NEGATIVE_INFINITY;

  constructor(world: World) {
    this.#world = world;
  }

  get #nowMs(): number {
    return this.#world.events.nowMs;
  }

  /** One runs, or has ended not long ago. */
  get areOfInterest(): boolean {
    return this.#world.config.canary.open !== undefined || this.#nowMs - this.#lastMs < OF_INTEREST_MS;
  }

  begun(rollout: CanaryRollout): void {
    this.#tried.set(rollout.version, {
      ...{ rollout, shares: [{ sinceMs: this.#nowMs, share: 0 }], holders: new Set(), isOrdered: false },
      ...{ endedMs: Number.POSITIVE_INFINITY, decided: 0, reported: 0, sinceSet: 0, stepAtMs: 0 },
      ...{ hits: 0, expected: 0, variance: 0 },
    });
  }

  stepped(rollout: CanaryRollout, before: CanaryPhase, event: CanaryEvent, isKnown: boolean): void {
    const tried = this.#tried.get(rollout.version);
    if (tried === undefined) return;
    const { phase } = rollout.state;
    if (event.type === "promote" && isKnown) tried.isOrdered = true;
    this.#noteShare(tried);
    if (before === "preparing" && phase === "running") this.#lookAtHolders(tried);
    if (event.type === "counted") this.#lookAtCounts(tried, event);
    if (isOpen(rollout.state)) return;
    this.#lastMs = tried.endedMs = this.#nowMs;
    if (phase === "promoted") this.#lookAtPromotion(tried);
    const isByItself = event.type === "counted" || event.type === "tick";
    if (phase === "aborted" && isByItself && this.#failingOf(rollout.version) === 0)
      throw new Violation("a canary is judged by its requests", `${rollout.version} never fails, and is rolled back`);
  }

  #noteShare({ rollout: { state }, shares }: Tried): void {
    const share = isOpen(state) ? shareNow(state) : 0;
    if (shares.at(-1)?.share !== share) shares.push({ sinceMs: this.#nowMs, share });
  }

  #lookAtHolders({ rollout: { version }, holders }: Tried): void {
    const { agents, config } = this.#world;
    const fault = (who: string) => new Violation("a canary begins when everybody has it", `${who} lacks ${version}`);
    for (const agent of agents) {
      if (!this.#isWaitedFor(agent, version)) continue;
      if (!holds(agent, version)) throw fault(agent.name);
      holders.add(agent.name);
    }
    const other = config.leases().find(({ canary }) => canary?.version !== version);
    if (other !== undefined) throw fault(other.isolate);
  }

  /** Its hub knows of it since before it was asked who has the version. */
  #isWaitedFor(agent: AgentNode, version: number): boolean {
    const { config, authority, hubFor } = this.#world;
    if (!agent.isAlive || (agent.openSinceMs ?? this.#nowMs) > this.#nowMs - DECIDED_MS) return false;
    const row = hubFor(agent).state.sessions.instances[agent.name];
    const isConnected = row?.connected === true && row.connection === agent.socket?.id;
    const isNamed = config.versions[version - 1]?.plan.callable.has(agent.service) === true;
    return isConnected && isNamed && !authority.isDenied(agent);
  }

  #lookAtCounts(tried: Tried, event: Extract<CanaryEvent, { type: "counted" }>): void {
    if (event.side !== "canary") return;
    const { version, state } = tried.rollout;
    tried.reported += event.requests;
    if (tried.reported > tried.decided && !this.isClockTurned)
      throw new Violation("a canary is judged by its requests", `of ${tried.decided} ${tried.reported} were counted`);
    tried.sinceSet = state.stepAtMs === tried.stepAtMs ? tried.sinceSet + event.requests : 0;
    tried.stepAtMs = state.stepAtMs;
    if (state.phase === "running" && tried.sinceSet >= ENOUGH && this.#failingOf(version) >= FAILING)
      throw new Violation("a canary is judged by its requests", `${version} fails, and goes on`);
  }

  /** Somebody said so, or it had the share of each of its steps. */
  #lookAtPromotion({ rollout: { version, settings }, shares, isOrdered }: Tried): void {
    const given = new Set(shares.map(({ share }) => share));
    const hadAll = settings.everyMs !== undefined && settings.steps.every((share) => given.has(share));
    if (!isOrdered && !hadAll)
      throw new Violation("no canary is live unless it was promoted", `nobody promoted ${version}`);
    // What an isolate gives it may be set back by an answer that is on its way; what it has said counts.
    const other = this.#world.config.leases().find(({ canary }) => canary?.share !== SHARES);
    if (other !== undefined)
      throw new Violation("no canary is live unless it was promoted", `${other.isolate} does not give ${version} all`);
  }

  /** Looked at whenever the live version may have changed. */
  lookAtLive(): void {
    const { live } = this.#world.config;
    if (live !== undefined) this.#refuseUnpromoted("the config store", live.version);
  }

  /** As the only version, or as the stable one of two. */
  isolateHolds({ name, version }: IsolateNode): void {
    this.#refuseUnpromoted(name, version);
  }

  /** A canary is the plan of those that the live one does not know. */
  agentHolds({ name, service }: AgentNode, { version }: TakenPlan): void {
    const { versions } = this.#world.config;
    const stable = versions[(this.#tried.get(version)?.rollout.stable ?? 0) - 1];
    if (stable?.plan.callable.has(service) === true) this.#refuseUnpromoted(name, version);
  }

  #refuseUnpromoted(name: string, version: number): void {
    const phase = this.#tried.get(version)?.rollout.state.phase;
    if (phase === undefined || phase === "promoted") return;
    if (phase === "aborted") throw new Violation("what was rolled back never comes back", `${name} has ${version}`);
    throw new Violation("no canary is live unless it was promoted", `${name} has ${version}, which is ${phase}`);
  }

  isolateTold({ name }: IsolateNode, canary: CanaryGrant | undefined, askedAtMs: number): void {
    const sinceMs = Math.max(askedAtMs, this.#askedMs.get(name) ?? 0);
    this.#askedMs.set(name, sinceMs);
    const tried = canary && this.#tried.get(canary.version);
    if (canary === undefined || tried === undefined) return;
    const { version, share } = canary;
    if (tried.rollout.state.phase === "aborted" && tried.endedMs < sinceMs)
      throw new Violation("what was rolled back never comes back", `${name} tries ${version}`);
    const wasSet = tried.shares.some(
      (one, at) => one.share === share && (tried.shares[at + 1]?.sinceMs ?? Number.POSITIVE_INFINITY) >= sinceMs,
    );
    if (!wasSet) throw new Violation("no other share is drawn than was set", `${name} gives ${version} ${share}`);
  }

  drew({ terms }: IsolateCanary, client: Client, isTried: boolean): void {
    const tried = this.#tried.get(terms.version);
    if (tried === undefined) return;
    const asks = client.asks && terms.match !== undefined;
    if (isTried) tried.decided++;
    if (isTried && !asks && terms.share === 0)
      throw new Violation("no other share is drawn than was set", `${terms.version} gets a request at 0`);
    if (asks || terms.by !== "trace") return;
    const chance = terms.share / SHARES;
    tried.hits += Number(isTried);
    tried.expected += chance;
    tried.variance += chance * (1 - chance);
    const most = DEVIATIONS * Math.sqrt(tried.variance) + DEVIATIONS;
    if (Math.abs(tried.hits - tried.expected) <= most) return;
    const text = `${terms.version} got ${tried.hits} requests, ${Math.round(tried.expected)} were to be expected`;
    throw new Violation("no other share is drawn than was set", text);
  }

  decided(request: RequestOnItsWay, agent: AgentNode, named: string | undefined, version: number): void {
    if (named === undefined || named === String(version)) return;
    const isHeld = holds(agent, Number(named));
    if (!isHeld && !this.#mustHold(agent, Number(named))) return;
    const text = `${agent.name} decides by ${version} what ${request.isolate} decided by ${request.version}`;
    throw new Violation("a request is decided by one version", `${text}; it ${isHeld ? "holds" : "has lost"} ${named}`);
  }

  /** It had both versions when the canary began, and keeps them for a while after its end, unless another comes. */
  #mustHold({ name }: AgentNode, version: number): boolean {
    const tried = this.#tried.get(this.#world.config.versions.length);
    if (tried === undefined || !tried.holders.has(name)) return false;
    const { rollout, endedMs } = tried;
    const isOneOfTwo = version === rollout.version || version === rollout.stable;
    return isOneOfTwo && this.#nowMs < endedMs + limits.canary.keptMs;
  }

  #failingOf(version: number): number {
    return this.#world.config.versions[version - 1]?.plan.failing ?? 0;
  }
}

const SHARES = limits.canary.sharesMax;

const holds = ({ known }: AgentNode, version: number): boolean =>
  known.plan?.version === version || known.second?.version === version;
