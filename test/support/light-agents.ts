/**
 * Agents without traffic: each joins, talks to its hub and keeps its view by the production pieces (`HubClient`, `KnownView`), so
 * that one process can be a thousand of them. Everything that goes over their sockets is counted.
 */

import { enrol, parseJoinToken } from "../../mesh-agent/control/enrolment.ts";
import { makeEnrolmentKey } from "../../mesh-agent/control/enrolment-key.ts";
import { HubClient } from "../../mesh-agent/control/hub-client.ts";
import { KnownView } from "../../mesh-agent/control/known-view.ts";
import { type OpenState, StateFile } from "../../mesh-agent/control/state-file.ts";
import { type AgentIdentity, certificateFacts } from "../../mesh-agent/tls/identity.ts";
import { limits } from "../../shared/limits.ts";
import { type AgentMessage, type HubMessage, WIRE_FORMAT } from "../../shared/wire/hub.ts";
import type { ControlWorker } from "./control-worker.ts";

/** What went over the sockets of a fleet; pings are not in it, which are answered without waking a hub. */
export interface Traffic {
  sent: number;
  sentBytes: number;
  received: number;
  receivedBytes: number;
  hellos: number;
  plans: number;
  /** Views of a service that bring all of it, and those that bring what changed. */
  wholeViews: number;
  changedViews: number;
  /** Connections that ended, or could not be made. */
  failures: number;
  /** Connections that were asked for and refused. */
  refused: number;
}

export const noTraffic = (): Traffic => ({
  ...{ sent: 0, sentBytes: 0, received: 0, receivedBytes: 0, hellos: 0, plans: 0 },
  ...{ wholeViews: 0, changedViews: 0, failures: 0, refused: 0 },
});

/** @returns what came in between */
export function trafficSince(before: Traffic, now: Traffic): Traffic {
  const difference = noTraffic();
  for (const key of Object.keys(difference) as (keyof Traffic)[]) difference[key] = now[key] - before[key];
  return difference;
}

/** Keeps nothing: a machine with a thousand agents would be measured for its disk. */
class NoFile<T> extends StateFile<T> {
  override load(): undefined {
    return undefined;
  }
  override save(): Promise<void> {
    return Promise.resolve();
  }
  override saveNow(): void {}
}
const openNothing: OpenState = (name, parse) => new NoFile("", name, parse);

export class LightAgent {
  readonly identity: AgentIdentity;
  readonly view: KnownView;
  readonly #fleet: LightFleet;
  readonly #hub: HubClient;
  readonly #notAfterMs: number;
  #port: number;
  #phase: "ready" | "draining" = "ready";
  #settling: NodeJS.Timeout | undefined;
  /** The hub has said on this connection what changed. */
  isBack = false;
  isDrained = false;
  #isLeaving = false;
  /** Id of the last trust bundle that it has said to use. */
  #trusted: string | undefined;

  constructor(identity: AgentIdentity, port: number, fleet: LightFleet) {
    this.identity = identity;
    this.#port = port;
    this.#fleet = fleet;
    this.#notAfterMs = certificateFacts(identity.certificates).notAfterMs;
    this.view = new KnownView(openNothing, identity, (message) => {
      throw new Error(message);
    });
    this.#hub = new HubClient({
      controlUrl: identity.controlUrl,
      token: () => identity.token,
      greeting: () => this.#greeting(),
      onMessage: (message) => this.#take(message),
      onRefused: () => undefined,
      onConnected: (connected, reason) => this.#connection(connected, reason),
      random: Math.random,
    });
  }

  start(): void {
    this.#hub.start();
  }

  stop(): void {
    clearTimeout(this.#settling);
    this.#hub.stop();
  }

  /** Stays connected until the process ends, as an agent that is told to stop. */
  drain(): void {
    this.#phase = "draining";
    this.isDrained = false;
    this.#send({ type: "draining" });
  }

  /** Was told to, so it ends as soon as nobody calls it. */
  #leave(): void {
    this.#isLeaving = true;
    this.drain();
  }

  #drained(): void {
    this.isDrained = true;
    if (this.#isLeaving) this.stop();
  }

  /** As its next process, or at another address: greets anew, and is ready. */
  comeBack(port: number): void {
    this.#port = port;
    this.#phase = "ready";
    this.#hub.reconnect();
  }

  /** Ports at which this agent would call a service now, sorted; undefined: it was not told of it. */
  portsOf(service: string): number[] | undefined {
    return this.view.endpoints.services[service]?.map(({ port }) => port).sort((a, b) => a - b);
  }

  #greeting(): AgentMessage[] {
    this.isBack = false;
    this.view.connected();
    this.#settleLater();
    const { instance } = this.identity;
    const hello: AgentMessage = {
      type: "hello",
      format: WIRE_FORMAT,
      instance,
      endpoint: { instance, host: "127.0.0.1", port: this.#port, labels: {} },
      planVersion: this.view.plan?.version ?? 0,
      ...(this.view.plan !== undefined && { planHash: this.view.plan.hash }),
      certificateNotAfterMs: this.#notAfterMs,
      ...(this.#trusted !== undefined && { trusts: this.#trusted }),
      views: this.view.held,
    };
    const messages: AgentMessage[] = [hello, { type: this.#phase }];
    for (const message of messages) this.#fleet.countSent(message);
    return messages;
  }

  #take(message: HubMessage): void {
    this.#fleet.countReceived(message);
    const wasSettling = this.view.isSettling;
    this.view.take(message);
    if (this.view.isSettling && !wasSettling) this.#settleLater();
    this.#answer();
    if (message.type === "changes") this.isBack = true;
    if (message.type === "drain") this.#leave();
    if (message.type === "drained") this.#drained();
    if (message.type === "plan") this.#send({ type: "ack", version: message.version });
    if (message.type === "trust" && message.id !== undefined) {
      this.#trusted = message.id;
      this.#send({ type: "trusts", id: message.id });
    }
    this.#fleet.noted(this);
  }

  #settleLater(): void {
    clearTimeout(this.#settling);
    this.#settling = setTimeout(() => {
      this.view.settle();
      this.#answer();
      this.#fleet.noted(this);
    }, limits.agent.viewSettleMs);
  }

  #answer(): void {
    for (const type of ["seen", "resync"] as const)
      if (this.view.answers[type].length > 0) this.#send({ type, views: [...this.view.answers[type]] });
  }

  #send(message: AgentMessage): void {
    if (this.#hub.send(message)) this.#fleet.countSent(message);
  }

  #connection(connected: boolean, reason: string | undefined): void {
    if (connected) return;
    this.isBack = false;
    if (reason?.includes("refuses this agent") === true) this.#fleet.countRefused();
    this.#fleet.traffic.failures++;
    this.#fleet.noted(this);
  }
}

