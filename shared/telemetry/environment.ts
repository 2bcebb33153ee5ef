/** What an agent's environment says of telemetry, by the words of OpenTelemetry. It changes what the document says, and begins nothing by itself. */
import { telemetry } from "../limits/telemetry.ts";
import { type Signal, signalPath } from "./otlp-request.ts";
import type { MetricsSettings, OtlpSettings, TelemetrySettings, TracesSettings } from "./settings.ts";

export type Environment = Readonly<Record<string, string | undefined>>;

/** Who one process tells a signal, ready for use. */
export interface ReceiverSettings {
  /** Where it goes, whole. */
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly compression?: "gzip";
  readonly timeoutMs: number;
  readonly resource: Readonly<Record<string, string>>;
}

/** Of what an environment says, as far as it is about one signal. */
interface Variables {
  readonly environment: Environment;
  readonly signal: Signal;
}

/**
 * @param own what the process is: `service.name` and the like, which the environment and the document may not know
 * @returns undefined when nothing of the signal is to be told, or a sentence on why nothing can be
 */
export function receiverOf(
  signal: Signal,
  settings: TelemetrySettings | undefined,
  environment: Environment,
  own: Readonly<Record<string, string>>,
): ReceiverSettings | string | undefined {
  const from: Variables = { environment, signal };
  const isOff =
    environment.OTEL_SDK_DISABLED === "true" || environment[`OTEL_${upper(signal)}_EXPORTER`]?.trim() === "none";
  if (settings?.[signal] === undefined || isOff) return undefined;
  const protocol = said(from, "PROTOCOL");
  if (protocol !== undefined && protocol !== "http/protobuf")
    return `OTEL_EXPORTER_OTLP_PROTOCOL is ${protocol}: this agent sends http/protobuf alone`;
  const url = urlOf(settings.otlp, from);
  if (url === undefined) return "no receiver: set telemetry.otlp.endpoint, or OTEL_EXPORTER_OTLP_ENDPOINT";
  if (!URL.canParse(url) || !/^https?:/.test(url)) return `the receiver ${url} is no http or https URL`;
  const headers = headersOf(settings.otlp, from);
  if (typeof headers === "string") return headers;
  const compression = said(from, "COMPRESSION") ?? settings.otlp?.compression;
  const timeout = Number(said(from, "TIMEOUT") ?? settings.otlp?.timeoutMs ?? telemetry.timeoutMs);
  const { OTEL_RESOURCE_ATTRIBUTES, OTEL_SERVICE_NAME } = environment;
  return {
    url,
    headers,
    ...(compression === "gzip" && { compression }),
    timeoutMs: timeout > 0 && timeout <= telemetry.timeoutMsMax ? timeout : telemetry.timeoutMs,
    resource: {
      ...settings.resource,
      ...own,
      ...pairs(OTEL_RESOURCE_ATTRIBUTES),
      ...(OTEL_SERVICE_NAME !== undefined && OTEL_SERVICE_NAME !== "" && { "service.name": OTEL_SERVICE_NAME }),
    },
  };
}

/** Which traces are kept, where the environment says it, else as the document does. */
export function tracesOf(traces: TracesSettings, environment: Environment): TracesSettings {
  return { ...traces, ...samplerOf(environment) };
}

/** How often metrics are sent; what is no time within the bounds says nothing. */
export function metricsOf({ everyMs }: MetricsSettings, environment: Environment): MetricsSettings {
  const told = Number(environment.OTEL_METRIC_EXPORT_INTERVAL || Number.NaN);
  const { metricsEveryMsMin: least, metricsEveryMsMax: most } = telemetry;
  return { everyMs: told >= least && told <= most ? told : everyMs };
}

const upper = (signal: Signal): string => signal.toUpperCase();

