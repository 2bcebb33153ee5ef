/**
 * The registry of one service: its instances as hubs report them, and the hubs whose agents call it. All that it owes to them
 * is in storage; what is decided is in `shared/policy/registry.ts`.
 */
import { DurableObject } from "cloudflare:workers";
import { limits } from "../../../shared/limits.ts";
import type { CallerReport } from "../../../shared/policy/caller-view.ts";
import type { FleetVerdict } from "../../../shared/policy/fleet-verdict.ts";
import {
  lacking,
  type RegistryEvent,
  type RegistrySettings,
  type RegistryState,
  type RegistryUpdate,
  type RegistryVerdict,
  registryDueAt,
  stepRegistry,
  updateFor,
} from "../../../shared/policy/registry.ts";
import { endpointsOf, type HeldRevision } from "../../../shared/policy/service-view.ts";
import type { Env } from "../env.ts";
import { eachHub, GATEWAYS, hubCount, hubName, viewerAt } from "../upstream/hubs.ts";
import { within } from "../upstream/within.ts";
import { CallerReports } from "./caller-reports.ts";
import { NextAlarm } from "./next-alarm.ts";
import { RegistryStore } from "./registry-store.ts";
import type { Reports, ServiceRegistryRpc } from "./rpc.ts";

const SETTINGS: RegistrySettings = {
  drainBoundMs: limits.control.drainBoundMs,
  hubLeaseMs: limits.control.hubLeaseMs,
  marksMax: limits.control.viewMarksMax,
  instancesMax: limits.control.instancesMax,
};
const { objectCallMs, changeGapMs, owedRetryMs } = limits.control;

export class ServiceRegistry extends DurableObject<Env> implements ServiceRegistryRpc {
  readonly #store: RegistryStore;
  readonly #state: RegistryState;
  /** Hubs that are being sent an update. */
  readonly #sending = new Set<string>();
  /** Made anew: hubs are asked for what they know. */
  #gathering: Promise<void> | undefined;
  readonly #reports: CallerReports;
  readonly #alarm: NextAlarm;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    this.#alarm = new NextAlarm(ctx);
    this.#store = new RegistryStore(ctx.storage.sql);
    this.#state = this.#store.load(() => crypto.randomUUID());
    this.#reports = new CallerReports({
      sql: ctx.storage.sql,
      known: () => new Set(endpointsOf(this.#state.view).map(({ instance }) => instance)),
      tell: (verdict) => this.#judge(verdict),
      waitUntil: (promise) => ctx.waitUntil(promise),
    });
  }

  async report(service: string, hub: string, { batch, reports }: Reports, all: boolean): Promise<number | undefined> {
    await this.#gathered(service);
    const last = this.#state.hubs.get(hub)?.batch ?? 0;
    return this.#step({ type: "report", hub, batch, reports, all }).late === true ? last : undefined;
  }

  async subscribe(service: string, hub: string, held: HeldRevision | undefined): Promise<RegistryUpdate> {
    await this.#gathered(service);
    const { answer } = this.#step({ type: "subscribe", hub, held });
    if (answer === undefined) throw new Error("a subscription without an answer");
    return answer;
  }

  async unsubscribe(service: string, hub: string): Promise<void> {
    await this.#gathered(service);
    this.#step({ type: "unsubscribe", hub });
  }

  async seen(service: string, hub: string, held: HeldRevision): Promise<void> {
    await this.#gathered(service);
    this.#step({ type: "seen", hub, held });
  }

  async observed(service: string, caller: string, report: Omit<CallerReport, "service">): Promise<void> {
    await this.#gathered(service);
    this.#reports.take(caller, report, Date.now());
  }

  #judge(verdict: FleetVerdict): void {
    for (const [hub, { subscribed }] of this.#state.hubs)
      if (subscribed && hub !== GATEWAYS)
        this.#call(() => this.env.HUB.getByName(hub).judged(this.#store.service, verdict), `judge at ${hub}`);
  }

  override async alarm(): Promise<void> {
    this.#alarm.rang();
    await this.#gathered(this.#store.service);
    this.#step({ type: "tick" });
  }

  /** A registry that was made anew knows nobody, though hubs may: the first who ask wait a little until these have said it. */
  async #gathered(service: string): Promise<void> {
    if (this.#store.gathered) return;
    this.#store.service = service;
    this.#gathering ??= this.#gather(service).finally(() => {
      this.#gathering = undefined;
    });
    await within(this.#gathering, limits.control.gatherWaitMs, "asking the hubs").catch(() => undefined);
  }

  async #gather(service: string): Promise<void> {
    try {
      const names = Array.from({ length: hubCount(this.env) }, (_, index) => hubName(index));
      const all = await eachHub(this.env, (hub) => hub.reports(service));
      for (const [at, reports] of all.entries())
        this.#step({ type: "report", hub: names[at] as string, ...reports, all: true });
      this.#store.gathered = true;
    } catch (error) {
      console.warn(JSON.stringify({ kind: "error", act: "gather", service, reason: String(error) }));
      this.#alarm.by(Date.now() + owedRetryMs);
    }
  }

  /** One event: decided, stored, told to whom it concerns. */
  #step(event: RegistryEvent): RegistryVerdict {
    const verdict = stepRegistry(this.#state, event, Date.now(), SETTINGS);
    this.#store.save(this.#state, verdict);
    for (const { hub, ...one } of verdict.released)
      this.#call(() => this.env.HUB.getByName(hub).released(this.#store.service, one), `release at ${hub}`);
    for (const hub of lacking(this.#state)) if (!this.#sending.has(hub)) this.ctx.waitUntil(this.#update(hub));
    this.#alarm.by(registryDueAt(this.#state, Date.now(), owedRetryMs, SETTINGS));
    return verdict;
  }

  /** What changes while one update is under way, and a moment after, travels with the next. */
  async #update(hub: string): Promise<void> {
    this.#sending.add(hub);
    const update = updateFor(this.#state, hub);
    const sent = viewerAt(this.env, hub).view(this.#store.service, update);
    const taken = await this.#try(within(sent, objectCallMs, hub), `update ${hub}`);
    if (taken !== undefined) await scheduler.wait(changeGapMs);
    this.#sending.delete(hub);
    // What failed waits for the alarm.
    if (taken !== undefined) this.#step({ type: "delivered", hub, update, held: taken.value });
  }

  #call(call: () => Promise<unknown>, act: string): void {
    this.ctx.waitUntil(this.#try(within(call(), objectCallMs, act), act));
  }

  /** @returns undefined when it failed */
  async #try<T>(call: Promise<T>, act: string): Promise<{ readonly value: T } | undefined> {
    try {
      return { value: await call };
    } catch (error) {
      console.warn(JSON.stringify({ kind: "error", act, service: this.#store.service, reason: String(error) }));
      return undefined;
    }
  }
}