interface Wait {
  readonly pending: Set<LightAgent>;
  readonly holds: (agent: LightAgent) => boolean;
  readonly atMs: number[];
  readonly done: () => void;
}

/** How many join at a time. */
const JOINS = 16;

export class LightFleet {
  readonly agents: LightAgent[] = [];
  readonly traffic = noTraffic();
  /** When each message, request to connect and answer to one was seen, milliseconds of `performance.now()`. */
  readonly seenAtMs: number[] = [];
  readonly #waits = new Set<Wait>();

  /** Joins by a token each, and connects. @param names `[service, instance]` */
  async join(
    control: Pick<ControlWorker, "joinToken">,
    names: readonly (readonly [string, string])[],
  ): Promise<LightAgent[]> {
    const joined: LightAgent[] = [];
    let next = 0;
    const work = async (): Promise<void> => {
      for (let at = next++; at < names.length; at = next++) {
        const [service, instance] = names[at] as readonly [string, string];
        const token = parseJoinToken(await control.joinToken(service));
        const identity = await enrol(token, instance, makeEnrolmentKey(token.url, instance), Date.now());
        joined[at] = new LightAgent(identity, 10_000 + this.agents.length + at, this);
      }
    };
    await Promise.all(Array.from({ length: JOINS }, work));
    this.agents.push(...joined);
    return joined;
  }

  /**
   * Waits until something holds of each agent.
   * @returns when it first did, each; milliseconds of `performance.now()`, ascending
   */
  async all(
    what: string,
    agents: readonly LightAgent[],
    holds: (agent: LightAgent) => boolean,
    withinMs = 60_000,
  ): Promise<number[]> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const wait: Wait = { pending: new Set(agents), holds, atMs: [], done: resolve };
    this.#waits.add(wait);
    for (const agent of agents) this.#look(wait, agent);
    const fail = (): void => reject(new Error(`${wait.pending.size} of ${agents.length} agents never: ${what}`));
    const timer = setTimeout(fail, withinMs);
    try {
      await promise;
    } finally {
      clearTimeout(timer);
      this.#waits.delete(wait);
    }
    return wait.atMs;
  }

  noted(agent: LightAgent): void {
    for (const wait of this.#waits) this.#look(wait, agent);
  }

  countSent(message: AgentMessage): void {
    this.traffic.sent++;
    this.traffic.sentBytes += JSON.stringify(message).length;
    this.#see(1);
    if (message.type !== "hello") return;
    this.traffic.hellos++;
    this.#see(2);
  }

  countReceived(message: HubMessage): void {
    this.traffic.received++;
    this.traffic.receivedBytes += JSON.stringify(message).length;
    this.#see(1);
    if (message.type === "plan") this.traffic.plans++;
    if (message.type !== "changes") return;
    const whole = message.views.filter(({ from }) => from === undefined).length;
    this.traffic.wholeViews += whole;
    this.traffic.changedViews += message.views.length - whole;
  }

  countRefused(): void {
    this.traffic.refused++;
    this.#see(2);
  }

  #see(times: number): void {
    for (let time = 0; time < times; time++) this.seenAtMs.push(performance.now());
  }

  stop(): void {
    for (const agent of this.agents) agent.stop();
  }

  #look(wait: Wait, agent: LightAgent): void {
    if (!wait.pending.has(agent) || !wait.holds(agent)) return;
    wait.pending.delete(agent);
    wait.atMs.push(performance.now());
    if (wait.pending.size === 0) wait.done();
  }
}

/** Services that agents are shared out among; each calls the next one, and all call `target`. */
export const SERVICES = Array.from({ length: 10 }, (_, index) => `part-${index}`);
export const TARGET = "target";

/** @param timeout of every service: another one changes all plans */
export function fleetDocument(timeout = "10s"): object {
  const entries = SERVICES.map((name, index) => {
    const before = SERVICES[(index + SERVICES.length - 1) % SERVICES.length];
    return [name, { port: 8080, timeout, access: [{ from: "gateway" }, { from: before }] }];
  });
  const target = { port: 8080, timeout, access: SERVICES.map((from) => ({ from })) };
  return {
    selvage: 1,
    name: "fleet",
    gateway: { hosts: ["localhost"], routes: [{ name: "part", match: { path: "/*" }, to: SERVICES[0] }] },
    mesh: { trustDomain: "fleet.internal", services: { ...Object.fromEntries(entries), [TARGET]: target } },
  };
}

/** @returns `[service, instance]` of so many callers */
export function callerNames(count: number): [string, string][] {
  return Array.from({ length: count }, (_, index) => {
    const service = SERVICES[index % SERVICES.length] as string;
    return [service, `${service}-${Math.floor(index / SERVICES.length)}`];
  });
}
