/** Whether this agent tells of requests: what does is loaded by the first plan that asks for it. */
import type { TelemetrySettings } from "../../shared/telemetry/settings.ts";
import type { Log } from "./log.ts";
import type { Tracer } from "./tracer.ts";

export class Tracing {
  readonly #service: string;
  readonly #instance: string;
  readonly #log: Log;
  #settings: TelemetrySettings | undefined;
  #tracer: Tracer | undefined;
  #isClosed = false;

  constructor(service: string, instance: string, log: Log) {
    this.#service = service;
    this.#instance = instance;
    this.#log = log;
  }

  /** Undefined: nothing is told. */
  get tracer(): Tracer | undefined {
    return this.#tracer;
  }

  /** @param settings of the plan; where they change, what was told by the former ones is sent to where they say */
  async use(settings: TelemetrySettings | undefined): Promise<void> {
    if (JSON.stringify(settings) === JSON.stringify(this.#settings)) return;
    this.#settings = settings;
    const made = settings?.traces === undefined ? undefined : await this.#make(settings);
    // A later plan may have come while it was loaded.
    if (this.#settings !== settings || this.#isClosed) return;
    const former = this.#tracer;
    this.#tracer = made;
    await former?.close();
  }

  async #make(settings: TelemetrySettings): Promise<Tracer | undefined> {
    const { makeTracer } = await import("./span-tracer.ts");
    const own = { "service.name": this.#service, "service.instance.id": this.#instance };
    return makeTracer(settings, process.env, own, this.#log);
  }

  /** Sends what waits, within a bound. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#tracer?.close();
  }
}
