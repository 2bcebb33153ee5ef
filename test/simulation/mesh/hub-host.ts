/** A hub under the virtual clock: what `workers/control/objects/hub.ts` does with promises, SQLite and sockets. */
import { limits } from "../../../shared/limits.ts";
import {
  dropSession,
  dueAt,
  type Instance,
  instanceKey,
  laggardsOf,
  putSession,
} from "../../../shared/policy/agent-sessions.ts";
import { heldOf, hubDueAt, servicesOf, unneeded } from "../../../shared/policy/hub-duties.ts";
import { hubOf } from "../../../shared/policy/hub-shards.ts";
import type { HubEvent, HubSettings, HubState, HubVerdict } from "../../../shared/policy/hub-state.ts";
import type { RegistryUpdate, Released } from "../../../shared/policy/registry.ts";
import type { HeldRevision } from "../../../shared/policy/service-view.ts";
import type { AgentMessage } from "../../../shared/wire/hub.ts";
import type { AgentSocket } from "./agent-socket.ts";
import { deniedOf } from "./authority-host.ts";
import { HubLinks } from "./hub-links.ts";
import { HubStorage } from "./hub-storage.ts";
import type { CanaryNews, HubSays, MeshPlan, Publication, Reports, TakenPlan, Told, Trust } from "./messages.ts";
import type { HubNode, Laggards, World } from "./nodes.ts";
import { DurableNode } from "./virtual-node.ts";

const { control } = limits;

export const HUB_SETTINGS: HubSettings = {
  leaseMs: control.endpointLeaseMs,
  graceMs: control.reconnectGraceMs,
  returnSpreadMs: control.returnSpreadMs,
  // The few agents of a world wait as many would.
  returnGapMaxMs: 6_000,
  returnAtOnceMs: control.returnAtOnceMs,
  returnEarlyMs: control.returnEarlyMs,
  forgetAfterMs: control.forgetAfterMs,
  instancesMax: control.instancesMax,
  marksMax: control.viewMarksMax,
};

export class HubHost extends DurableNode<World> implements HubNode {
  readonly storage = new HubStorage();
  /** The platform's: it has them while the hub sleeps. */
  readonly sockets = new Map<string, AgentSocket>();
  state: HubState = this.storage.load(0);
  #links = new HubLinks(this);
  #alarmMemoMs: number | undefined;
  #askedAtMs = 0;
  /** The config store has answered since the hub woke. */
  #isTold = false;
  #asksAgain = false;

  protected load(): void {
    this.state = this.storage.load(this.nowMs, this.world.steps);
    this.#links = new HubLinks(this);
    this.#alarmMemoMs = undefined;
    this.#askedAtMs = 0;
    this.#isTold = this.#asksAgain = false;
    for (const known of this.#connected())
      if (!this.sockets.has(known.connection)) this.step({ type: "lost", key: keyOf(known) });
    this.step({ type: "woken" });
  }

  protected override onCrash(): void {
    for (const socket of this.sockets.values()) socket.drop();
    this.sockets.clear();
  }

  publish(publication: Publication): void {
    const { storage } = this;
    const held = storage.publication ?? { version: 0, appliedAtMs: 0 };
    if (this.world.steps.isOldPublication(publication, held)) return;
    this.trust(publication.trust);
    storage.publication = publication;
    this.say(() => `has version ${publication.version}`);
    this.mayCrash();
    for (const { service, instance, connection } of this.#connected()) {
      const face = this.#face(service);
      if (face === undefined) this.#noFace(service, instance);
      else this.sockets.get(connection)?.toAgent({ type: "plan", ...face });
    }
    this.step({ type: "published", callable: this.storage.callable(this.world.steps) });
  }

  canary(news: CanaryNews): void {
    const { storage } = this;
    if (this.world.steps.isOldCanary(news, storage.canary)) return;
    storage.canary = news;
    this.say(() => `hears that canary ${news.version} ${news.isOver ? "is over" : "has begun"}`);
    this.mayCrash();
    for (const { service, instance, connection } of this.#connected()) {
      this.sockets.get(connection)?.toAgent(this.#second(service));
      if (!this.#knows(service)) this.#noFace(service, instance);
    }
    this.step({ type: "published", callable: storage.callable(this.world.steps) });
  }

  canaryLaggards(version: number): number {
    const isTold = this.#canaryVersion === version;
    if (!isTold) this.#ask("soon", () => undefined);
    const knows = (service: string): boolean => !isTold || this.#canaryFace(service) !== undefined;
    return this.world.steps.canaryLaggardsOf(this.state, version, knows).length;
  }

  get #canaryVersion(): number {
    const { version, isOver } = this.storage.canary;
    return isOver ? 0 : version;
  }

  #canaryFace(service: string): TakenPlan | undefined {
    const { version, plan } = this.storage.canary;
    return plan === undefined || this.#canaryVersion === 0 ? undefined : faceOf(version, plan, service);
  }

  /** What an agent is told of the canary: its face, or that there is none for its service. */
  #second(service: string): HubSays {
    const plan = this.#canaryFace(service);
    return { type: "canary", version: plan?.version ?? 0, ...(plan && { plan }) };
  }

