/**
 * Control plane, agents, gateway isolates and the network between under one virtual clock, from one seed. The decisions are the
 * real ones (`steps.ts`); hosts store, send and wait as the real ones do.
 */

import { instanceKey } from "../../../shared/policy/agent-sessions.ts";
import { hubOf } from "../../../shared/policy/hub-shards.ts";
import { EventQueue, seededRandom } from "../event-queue.ts";
import { AgentHost } from "./agent-host.ts";
import { AuthorityHost, TRUST_DOMAIN } from "./authority-host.ts";
import { ConfigHost } from "./config-host.ts";
import { type FaultKind, Faults } from "./faults.ts";
import { HubHost } from "./hub-host.ts";
import { IsolateHost } from "./isolate-host.ts";
import type { LastGood, PlatformToken } from "./messages.ts";
import { Network } from "./network.ts";
import type { Habits, IsolateNode, Workload, World } from "./nodes.ts";
import { RegistryHost } from "./registry-host.ts";
import { Rules } from "./rules.ts";
import { productionSteps, type Steps } from "./steps.ts";
import { type DurableNode, EPOCH_MS, type Trace, VirtualNode } from "./virtual-node.ts";
import { travel } from "./virtual-request.ts";

export const GOOD_HABITS: Habits = {
  renewalFailed: () => undefined,
  isOvertaken: (call, taken) => call < taken,
  storesVersions: true,
  isReleased: (phase) => phase === "promoted",
};

export interface WorldOptions {
  readonly seed: number;
  readonly faults?: readonly FaultKind[];
  readonly steps?: Partial<Steps>;
  readonly habits?: Partial<Habits>;
  readonly trace?: Trace;
}

export const SERVICES = ["web", "orders", "stock", "users"] as const;
/** Clocks are off by half of this at most, so any two by all of it. */
const SKEW_MS = 300_000;
const HUBS_MAX = 4;
export const ISSUER = "https://cluster.test";
const TOKEN_S = 20;
/** Share of worlds in which there are canaries: while one runs nothing else is applied. */
const CANARIES = 0.25;

export class MeshWorld implements World {
  readonly events = new EventQueue();
  readonly random: () => number;
  readonly faults: Faults;
  readonly steps: Steps;
  readonly habits: Habits;
  readonly trace: Trace | undefined;
  readonly rules: Rules;
  readonly network: Network;
  readonly config: ConfigHost;
  readonly authority: AuthorityHost;
  readonly admin: VirtualNode;
  readonly agents: AgentHost[] = [];
  isolates: IsolateHost[] = [];
  hubs: HubHost[];
  lastGood: LastGood | undefined;
  /** Some versions are tried before they are live. */
  readonly hasCanaries: boolean;
  /** Of the platform, by workload, the last ones. */
  readonly tokens = new Map<string, PlatformToken>();
  readonly #allHubs: readonly HubHost[];
  readonly #registries = new Map<string, RegistryHost>();

  constructor({ seed, faults, steps, habits, trace }: WorldOptions) {
    this.random = seededRandom(seed);
    this.trace = trace;
    this.faults = new Faults(this.random, faults);
    this.steps = { ...productionSteps, ...steps };
    this.habits = { ...GOOD_HABITS, ...habits };
    this.rules = new Rules(this);
    this.network = new Network(this);
    this.config = new ConfigHost(this, "config");
    this.authority = new AuthorityHost(this, "authority");
    this.admin = new VirtualNode(this, "admin");
    this.#allHubs = Array.from({ length: HUBS_MAX }, (_, at) => new HubHost(this, `hub-${at}`));
    this.hubs = this.#allHubs.slice(0, 1 + (this.draw() % 3));
    for (let at = 0; at < 3 + (this.draw() % 5); at++) this.addAgent();
    this.addIsolate();
    if (this.random() < 0.5) this.addIsolate();
    this.hasCanaries = this.random() < CANARIES;
  }

  get hasRequests(): boolean {
    return this.hasCanaries && this.rules.canaries.areOfInterest;
  }

  /** By a clock that is right; another one when that has ended. */
  platformToken({ service, instance }: Workload): PlatformToken {
    const nowS = (EPOCH_MS + this.events.nowMs) / 1_000;
    const name = `${service}/${instance}`;
    const known = this.tokens.get(name);
    if (known !== undefined && Number(known.claims.exp) > nowS) return known;
    const claims = { iss: ISSUER, aud: TRUST_DOMAIN, sub: name, ns: service, iat: nowS, exp: nowS + TOKEN_S };
    const token = { id: `platform-${this.draw()}`, claims };
    this.tokens.set(name, token);
    return token;
  }

  send(isolate: IsolateNode, version: number): void {
    travel(this, isolate, version);
  }

  /** A whole number from 0 up to below 2 to the power of 30. */
  draw = (): number => Math.floor(this.random() * 0x40000000);

  pick<T>(all: readonly T[]): T | undefined {
    return all[this.draw() % Math.max(1, all.length)];
  }

  drawSkewMs(): number {
    return this.faults.kinds.has("skew") ? (this.random() - 0.5) * SKEW_MS : 0;
  }

  addAgent(): AgentHost {
    const service = SERVICES[this.draw() % SERVICES.length] as string;
    const agent = new AgentHost(this, service, `i-${this.agents.length}`);
    this.agents.push(agent);
    return agent;
  }

  addIsolate(): void {
    const isolate = new IsolateHost(this, `isolate-${this.draw() % 100_000}`);
    this.isolates.push(isolate);
    isolate.later(0, () => isolate.serve());
  }

  /** The same control plane with another number of hubs, as after a deployment. */
  setHubs(count: number): void {
    this.hubs = this.#allHubs.slice(0, count);
    this.rules.haveHubsChanged = true;
    this.deploy();
  }

  deploy(): void {
    for (const object of this.objects) object.crash();
    // Their alarms are due, if nothing else wakes them.
    for (const object of this.objects) object.wakeByAlarm();
  }

  get objects(): DurableNode[] {
    return [this.config, this.authority, ...this.#allHubs, ...this.#registries.values()];
  }

  get registries(): Iterable<[string, RegistryHost]> {
    return this.#registries;
  }

  registry(service: string): RegistryHost {
    let found = this.#registries.get(service);
    if (found === undefined) {
      found = new RegistryHost(this, `registry of ${service}`);
      this.#registries.set(service, found);
    }
    return found;
  }

  hub(name: string): HubHost | undefined {
    return this.#allHubs.find((hub) => hub.name === name);
  }

  hubFor = ({ service, instance }: Workload): HubHost => {
    return this.hubs[hubOf(instanceKey(service, instance), this.hubs.length)] as HubHost;
  };

  /** @param done gets the answers of all, or undefined when some did not answer in time */
  eachHub<T>(
    from: DurableNode,
    act: string,
    ask: (hub: HubHost, reply: (value: T) => void) => void,
    done: (answers: [HubHost, T][] | undefined) => void,
  ): void {
    const { hubs } = this;
    const answers: [HubHost, T][] = [];
    let ended = 0;
    for (const hub of hubs)
      this.network.call<T>({
        ...{ from, to: hub, act },
        handle: (reply) => ask(hub, reply),
        onEnd: (value) => {
          if (value !== undefined) answers.push([hub, value]);
          if (++ended === hubs.length) done(answers.length === hubs.length ? answers : undefined);
        },
      });
  }
}
