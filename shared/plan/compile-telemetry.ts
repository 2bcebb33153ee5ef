import type { TelemetryConfig } from "../config/schema-telemetry.ts";
import { durationOr, parseDurationMs } from "../config/units.ts";
import { telemetry as limits } from "../limits/telemetry.ts";
import { type RecordSettings, USUAL_RECORDS } from "../policy/record-settings.ts";
import type {
  LogsSettings,
  MetricsSettings,
  OtlpSettings,
  TelemetrySettings,
  TracesSettings,
} from "../telemetry/settings.ts";
import { lowerCaseKeys, sorted } from "./sorted.ts";

/** @param name of the document */
export function compileTelemetry(telemetry: TelemetryConfig, name: string): TelemetrySettings {
  const { otlp, resource, traces, metrics, logs, serverTiming, records } = telemetry;
  const to = otlp === undefined ? undefined : compileOtlp(otlp);
  return {
    ...(to !== undefined && { otlp: to }),
    resource: { "service.namespace": name, ...resource },
    ...(traces !== undefined && { traces: compileTraces(traces) }),
    ...(metrics !== undefined && { metrics: compileMetrics(metrics) }),
    ...(logs !== undefined && { logs: compileLogs(logs) }),
    ...(serverTiming === true && { serverTiming }),
    ...(records !== undefined && { records: compileRecords(records) }),
  };
}

function compileRecords(records: NonNullable<TelemetryConfig["records"]>): RecordSettings | "off" {
  if (records === "off") return records;
  const { perRoute = USUAL_RECORDS.perRoute, keep, hide } = records;
  const lists = Object.entries(hide ?? {}).flatMap(([of, names]) =>
    names === undefined || names.length === 0 ? [] : [[of, sorted(names.map((name) => name.toLowerCase()))]],
  );
  const keepMs = durationOr(keep, USUAL_RECORDS.keepMs);
  return { perRoute, keepMs, ...(lists.length > 0 && { hide: Object.fromEntries(lists) }) };
}

function compileOtlp(otlp: NonNullable<TelemetryConfig["otlp"]>): OtlpSettings | undefined {
  const { endpoint, headers, compression, timeout } = otlp;
  if (endpoint === undefined) return undefined;
  return {
    endpoint: endpoint.replace(/\/+$/, ""),
    headers: lowerCaseKeys(headers),
    ...(compression === "gzip" && { compression }),
    timeoutMs: durationOr(timeout, limits.timeoutMs),
  };
}

function compileTraces(traces: NonNullable<TelemetryConfig["traces"]>): TracesSettings {
  const { sample, errors, slow, trustClients, clientAddress } = traces;
  const slowMs = slow === undefined ? undefined : parseDurationMs(slow);
  return {
    ratio: ratioOf(sample, limits.samplePercent),
    errors: errors !== "sampled",
    ...(slowMs !== undefined && { slowMs }),
    ...(trustClients === true && { trustClients }),
    ...(clientAddress === true && { clientAddress }),
  };
}

function compileMetrics({ every }: NonNullable<TelemetryConfig["metrics"]>): MetricsSettings {
  return { everyMs: durationOr(every, limits.metricsEveryMs) };
}

function compileLogs({ sample, errors, clients }: NonNullable<TelemetryConfig["logs"]>): LogsSettings {
  return {
    ratio: ratioOf(sample, limits.logSamplePercent),
    failures: errors !== "sampled",
    ...(clients === true && { clients }),
  };
}

/** @param sample such as `5%` */
function ratioOf(sample: string | undefined, otherwisePercent: number): number {
  return (sample === undefined ? otherwisePercent : Number(sample.slice(0, -1))) / 100;
}