  trust(trust: Trust): void {
    if (trust.changedAtMs <= (this.storage.trust?.changedAtMs ?? 0)) return;
    this.storage.trust = trust;
    this.mayCrash();
    for (const { connection } of this.#connected()) this.sockets.get(connection)?.toAgent({ type: "trust", ...trust });
    for (const socket of [...this.sockets.values()]) if (this.#isDenied(socket)) this.#cut(socket);
  }

  /** Who is denied leaves at once, and nobody waits for it. */
  #cut(socket: AgentSocket): void {
    const { service, instance } = socket.agent;
    const key = instanceKey(service, instance);
    if (socket.greeted) this.step({ type: "draining", key, connection: socket.id });
    this.closed(socket);
    socket.closeByHub();
  }

  #isDenied({ agent }: AgentSocket): boolean {
    return this.world.steps.refuseWorkload(deniedOf(this.storage.trust?.denied ?? []), agent) !== undefined;
  }

  laggards(trustId: string): Laggards {
    const found = laggardsOf(this.state.sessions, trustId);
    const live = found.filter(({ connected }) => connected).length;
    return { live, away: found.length - live };
  }

  renewed(service: string, instance: string, certificateNotAfterMs: number): void {
    this.step({ type: "renewed", key: instanceKey(service, instance), certificateNotAfterMs });
  }

  view(service: string, update: RegistryUpdate): HeldRevision | undefined {
    this.say(() => `is told ${service} from ${update.change.from ?? "nothing"} to ${update.change.revision}`);
    this.step({ type: "view", service, ...update });
    return heldOf(this.state, service);
  }

  released(service: string, one: Omit<Released, "hub">): void {
    this.step({ type: "released", service, ...one });
  }

  reports(service: string): Reports {
    return this.world.steps.reportsOf(this.state, service, true, this.nowMs);
  }

  adopt(instances: readonly Instance[]): void {
    for (const known of instances) {
      const key = keyOf(known);
      if (this.state.sessions.instances[key] !== undefined) continue;
      putSession(this.state.sessions, key, { ...known });
      this.storage.putInstance(key, known);
      this.#schedule(dueAt(known, HUB_SETTINGS));
    }
  }

  /** An agent opens a socket. @param answer called when it is there, or with the time after which the agent is to come */
  connect(socket: AgentSocket, answer: (waitMs: number) => void): void {
    if (this.#isDenied(socket)) return;
    const { service, instance } = socket.agent;
    const { waitMs } = this.step({ type: "returns", key: instanceKey(service, instance), busy: false });
    if (waitMs !== undefined) {
      this.world.rules.toldToWait(socket);
      answer(waitMs);
      return;
    }
    this.#ask("untold", () => {
      if (this.#isDenied(socket)) return;
      this.sockets.set(socket.id, socket);
      this.#schedule(this.nowMs + control.helloWaitMs);
      answer(0);
    });
  }

