/** Sends what `/metrics` has, again and again: sums since the agent started, so that what is lost on the way is told the next time. */
import type { MetricFamily } from "../../shared/http/metrics-text.ts";
import { telemetry } from "../../shared/limits/telemetry.ts";
import { type Environment, metricsOf, type ReceiverSettings, receiverOf } from "../../shared/telemetry/environment.ts";
import { MetricBuffer } from "../../shared/telemetry/metric-buffer.ts";
import type { TelemetrySettings } from "../../shared/telemetry/settings.ts";
import type { Log } from "./log.ts";
import { OtlpSender } from "./otlp-sender.ts";

/** @param own what this process is @returns undefined when it has nothing to tell, or nowhere to */
export function makeMetricExporter(
  settings: TelemetrySettings,
  environment: Environment,
  own: Readonly<Record<string, string>>,
  log: Log,
  families: () => readonly MetricFamily[],
): MetricExporter | undefined {
  const found = receiverOf("metrics", settings, environment, own);
  if (typeof found === "string") log.event("telemetry_off", `no metrics are sent: ${found}`);
  if (typeof found !== "object" || settings.metrics === undefined) return undefined;
  return new MetricExporter(found, metricsOf(settings.metrics, environment).everyMs, log, families);
}

export class MetricExporter {
  readonly #sender: OtlpSender;
  readonly #families: () => readonly MetricFamily[];
  readonly #buffer = new MetricBuffer();
  readonly #timer: NodeJS.Timeout;
  #sentAtMs = performance.timeOrigin;

  constructor(settings: ReceiverSettings, everyMs: number, log: Log, families: () => readonly MetricFamily[]) {
    this.#sender = new OtlpSender(settings, "points of metrics", (text) => log.event("telemetry_trouble", text));
    this.#families = families;
    this.#timer = setInterval(() => this.#export(), everyMs).unref();
  }

  /** Tells how it stands at the end, too. */
  async close(): Promise<void> {
    clearInterval(this.#timer);
    this.#export();
    await this.#sender.close();
  }

  #export(): void {
    const nowMs = Date.now();
    const times = { startMs: performance.timeOrigin, nowMs, exemplarsSinceMs: this.#sentAtMs };
    this.#sentAtMs = nowMs;
    for (const family of this.#families()) {
      this.#buffer.add(family, times);
      if (this.#buffer.bytes >= telemetry.requestBytesMax) this.#flush();
    }
    this.#flush();
  }

  #flush(): void {
    const { count } = this.#buffer;
    if (count > 0) this.#sender.add(this.#buffer.take(), count);
  }
}
