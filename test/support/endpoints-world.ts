/** One service with its registry, two hubs, four callers and three instances, all as pure steps in virtual time. */
import { instanceKey } from "../../shared/policy/agent-sessions.ts";
import {
  type DiscoveryState,
  heldRevisions,
  inUse,
  newDiscovery,
  stepDiscovery,
} from "../../shared/policy/discovery-view.ts";
import { stepHub } from "../../shared/policy/hub.ts";
import { confirmable, owedServices, reportsOf, unsubscribed } from "../../shared/policy/hub-duties.ts";
import { type HubEvent, type HubPush, type HubState, newHub, newHubView } from "../../shared/policy/hub-state.ts";
import {
  lacking,
  newRegistry,
  type RegistryEvent,
  type RegistryState,
  type RegistryVerdict,
  stepRegistry,
  updateFor,
} from "../../shared/policy/registry.ts";
import { endpointsOf } from "../../shared/policy/service-view.ts";
import { RETURNS } from "./return-settings.ts";

const hubSettings = {
  leaseMs: 20_000,
  graceMs: 1_000,
  ...RETURNS,
  forgetAfterMs: 60_000,
  instancesMax: 100,
  marksMax: 2,
};
const registrySettings = { drainBoundMs: 5_000, hubLeaseMs: 900_000, marksMax: 2, instancesMax: 100 };

interface Agent {
  readonly service: "shop" | "orders";
  readonly name: string;
  hub: number;
  connection: string;
  connected: boolean;
  phase: "starting" | "ready" | "draining" | "gone";
  readonly discovery: DiscoveryState;
  /** What is on its way on its socket. */
  inbox: HubPush[];
  drainsSinceMs: number;
  cutAtMs: number;
  /** When it last came back after it had been away for longer than others wait for it. */
  lateAtMs: number;
  released: boolean;
}

/** What one number of a random sequence makes happen. */
export interface Step {
  readonly what: number;
  readonly who: number;
  /** Of messages that are sent meanwhile: lost, late, twice, or on a socket that is slow; or as it should be. */
  readonly fate: number;
}

export class Endpoints {
  nowMs = 1_000_000;
  registry: RegistryState = newRegistry("e1");
  readonly hubs: HubState[] = [newHub(), newHub()];
  readonly agents: Agent[];
  readonly violations: string[] = [];
  #late: (() => void)[] = [];
  readonly #queue: (() => void)[] = [];
  readonly #busy = new Set<string>();
  #fate = 9;
  #connections = 0;

  constructor() {
    const make = (service: Agent["service"], at: number): Agent => ({
      ...{ service, name: `${service}-${at}`, hub: at % 2, connection: "", connected: false, phase: "gone" },
      ...{ discovery: newDiscovery(), inbox: [], drainsSinceMs: 0, cutAtMs: 0, lateAtMs: 0, released: false },
    });
    this.agents = [0, 1, 2, 3].map((at) => make("shop", at)).concat([0, 1, 2].map((at) => make("orders", at)));
    const callable = new Map([
      ["shop", ["orders"]],
      ["orders", []],
    ]);
    for (const at of [0, 1]) this.#hub(at, { type: "published", callable });
    for (const agent of this.agents) this.#connect(agent);
  }

  step({ what, who, fate }: Step): void {
    this.#fate = fate;
    this.nowMs += 50;
    const instance = this.agents[4 + (who % 3)] as Agent;
    const caller = this.agents[who % 4] as Agent;
    if (what < 3) this.#restart(instance);
    else if (what < 6) this.#drain(instance);
    else if (what < 7) this.#cut(instance);
    else if (what < 8) this.#cut(caller);
    else if (what < 11) this.#connect(what % 2 === 0 ? instance : caller);
    else if (what < 12) this.#wake(who % 2);
    else if (what < 13) this.nowMs += 700 * who;
    else for (const send of this.#late.splice(0)) send();
    this.#tick();
  }

  /** Everything works again for a while. */
  heal(): void {
    this.#fate = 9;
    for (const send of this.#late.splice(0).reverse()) send();
    for (const agent of this.agents) if (!agent.connected && agent.phase !== "gone") this.#connect(agent);
    for (let round = 0; round < 8; round++) {
      this.nowMs += 3_000;
      this.#tick();
    }
  }

  /** By instances: those that are up, what the registry says, and what each caller chooses from. */
  views(): { up: string[]; registry: string[]; callers: string[][] } {
    const names = (endpoints: readonly { instance: string; port: number }[]): string[] =>
      endpoints.map(({ instance, port }) => `${instance}:${port}`).sort();
    const isUp = (agent: Agent): boolean => agent.service === "orders" && agent.connected && agent.phase === "ready";
    return {
      up: this.agents.flatMap((agent) => (isUp(agent) ? [`${agent.name}:80`] : [])).sort(),
      registry: names(endpointsOf(this.registry.view)),
      callers: this.#callers().map(({ discovery }) => names(inUse(discovery).orders ?? [])),
    };
  }

  #callers(): Agent[] {
    return this.agents.filter(({ service }) => service === "shop");
  }

  /** Hands something over a network between objects, after what was sent before. */
  #send(deliver: () => void): void {
    const fate = this.#fate;
    if (fate === 0) return;
    if (fate === 1 || fate === 2) this.#late.push(deliver);
    if (fate !== 1) this.#queue.push(deliver);
  }