  /**
   * What is live may have changed while nobody told this hub.
   * @param when `untold`: unless it was told since it woke; `soon`: unless it has just asked; `now`: whatever was asked before
   */
  #ask(when: "untold" | "soon" | "now", then: () => void): void {
    const sinceMs = this.nowMs - this.#askedAtMs;
    const isSoon = sinceMs >= 0 && sinceMs < control.publishRetryMs;
    if (when !== "now" && (isSoon || (when === "untold" && this.#isTold))) {
      then();
      return;
    }
    this.#askedAtMs = this.nowMs;
    const { network, config } = this.world;
    network.call<{ told: Told | undefined }>({
      ...{ from: this, to: config, act: "ask for the publication" },
      handle: (reply) => config.publication((told) => reply({ told })),
      onEnd: (answer) => {
        this.#isTold = answer !== undefined;
        this.#asksAgain = answer === undefined;
        const { publication, canary } = answer?.told ?? {};
        if (publication !== undefined) this.publish(publication);
        if (canary !== undefined) this.canary(canary);
        then();
      },
    });
  }

  hears(socket: AgentSocket, message: AgentMessage): void {
    const { service, instance } = socket.agent;
    const key = instanceKey(service, instance);
    if (message.type === "hello") this.#hello(socket, message);
    else if (this.state.sessions.instances[key]?.connection === socket.id) this.#hear(socket, key, message);
  }

  closed(socket: AgentSocket): void {
    this.sockets.delete(socket.id);
    const { service, instance } = socket.agent;
    this.say(() => `loses ${socket.agent.name}`);
    if (socket.greeted) this.step({ type: "closed", key: instanceKey(service, instance), connection: socket.id });
  }

  /** One event: decided, stored, sent to whom it concerns. @param before is done between storing and sending */
  step(event: HubEvent, before?: () => void): HubVerdict {
    const verdict = this.world.steps.stepHub(this.state, event, this.nowMs, HUB_SETTINGS);
    this.storage.save(this.state, verdict);
    this.world.rules.shown(this, verdict);
    // What is written in one turn is written together, and the alarm with it.
    this.#scheduleFor(verdict);
    this.mayCrash();
    if (verdict.full !== true) before?.();
    for (const { to, message } of verdict.sends)
      for (const connection of to) this.sockets.get(connection)?.toAgent(message);
    this.#links.run(verdict.gaps);
    if (this.#links.owes) this.#schedule(this.nowMs + control.owedRetryMs);
    return verdict;
  }

  #scheduleFor({ touched }: HubVerdict): void {
    for (const key of touched) {
      const known = this.state.sessions.instances[key];
      if (known !== undefined) this.#schedule(dueAt(known, HUB_SETTINGS));
    }
    if (this.#links.owes) this.#schedule(this.nowMs + control.owedRetryMs);
  }

  protected onAlarm(done: () => void): void {
    this.#alarmMemoMs = undefined;
    const { nowMs } = this;
    for (const known of this.#connected()) {
      const atMs = this.sockets.get(known.connection)?.pingedAtMs ?? 0;
      this.world.steps.stepHub(this.state, { type: "heard", key: keyOf(known), atMs }, nowMs, HUB_SETTINGS);
    }
    const { silent } = this.step({ type: "tick" });
    for (const connection of silent) this.sockets.get(connection)?.closeByHub();
    if (nowMs >= this.storage.syncedAtMs + control.hubSyncMs) this.#sync(nowMs);
    this.#handOver();
    if (this.#asksAgain) this.#ask("now", () => undefined);
    this.#schedule(Number.POSITIVE_INFINITY);
    done();
  }

  #hello(socket: AgentSocket, hello: Extract<AgentMessage, { type: "hello" }>): void {
    const { service, instance } = socket.agent;
    const face = this.#face(service);
    const live = { version: this.storage.publication?.version ?? 0, hash: face?.hash };
    const told = { version: hello.planVersion, hash: hello.planHash };
    const trusts = hello.trusts === this.storage.trust?.id ? hello.trusts : undefined;
    const planVersion = this.world.steps.versionHere(told, live);
    const isLater = told.version > live.version;
    const before = (): void => {
      socket.greeted = true;
      for (const other of this.sockets.values())
        if (other !== socket && other.agent === socket.agent) other.closeByHub();
      const { trust } = this.storage;
      if (trust !== undefined && trusts === undefined) socket.toAgent({ type: "trust", ...trust });
      const second = this.#canaryFace(service);
      if (face === undefined && second !== undefined) socket.toAgent({ type: "plan", ...second });
      if (face !== undefined && planVersion !== live.version && !isLater) socket.toAgent({ type: "plan", ...face });
      if (second !== undefined || (hello.canary !== undefined && live.version > 0))
        socket.toAgent(this.#second(service));
    };
    const { endpoint, certificateNotAfterMs, views } = hello;
    const says = { service, instance, connection: socket.id, endpoint, planVersion, certificateNotAfterMs, trusts };
    this.step({ type: "hello", ...says, takesChanges: views !== undefined, views }, before);
    this.world.rules.greeted(this, socket);
    this.say(() => `greets ${socket.agent.name}, which holds ${views?.map((one) => `${one.service} ${one.revision}`)}`);
    if (!this.#knows(service)) this.#noFace(service, instance);
    if (isLater) this.#ask("now", () => this.#sendIfLost(socket, told.version));
  }

  /** The agent has a version that this hub does not know: of a config store that was lost, unless that says otherwise. */
  #sendIfLost(socket: AgentSocket, version: number): void {
    const face = this.#face(socket.agent.service);
    if (this.#isTold && face !== undefined && face.version < version) socket.toAgent({ type: "plan", ...face });
  }

  #hear(socket: AgentSocket, key: string, message: Exclude<AgentMessage, { type: "hello" }>): void {
    const version = this.storage.publication?.version ?? 0;
    if (message.type === "trusts") this.step({ type: "trusts", key, id: message.id });
    else if (message.type === "ack") {
      if (message.version <= version) this.step({ type: "acknowledged", key, version: message.version });
      this.world.rules.acknowledged(this, socket.agent);
    } else if (message.type === "refuse") {
      if (message.version <= version)
        this.step({ type: "refused", key, version: message.version, reason: message.reason });
    } else if (message.type === "canary") this.step({ type: "canary", key, version: message.version });
    else if (message.type !== "observed" && message.type !== "limits" && message.type !== "edges")
      this.step({ ...message, key, connection: socket.id });
  }

  #face(service: string): TakenPlan | undefined {
    const { publication } = this.storage;
    return publication && faceOf(publication.version, publication.plan, service);
  }

  /** By the live plan or the canary. */
  #knows(service: string): boolean {
    return this.#face(service) !== undefined || this.#canaryFace(service) !== undefined;
  }

  #noFace(service: string, instance: string): void {
    const version = this.storage.publication?.version ?? 0;
    const reason = "the live document names no such service";
    if (version > 0) this.step({ type: "refused", key: instanceKey(service, instance), version, reason });
  }

