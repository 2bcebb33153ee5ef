/** The registry of a service under the virtual clock: what `workers/control/objects/service-registry.ts` does with promises. */
import { limits } from "../../../shared/limits.ts";
import {
  type HubLink,
  lacking,
  type Member,
  newRegistry,
  type RegistryEvent,
  type RegistrySettings,
  type RegistryState,
  type RegistryUpdate,
  type RegistryVerdict,
} from "../../../shared/policy/registry.ts";
import type { HeldRevision } from "../../../shared/policy/service-view.ts";
import { put } from "./hub-storage.ts";
import type { Reports } from "./messages.ts";
import type { HubNode, RegistryNode, World } from "./nodes.ts";
import { loadView, type StoredView, saveView } from "./stored-view.ts";
import { DurableNode } from "./virtual-node.ts";

const { control } = limits;

const SETTINGS: RegistrySettings = {
  drainBoundMs: control.drainBoundMs,
  hubLeaseMs: control.hubLeaseMs,
  marksMax: control.viewMarksMax,
  instancesMax: control.instancesMax,
};

export class RegistryHost extends DurableNode<World> implements RegistryNode {
  state: RegistryState = newRegistry("");
  #view: StoredView | undefined;
  readonly #members = new Map<string, Member>();
  readonly #hubs = new Map<string, HubLink>();
  #service = "";
  #isGathered = false;
  #revision = 0;
  #sending = new Set<string>();
  /** Who waits for what hubs know. */
  #waiting: (() => void)[] | undefined;
  #alarmMemoMs: number | undefined;

  /** All that it kept is lost. */
  wipe(): void {
    this.say(() => "loses its storage");
    this.#view = undefined;
    this.#members.clear();
    this.#hubs.clear();
    this.#isGathered = false;
    this.crash();
  }

  protected load(): void {
    const state = { ...newRegistry(`epoch-${this.world.draw()}`) };
    this.state = this.#view === undefined ? state : { ...state, view: loadView(this.#view) };
    for (const [instance, { drain, ...member }] of this.#members)
      this.state.members.set(instance, { ...member, ...(drain && { drain: { ...drain } }) });
    for (const [hub, link] of this.#hubs) this.state.hubs.set(hub, { ...link });
    this.#view ??= saveView(undefined, this.state.view, []);
    this.#revision = this.state.view.revision;
    this.#sending = new Set();
    this.#waiting = undefined;
    this.#alarmMemoMs = undefined;
  }

  report(service: string, hub: string, told: Reports, all: boolean, reply: (later: number | undefined) => void): void {
    this.#gathered(service, () => {
      const last = this.state.hubs.get(hub)?.batch ?? 0;
      reply(this.#step({ type: "report", hub, ...told, all }).late === true ? last : undefined);
    });
  }

  subscribe(
    service: string,
    hub: string,
    held: HeldRevision | undefined,
    reply: (update: RegistryUpdate) => void,
  ): void {
    this.#gathered(service, () => {
      const { answer } = this.#step({ type: "subscribe", hub, held });
      if (answer !== undefined) reply(answer);
    });
  }

  unsubscribe(service: string, hub: string, reply: () => void): void {
    this.#gathered(service, () => {
      this.#step({ type: "unsubscribe", hub });
      reply();
    });
  }

  seen(service: string, hub: string, held: HeldRevision, reply: () => void): void {
    this.#gathered(service, () => {
      this.#step({ type: "seen", hub, held });
      reply();
    });
  }

  protected onAlarm(done: () => void): void {
    this.#alarmMemoMs = undefined;
    this.#gathered(this.#service, () => {
      this.#step({ type: "tick" });
      done();
    });
  }

  #gathered(service: string, then: () => void): void {
    if (this.#isGathered) {
      then();
      return;
    }
    this.#service = service;
    let isDone = false;
    const once = (): void => {
      if (isDone) return;
      isDone = true;
      then();
    };
    this.later(control.gatherWaitMs, once);
    if (this.#waiting !== undefined) {
      this.#waiting.push(once);
      return;
    }
    this.#waiting = [once];
    this.#gather(service);
  }

  #gather(service: string): void {
    this.world.eachHub<Reports>(
      this,
      "gather",
      (hub, reply) => reply(hub.reports(service)),
      (answers) => {
        const waiting = this.#waiting ?? [];
        this.#waiting = undefined;
        if (answers === undefined) this.#schedule(this.nowMs + control.owedRetryMs);
        else {
          for (const [hub, told] of answers) this.#step({ type: "report", hub: hub.name, ...told, all: true });
          this.#isGathered = true;
        }
        for (const one of waiting) one();
      },
    );
  }

  #step(event: RegistryEvent): RegistryVerdict {
    const { steps, rules } = this.world;
    const verdict = steps.stepRegistry(this.state, event, this.nowMs, SETTINGS);
    this.#save(verdict);
    for (const instance of verdict.touched)
      this.say(() => `${instance} is ${describe(this.state, instance)} by ${event.type}`);
    rules.registryStepped(this, verdict);
    this.#schedule(steps.registryDueAt(this.state, this.nowMs, control.owedRetryMs, SETTINGS));
    this.mayCrash();
    for (const { hub, ...one } of verdict.released) {
      const to = this.world.hub(hub);
      const handle = (reply: (done: true) => void): void => {
        to?.released(this.#service, one);
        reply(true);
      };
      if (to !== undefined) this.world.network.call<true>({ from: this, to, act: `release ${one.instance}`, handle });
    }
    for (const hub of lacking(this.state)) if (!this.#sending.has(hub)) this.#update(hub);
    return verdict;
  }

  #update(name: string): void {
    const to = this.world.hub(name) as HubNode;
    this.#sending.add(name);
    const update = this.world.steps.updateFor(this.state, name);
    this.world.network.call<{ held: HeldRevision | undefined }>({
      ...{ from: this, to, act: `update to ${update.change.revision}` },
      handle: (reply) => reply({ held: to.view(this.#service, update) }),
      onEnd: (answer) => {
        if (answer === undefined) this.#sending.delete(name);
        else
          this.later(control.changeGapMs, () => {
            this.#sending.delete(name);
            this.#step({ type: "delivered", hub: name, update, held: answer.held });
          });
      },
    });
  }

  #save({ touched, hubs }: RegistryVerdict): void {
    const { view, members } = this.state;
    if (touched.size > 0 || view.revision !== this.#revision) this.#view = saveView(this.#view, view, touched);
    this.#revision = view.revision;
    for (const instance of touched) {
      const member = members.get(instance);
      put(this.#members, instance, member && { ...member, ...(member.drain && { drain: { ...member.drain } }) });
    }
    for (const hub of hubs) {
      const link = this.state.hubs.get(hub);
      put(this.#hubs, hub, link && { ...link });
    }
  }

  #schedule(atMs: number): void {
    if (atMs >= (this.#alarmMemoMs ?? Number.POSITIVE_INFINITY)) return;
    this.#alarmMemoMs = atMs;
    this.setAlarm(atMs);
  }
}

function describe({ view, members }: RegistryState, instance: string): string {
  const port = view.entries.get(instance)?.endpoint?.port ?? "none";
  const member = members.get(instance);
  const phase = member === undefined ? "gone" : member.drain === undefined ? "up" : "draining";
  return `${phase} with ${port} at ${view.revision}, said by ${member?.hub ?? "nobody"}`;
}