  #settle(): void {
    for (let isOver = false; !isOver; ) {
      for (let next = this.#queue.shift(); next !== undefined; next = this.#queue.shift()) next();
      const slow = this.#fate === 3 || this.#fate === 4 ? this.#fate - 3 : -1;
      for (const [at, agent] of this.agents.entries())
        if (at % 2 !== slow) for (const message of agent.inbox.splice(0)) this.#take(agent, message);
      isOver = this.#queue.length === 0;
    }
  }

  /** One call at a time, until it is answered or given up with the next tick. */
  #once(call: string, send: () => void): void {
    if (this.#busy.has(call)) return;
    this.#busy.add(call);
    send();
  }

  #connect(agent: Agent): void {
    if (agent.phase === "gone") agent.phase = "ready";
    if (!agent.connected && this.nowMs >= agent.cutAtMs + hubSettings.graceMs) agent.lateAtMs = this.nowMs;
    agent.connected = true;
    agent.connection = `c${++this.#connections}`;
    agent.inbox = [];
    const endpoint = { instance: agent.name, host: "h", port: agent.service === "orders" ? 80 : 1, labels: {} };
    this.#hub(agent.hub, {
      ...{ type: "hello", service: agent.service, instance: agent.name, connection: agent.connection },
      ...{ planVersion: 1, certificateNotAfterMs: 9, takesChanges: true, views: heldRevisions(agent.discovery) },
      ...(agent.service === "orders" && { endpoint }),
    });
    if (agent.phase === "ready" || agent.phase === "draining") this.#say(agent, agent.phase);
  }

  #say(agent: Agent, type: "ready" | "draining" | "closed"): void {
    const key = instanceKey(agent.service, agent.name);
    this.#hub(agent.hub, { type, key, connection: agent.connection });
  }

  #cut(agent: Agent): void {
    if (!agent.connected) return;
    this.#say(agent, "closed");
    agent.connected = false;
    agent.cutAtMs = this.nowMs;
  }

  #restart(agent: Agent): void {
    if (agent.connected) this.#cut(agent);
    agent.phase = "ready";
    agent.released = false;
    this.#connect(agent);
  }

  #drain(agent: Agent): void {
    if (agent.phase !== "ready" || !agent.connected) return;
    agent.phase = "draining";
    agent.drainsSinceMs = this.nowMs;
    this.#say(agent, "draining");
  }

  /** A hub sleeps: what is in memory alone is lost. */
  #wake(at: number): void {
    const hub = this.hubs[at] as HubState;
    for (const [service, { view, wanted, confirmed }] of hub.views)
      hub.views.set(service, newHubView(view, wanted, confirmed));
    hub.revision = hub.batch = 0;
    this.#hub(at, { type: "woken" });
  }

  #hub(at: number, event: HubEvent): void {
    const hub = this.hubs[at] as HubState;
    const { sends, gaps } = stepHub(hub, event, this.nowMs, hubSettings);
    for (const { to, message } of sends) for (const connection of to) this.#push(connection, message);
    this.#duties(at, gaps);
  }

  #duties(at: number, gaps: readonly string[] = []): void {
    const hub = this.hubs[at] as HubState;
    for (const service of new Set([...unsubscribed(hub), ...gaps]))
      this.#once(`subscribe ${at}`, () => {
        const view = hub.views.get(service)?.view;
        const held =
          view === undefined || view.epoch === "" ? undefined : { epoch: view.epoch, revision: view.revision };
        this.#send(() => this.#registry({ type: "subscribe", hub: `hub-${at}`, held }));
      });
    if (owedServices(hub).includes("shop"))
      this.#hub(at, { type: "reported", reported: reportsOf(hub, "shop", false, this.nowMs).owed });
    if (owedServices(hub).includes("orders")) this.#once(`report ${at}`, () => this.#report(at));
    for (const { service, held } of confirmable(hub, this.nowMs))
      this.#once(`seen ${at}`, () =>
        this.#send(() => {
          this.#registry({ type: "seen", hub: `hub-${at}`, held });
          this.#send(() => {
            this.#busy.delete(`seen ${at}`);
            this.#hub(at, { type: "confirmed", service, revision: held.revision });
          });
        }),
      );
  }

  #report(at: number): void {
    const { batch, reports, owed } = reportsOf(this.hubs[at] as HubState, "orders", false, this.nowMs);
    this.#send(() => {
      const last = this.registry.hubs.get(`hub-${at}`)?.batch ?? 0;
      const { late } = this.#registry({ type: "report", hub: `hub-${at}`, batch, reports });
      this.#send(() => {
        this.#busy.delete(`report ${at}`);
        this.#hub(at, late === true ? { type: "late", batch: last } : { type: "reported", reported: owed });
      });
    });
  }

  #registry(event: RegistryEvent): RegistryVerdict {
    const verdict = stepRegistry(this.registry, event, this.nowMs, registrySettings);
    const { released, answer } = verdict;
    if (event.type === "subscribe" && answer !== undefined)
      this.#send(() => {
        this.#busy.delete(`subscribe ${event.hub.at(-1)}`);
        this.#hub(Number(event.hub.at(-1)), { type: "view", service: "orders", ...structuredClone(answer) });
      });
    for (const { hub, ...one } of released)
      this.#send(() => this.#hub(Number(hub.at(-1)), { type: "released", service: "orders", ...one }));
    for (const hub of lacking(this.registry)) this.#once(`update ${hub}`, () => this.#update(hub));
    return verdict;
  }

  #update(hub: string): void {
    const update = structuredClone(updateFor(this.registry, hub));
    this.#send(() => {
      this.#hub(Number(hub.at(-1)), { type: "view", service: "orders", ...update });
      this.#send(() => {
        this.#busy.delete(`update ${hub}`);
        this.#registry({ type: "delivered", hub, update });
      });
    });
  }

  #tick(): void {
    this.#settle();
    this.#busy.clear();
    for (const agent of this.agents) if (agent.connected) this.#heard(agent);
    this.#registry({ type: "tick" });
    for (const at of [0, 1]) this.#hub(at, { type: "tick" });
    this.#settle();
  }

  #heard(agent: Agent): void {
    this.#hub(agent.hub, { type: "heard", key: instanceKey(agent.service, agent.name), atMs: this.nowMs });
  }

  /** A socket loses nothing and keeps the order while it is open. */
  #push(connection: string, message: HubPush): void {
    const agent = this.agents.find((one) => one.connected && one.connection === connection);
    agent?.inbox.push(structuredClone(message));
  }

  #take(agent: Agent, message: HubPush): void {
    if (!agent.connected || message.type === "endpoints") return;
    if (message.type === "renew" || message.type === "advice" || message.type === "drain") return;
    const { connection } = agent;
    if (message.type === "drained") {
      if (agent.phase === "draining") this.#release(agent);
      return;
    }
    const { seen, resync } = stepDiscovery(agent.discovery, message);
    const from = { key: instanceKey(agent.service, agent.name), connection };
    if (seen.length > 0) this.#hub(agent.hub, { type: "seen", ...from, views: seen });
    if (resync.length > 0) this.#hub(agent.hub, { type: "resync", ...from, views: resync });
  }

  #release(agent: Agent): void {
    agent.released = true;
    if (this.nowMs >= agent.drainsSinceMs + registrySettings.drainBoundMs) return;
    for (const caller of this.#callers())
      if (
        caller.connected &&
        caller.lateAtMs < agent.drainsSinceMs &&
        inUse(caller.discovery).orders?.some(({ instance }) => instance === agent.name)
      )
        this.violations.push(`${agent.name} was released while ${caller.name} chooses it`);
  }
}