  #sync(nowMs: number): void {
    this.storage.syncedAtMs = nowMs;
    for (const service of unneeded(this.state)) this.#links.leave(service);
    for (const service of servicesOf(this.state)) this.#links.sync(service);
  }

  #handOver(): void {
    const { hubs } = this.world;
    const place = hubs.indexOf(this);
    const others = Object.entries(this.state.sessions.instances).filter(([key]) => hubOf(key, hubs.length) !== place);
    for (const [, { connected, connection }] of others) if (connected) this.sockets.get(connection)?.closeByHub();
    const away = others.filter(([, { connected, visible, phase }]) => !connected && !visible && phase !== "draining");
    for (const [index, group] of Map.groupBy(away, ([key]) => hubOf(key, hubs.length))) {
      const to = hubs[index] as HubHost;
      this.world.network.call<true>({
        ...{ from: this, to, act: "hand over" },
        handle: (reply) => {
          to.adopt(group.map(([, known]) => known));
          reply(true);
        },
        onEnd: (done) => {
          if (done !== true) return;
          for (const [key] of group) {
            dropSession(this.state.sessions, key);
            this.storage.putInstance(key, undefined);
          }
        },
      });
    }
  }

  #connected(): Instance[] {
    return Object.values(this.state.sessions.instances).filter(({ connected }) => connected);
  }

  #schedule(atMs: number): void {
    const next = this.#alarmMemoMs === undefined ? Math.min(atMs, this.#nextDue()) : atMs;
    if (next >= (this.#alarmMemoMs ?? Number.POSITIVE_INFINITY)) return;
    this.#alarmMemoMs = next;
    this.setAlarm(next);
  }

  #nextDue(): number {
    const { owedRetryMs, hubSyncMs } = control;
    const isUsed = servicesOf(this.state).size > 0;
    return Math.min(
      hubDueAt(this.state, HUB_SETTINGS),
      this.#links.owes ? this.nowMs + owedRetryMs : Number.POSITIVE_INFINITY,
      isUsed ? Math.max(this.storage.syncedAtMs + hubSyncMs, this.nowMs + owedRetryMs) : Number.POSITIVE_INFINITY,
    );
  }
}

function faceOf(version: number, plan: MeshPlan, service: string): TakenPlan | undefined {
  const callable = plan.callable.get(service);
  return callable && { version, hash: `${plan.hash}/${service}`, callable };
}

const keyOf = ({ service, instance }: Instance): string => instanceKey(service, instance);