/** Of `OTEL_EXPORTER_OTLP_TRACES_…` (or another signal) or `OTEL_EXPORTER_OTLP_…`; an empty one is as if it were not there. */
function said({ environment, signal }: Variables, name: string): string | undefined {
  const own = environment[`OTEL_EXPORTER_OTLP_${upper(signal)}_${name}`];
  return own || environment[`OTEL_EXPORTER_OTLP_${name}`] || undefined;
}

/** A signal's own endpoint is taken as it is, the general one gets the signal's path. */
function urlOf(otlp: OtlpSettings | undefined, { environment, signal }: Variables): string | undefined {
  const own = environment[`OTEL_EXPORTER_OTLP_${upper(signal)}_ENDPOINT`];
  if (own) return own;
  const base = environment.OTEL_EXPORTER_OTLP_ENDPOINT || otlp?.endpoint;
  return base === undefined ? undefined : base.replace(/\/+$/, "") + signalPath[signal];
}

/** Those of the document, filled from `SECRET_NAME`, and those of the environment. */
function headersOf(otlp: OtlpSettings | undefined, from: Variables): Record<string, string> | string {
  const { environment } = from;
  const headers: Record<string, string> = {};
  const own = pairs(said(from, "HEADERS"));
  for (const [name, value] of Object.entries(otlp?.headers ?? {})) {
    if (Object.hasOwn(own, name)) continue;
    const [missing] = missingIn(value, environment);
    headers[name] = value.replace(SECRET, (_, secret: string) => environment[`SECRET_${secret}`] ?? "");
    if (missing !== undefined)
      return `the field ${name} needs the secret ${missing}: set SECRET_${missing}, or OTEL_EXPORTER_OTLP_HEADERS`;
  }
  for (const [name, value] of Object.entries(own)) headers[name.toLowerCase()] = value;
  return headers;
}

const SECRET = /\$\{secret:(\w+)\}/g;

/** Names of secrets of a text that the environment does not have. */
function missingIn(text: string, environment: Environment): string[] {
  const names = [...text.matchAll(SECRET)].map(([, name = ""]) => name);
  return names.filter((name) => environment[`SECRET_${name}`] === undefined);
}

/** Secrets that the document's fields of exports need and the environment does not have. @returns sorted, each once */
export function missingTelemetrySecrets(settings: TelemetrySettings | undefined, environment: Environment): string[] {
  const told = (Object.keys(signalPath) as Signal[]).filter((signal) => settings?.[signal] !== undefined);
  const missing = told.flatMap((signal) => {
    const own = pairs(said({ environment, signal }, "HEADERS"));
    const fields = Object.entries(settings?.otlp?.headers ?? {}).filter(([name]) => !Object.hasOwn(own, name));
    return fields.flatMap(([, value]) => missingIn(value, environment));
  });
  return [...new Set(missing)].sort();
}

/** `key=value,key=value`, values with percent escapes; what cannot be read is left out. */
function pairs(text: string | undefined): Record<string, string> {
  const found: Record<string, string> = {};
  for (const pair of (text ?? "").split(",").slice(0, telemetry.attributesMax)) {
    const [, name, value] = /^\s*([\w!#$%&'*+.^`|~-]{1,100})\s*=\s*(.*?)\s*$/.exec(pair) ?? [];
    if (name !== undefined && value !== undefined) found[name] = unescaped(value);
  }
  return found;
}

function unescaped(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** A hop follows the beginning of its trace in any case; this is for traces that begin here. */
function samplerOf({ OTEL_TRACES_SAMPLER: sampler, OTEL_TRACES_SAMPLER_ARG: share }: Environment): {
  readonly ratio?: number;
} {
  switch (sampler?.replace(/^parentbased_/, "")) {
    case "always_on":
      return { ratio: 1 };
    case "always_off":
      return { ratio: 0 };
    case "traceidratio": {
      const ratio = share === undefined || share === "" ? 1 : Number(share);
      return ratio >= 0 && ratio <= 1 ? { ratio } : {};
    }
    default:
      return {};
  }
}
