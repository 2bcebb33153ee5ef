/** What this agent tells a receiver: spans, log records and metrics, each by what is loaded by the first plan that asks for it. */
import type { MetricFamily } from "../../shared/http/metrics-text.ts";
import type { TelemetrySettings } from "../../shared/telemetry/settings.ts";
import type { Log } from "./log.ts";
import type { LogExporter } from "./log-exporter.ts";
import type { MetricExporter } from "./metric-exporter.ts";
import { Told } from "./told.ts";
import type { Tracer } from "./tracer.ts";

export class Tracing {
  /** What `/metrics` has. */
  families: () => readonly MetricFamily[] = () => [];
  readonly #traces: Told<Tracer>;
  readonly #logs: Told<LogExporter>;
  readonly #metrics: Told<MetricExporter>;

  constructor(service: string, instance: string, log: Log) {
    const own = { "service.name": service, "service.instance.id": instance };
    this.#traces = new Told("traces", async (settings) => {
      const { makeTracer } = await import("./span-tracer.ts");
      return makeTracer(settings, process.env, own, log);
    });
    this.#logs = new Told("logs", async (settings) => {
      const { makeLogExporter } = await import("./log-exporter.ts");
      return makeLogExporter(settings, process.env, own, log);
    });
    this.#metrics = new Told("metrics", async (settings) => {
      const { makeMetricExporter } = await import("./metric-exporter.ts");
      return makeMetricExporter(settings, process.env, own, log, () => this.families());
    });
  }

  /** Undefined: no spans are told. */
  get tracer(): Tracer | undefined {
    return this.#traces.teller;
  }

  /** Undefined: no log records are told. */
  get logs(): LogExporter | undefined {
    return this.#logs.teller;
  }

  /** @param settings of the plan */
  async use(settings: TelemetrySettings | undefined): Promise<void> {
    await Promise.all([this.#traces.use(settings), this.#logs.use(settings), this.#metrics.use(settings)]);
  }

  /** Sends what waits, within a bound. */
  async close(): Promise<void> {
    await Promise.all([this.#traces.close(), this.#logs.close(), this.#metrics.close()]);
  }
}
