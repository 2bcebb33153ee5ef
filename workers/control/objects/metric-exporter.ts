/**
 * Sends metrics of all gateways, and of the fleet, to the receiver of the live document: one object, since these are sums over all
 * isolates. It is woken by a version that has `telemetry.metrics`, and sleeps for good after one that has not.
 */
import { DurableObject } from "cloudflare:workers";
import type { MetricFamily } from "../../../shared/http/metrics-text.ts";
import { telemetry } from "../../../shared/limits/telemetry.ts";
import { limits } from "../../../shared/limits.ts";
import { MetricBuffer, type MetricTimes } from "../../../shared/telemetry/metric-buffer.ts";
import { otlpRequest, otlpResource } from "../../../shared/telemetry/otlp-request.ts";
import type { OtlpSettings } from "../../../shared/telemetry/settings.ts";
import { postOtlp } from "../../common/telemetry/post-otlp.ts";
import type { Env } from "../env.ts";
import { fleetMetrics } from "../upstream/fleet-metrics.ts";
import type { MetricExporterRpc } from "./rpc.ts";

const { metricsEveryMs, metricsWakeMs, remindMs, requestBytesMax } = telemetry;

/** Names of services in what is sent: spans of the gateway have the first, too. */
const GATEWAY = "gateway";
const CONTROL = "control-plane";

export class MetricExporter extends DurableObject<Env> implements MetricExporterRpc {
  /** Set while an export is under way that may go by what was live before. */
  #isWoken = false;
  #saidAtMs = Number.NEGATIVE_INFINITY;

  async wake(): Promise<void> {
    this.#isWoken = true;
    await this.ctx.storage.setAlarm(Date.now() + metricsWakeMs);
  }

  override async alarm(): Promise<void> {
    this.#isWoken = false;
    const againInMs = await this.#export().catch((error: unknown) => {
      this.#complain(String(error));
      return metricsEveryMs;
    });
    if (this.#isWoken) await this.ctx.storage.setAlarm(Date.now() + metricsWakeMs);
    else if (againInMs !== undefined) await this.ctx.storage.setAlarm(Date.now() + againInMs);
  }

  /** @returns when the next is due; undefined: nobody asks for any */
  async #export(): Promise<number | undefined> {
    const { gateways, fleet, settings } = await fleetMetrics(this.env);
    if (settings?.metrics === undefined || settings.otlp === undefined) return undefined;
    const nowMs = Date.now();
    const { everyMs } = settings.metrics;
    // Isolates tell them with their reports, some time after the request.
    const exemplarsSinceMs = nowMs - everyMs - limits.counters.reportEveryMs;
    const times = { startMs: await this.#startMs(nowMs), nowMs, exemplarsSinceMs };
    await this.#send(settings.otlp, { ...settings.resource, "service.name": GATEWAY }, gateways, times);
    await this.#send(settings.otlp, { ...settings.resource, "service.name": CONTROL }, fleet, times);
    return everyMs;
  }

  /** Nobody knows when the first request was counted: what was counted before the first export is told as if it were then. */
  async #startMs(nowMs: number): Promise<number> {
    const known = await this.ctx.storage.get<number>("startMs");
    if (known === undefined) await this.ctx.storage.put("startMs", nowMs);
    return known ?? nowMs;
  }

  /** What is not taken is told with the next, which has all of it. */
  async #send(
    otlp: OtlpSettings,
    attributes: Readonly<Record<string, string>>,
    families: readonly MetricFamily[],
    times: MetricTimes,
  ): Promise<void> {
    const resource = otlpResource(attributes);
    const buffer = new MetricBuffer();
    for (const [at, family] of families.entries()) {
      buffer.add(family, times);
      const isLast = at === families.length - 1;
      if (buffer.count > 0 && (isLast || buffer.bytes >= requestBytesMax))
        await this.#post(otlp, otlpRequest(resource, buffer.take()));
    }
  }

  async #post(otlp: OtlpSettings, bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    const secretOf = (name: string): string | undefined => this.env[`SECRET_${name}`];
    const outcome = await postOtlp(otlp, { signal: "metrics", bytes, secretOf, userAgent: "selvage-control" });
    if (outcome.kind !== "accepted") this.#complain(outcome.reason);
    else if (outcome.rejected > 0) this.#complain(outcome.message ?? `${outcome.rejected} points were rejected`);
  }

  #complain(reason: string): void {
    const nowMs = Date.now();
    if (nowMs - this.#saidAtMs < remindMs) return;
    this.#saidAtMs = nowMs;
    console.warn(JSON.stringify({ kind: "telemetry", signal: "metrics", reason }));
  }
}
