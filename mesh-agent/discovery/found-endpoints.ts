/**
 * Endpoints that no agent registered: those that the sources of the plan name, beside what the registry tells. Each agent asks for the
 * services that it may call, so that nobody stands between, and calls go on while the control plane is away.
 */
import { setTimeout } from "node:timers/promises";
import * as z from "zod/mini";
import type { DiscoverySettings } from "../../shared/discovery/settings.ts";
import { limits } from "../../shared/limits.ts";
import type { Condition } from "../../shared/wire/condition.ts";
import { type Endpoint, endpointSchema } from "../../shared/wire/endpoint.ts";
import type { OpenState, StateFile } from "../control/state-file.ts";
import type { Log } from "../telemetry/log.ts";
import type { Clusters } from "./clusters.ts";
import type { FoundService, KeptList, SourceStatus } from "./found-service.ts";

const keptSchema = z.record(
  z.string(),
  z.object({ by: z.string(), endpoints: z.array(endpointSchema), goodAtMs: z.number() }),
);

const POLL_MS = 10;

type Kept = Readonly<Record<string, KeptList>>;

export class FoundEndpoints {
  readonly #clusters: Clusters;
  readonly #log: Log;
  readonly #file: StateFile<Kept>;
  readonly #services = new Map<string, FoundService>();
  #wanted: ReadonlyMap<string, DiscoverySettings> = new Map();
  #last: Parameters<Clusters["update"]> | undefined;
  /** Undefined until a plan names a source: most name none. */
  #code: typeof import("./found-service.ts") | undefined;
  #isLoading = false;
  #kept: Kept | undefined;
  #savedMs = Number.NEGATIVE_INFINITY;
  #isStopped = false;
  /** Called when a source says something else, or does not answer any more, or again. */
  onNews: () => void = () => {};

  /** @param clusters get both kinds of endpoints */
  constructor(open: OpenState, clusters: Clusters, log: Log) {
    this.#clusters = clusters;
    this.#log = log;
    this.#file = open<Kept>("found.json", (value) => keptSchema.parse(value));
  }

  /** Takes a plan and what the registry tells, as `Clusters.update`. */
  update(...now: Parameters<Clusters["update"]>): void {
    const [services, , second] = now;
    this.#last = now;
    // A service that both versions know has its endpoints by the first.
    const all = Object.entries({ ...second?.services, ...services });
    this.#wanted = new Map(
      all.flatMap(([name, { discovery }]) => (discovery === undefined ? [] : [[name, discovery]])),
    );
    this.#follow();
    this.#use();
  }

  /** Waits until every source has spoken, good or bad, or had the time to. @param isOver nobody waits any more */
  async ready(isOver: () => boolean): Promise<void> {
    const untilMs = performance.now() + limits.discovery.firstAnswerMs;
    const isReady = (): boolean =>
      [...this.#wanted.keys()].every((name) => this.#services.get(name)?.hasSpoken === true);
    while (!isReady() && !isOver() && performance.now() < untilMs) await setTimeout(POLL_MS);
  }

  /** By service. @param nowMs since the epoch */
  statuses(nowMs: number): Record<string, SourceStatus> {
    return Object.fromEntries([...this.#services].sort().map(([name, found]) => [name, found.status(nowMs)]));
  }

  /** What the control plane is told of them: the age of an answer only where no newer one comes. @param nowMs since the epoch */
  told(nowMs: number): Condition["sources"] {
    return Object.entries(this.statuses(nowMs)).map(([service, { ageMs, refusedWhy: _, error, ...status }]) => {
      const reason = error?.slice(0, limits.discovery.reasonCharsMax);
      const goodAtMs = reason === undefined || ageMs === undefined ? undefined : nowMs - ageMs;
      return { service, ...status, ...(reason && { error: reason }), ...(goodAtMs !== undefined && { goodAtMs }) };
    });
  }

  stop(): void {
    this.#isStopped = true;
    for (const found of this.#services.values()) found.stop();
  }

  /** Asks for what the plan names now, and for nothing else. */
  #follow(): void {
    for (const [name, found] of this.#services)
      if (!this.#wanted.has(name)) {
        found.stop();
        this.#services.delete(name);
      }
    if (this.#wanted.size === 0 || this.#isStopped) return;
    if (this.#code === undefined) {
      void this.#load();
      return;
    }
    const { FoundService, foundBy } = this.#code;
    for (const [name, settings] of this.#wanted) {
      const known = this.#services.get(name);
      if (known?.by === foundBy(settings)) known.retune(settings);
      else {
        known?.stop();
        const ear = {
          changed: () => this.#changed(),
          confirmed: () => this.#confirmed(),
          failing: (reason: string | undefined) => this.#tellFailing(name, reason),
        };
        const kept = Object.hasOwn(this.#lists, name) ? this.#lists[name] : undefined;
        this.#services.set(name, new FoundService(settings, kept, known, ear));
      }
    }
  }

  async #load(): Promise<void> {
    if (this.#isLoading) return;
    this.#isLoading = true;
    this.#code = await import("./found-service.ts");
    this.#follow();
    this.#use();
  }

  /** What the last run left; what cannot be read counts as nothing. */
  get #lists(): Kept {
    if (this.#kept === undefined)
      try {
        this.#kept = this.#file.load() ?? {};
      } catch (error) {
        this.#log.event("state_trouble", (error as Error).message);
        this.#kept = {};
      }
    return this.#kept;
  }

  #tellFailing(service: string, reason: string | undefined): void {
    this.onNews();
    if (reason === undefined) this.#log.event("source_well", `the source of ${service} answers again`, { service });
    else this.#log.event("source_failing", `the source of ${service}: ${reason}`, { service });
  }

  #changed(): void {
    if (this.#isStopped) return;
    this.#use();
    this.#save();
    this.onNews();
  }

  #confirmed(): void {
    if (!this.#isStopped && Date.now() - this.#savedMs >= limits.discovery.keptWriteMs) this.#save();
  }

  /** Gives the clusters what is registered and what is found; who registered is an agent, whatever a source says. */
  #use(): void {
    if (this.#last === undefined) return;
    const [services, registered, second] = this.#last;
    if (this.#services.size === 0) {
      this.#clusters.update(services, registered, second);
      return;
    }
    const both: Record<string, readonly Endpoint[]> = { ...registered };
    for (const [name, { endpoints }] of this.#services) {
      const own = Object.hasOwn(registered, name) ? (registered[name] ?? []) : [];
      const places = new Set(own.map(({ host, port }) => `${host} ${port}`));
      both[name] = [...own, ...endpoints.filter(({ host, port }) => !places.has(`${host} ${port}`))];
    }
    this.#clusters.update(services, both, second);
  }

  #save(): void {
    const lists = [...this.#services].flatMap(([name, { kept }]) =>
      kept === undefined ? [] : [[name, kept] as const],
    );
    this.#kept = { ...this.#lists, ...Object.fromEntries(lists) };
    const saved = Object.fromEntries(lists);
    this.#savedMs = Date.now();
    this.#file.save(saved).catch((error: Error) => {
      this.#log.event("state_trouble", `the last good lists of sources are not on disk: ${error.message}`);
    });
  }
}
