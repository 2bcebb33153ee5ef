/**
 * Metrics as text: that of Prometheus 0.0.4 (https://prometheus.io/docs/instrumenting/exposition_formats/), and OpenMetrics 1.0
 * (https://prometheus.io/docs/specs/om/open_metrics_spec/), which has exemplars, too.
 */

export type MetricsFormat = "prometheus" | "openmetrics";

export const metricsContentType: Readonly<Record<MetricsFormat, string>> = {
  prometheus: "text/plain; version=0.0.4; charset=utf-8",
  openmetrics: "application/openmetrics-text; version=1.0.0; charset=utf-8",
};

/** One measurement of those that a sample counts, and the span that it is of. */
export interface Exemplar {
  readonly traceId: string;
  readonly spanId: string;
  readonly value: number;
  /** Milliseconds since 1970. */
  readonly atMs: number;
}

/** Labels and their value. */
export interface Sample {
  /** Behind the family's name, such as `_bucket`. */
  readonly suffix?: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
  /** Of a bucket. */
  readonly exemplar?: Exemplar | undefined;
}

/** Metrics of one name. Of a histogram all samples of the same labels stand together: buckets, sum, and the count last. */
export interface MetricFamily {
  /** Of a counter with its `_total`. */
  readonly name: string;
  readonly type: "counter" | "gauge" | "histogram";
  readonly help: string;
  readonly samples: readonly Sample[];
}

/** `{name="value"}`; empty: there are none. */
export function labelsOf(labels: Readonly<Record<string, string>>): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escaped(value)}"`);
  return pairs.length === 0 ? "" : `{${pairs.join(",")}}`;
}

const escaped = (value: string): string => value.replace(/\\/g, "\\\\").replace(/"/g, '\\"').replace(/\n/g, "\\n");

/** @returns text; families without a sample are left out */
export function metricsText(families: readonly MetricFamily[], format: MetricsFormat = "prometheus"): string {
  const told = families.filter(({ samples }) => samples.length > 0);
  const lines = told.flatMap(format === "prometheus" ? prometheusLines : openLines);
  if (format === "openmetrics") lines.push("# EOF");
  return lines.length === 0 ? "" : `${lines.join("\n")}\n`;
}

function prometheusLines({ name, type, help, samples }: MetricFamily): string[] {
  return [
    `# HELP ${name} ${help}`,
    `# TYPE ${name} ${type}`,
    ...samples.map(({ suffix = "", labels, value }) => `${name}${suffix}${labelsOf(labels)} ${value}`),
  ];
}

/** Which format a client would rather have, by its Accept field; that of Prometheus where it says nothing. */
export function metricsFormat(accept: string | undefined): MetricsFormat {
  let [best, quality]: [MetricsFormat, number] = ["prometheus", 0];
  for (const range of accept?.split(",") ?? []) {
    const [type = "", ...parameters] = range.split(";").map((part) => part.trim().toLowerCase());
    const told = parameters.find((one) => one.startsWith("q="))?.slice(2);
    const q = told === undefined ? 1 : Number(told);
    const version = parameters.find((one) => one.startsWith("version="))?.slice("version=".length) ?? "1.0.0";
    const isOpen = type === "application/openmetrics-text" && version.replaceAll('"', "") === "1.0.0";
    const isText = type === "text/plain" || type === "text/*" || type === "*/*";
    if (!(isOpen || isText) || !(q > quality)) continue;
    [best, quality] = [isOpen ? "openmetrics" : "prometheus", q];
  }
  return best;
}

/** Units that stand at the end of a name. */
const UNIT = /_(seconds|bytes|ratio)$/;

function openLines({ name, type, help, samples }: MetricFamily): string[] {
  const family = type === "counter" ? name.replace(/_total$/, "") : name;
  const [, unit] = UNIT.exec(family) ?? [];
  return [
    `# HELP ${family} ${help.replaceAll('"', '\\"')}`,
    `# TYPE ${family} ${type}`,
    ...(unit === undefined ? [] : [`# UNIT ${family} ${unit}`]),
    ...samples.map(({ suffix = "", labels, value, exemplar }) => {
      // A bound is a number with a point, always written alike.
      const written = labelsOf(labels).replace(/([{,]le=")(\d+)"/, '$1$2.0"');
      return `${name}${suffix}${written} ${value}${exemplarText(exemplar)}`;
    }),
  ];
}

function exemplarText(exemplar: Exemplar | undefined): string {
  if (exemplar === undefined) return "";
  const { traceId, spanId, value, atMs } = exemplar;
  return ` # ${labelsOf({ trace_id: traceId, span_id: spanId })} ${value} ${(atMs / 1000).toFixed(3)}`;
}
