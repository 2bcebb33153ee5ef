/**
 * Metrics as text: that of Prometheus 0.0.4 (https://prometheus.io/docs/instrumenting/exposition_formats/), which is what others
 * are made of, and OpenMetrics 1.0 (https://prometheus.io/docs/specs/om/open_metrics_spec/).
 */

export type MetricsFormat = "prometheus" | "openmetrics";

export const metricsContentType: Readonly<Record<MetricsFormat, string>> = {
  prometheus: "text/plain; version=0.0.4; charset=utf-8",
  openmetrics: "application/openmetrics-text; version=1.0.0; charset=utf-8",
};

/** Labels and their value. */
export interface Sample {
  /** Behind the family's name, such as `_bucket`. */
  readonly suffix?: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** Metrics of one name. */
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

/** @returns text of 0.0.4; families without a sample are left out */
export function metricsText(families: readonly MetricFamily[]): string {
  const lines = families.flatMap(({ name, type, help, samples }) =>
    samples.length === 0
      ? []
      : [
          `# HELP ${name} ${help}`,
          `# TYPE ${name} ${type}`,
          ...samples.map(({ suffix = "", labels, value }) => `${name}${suffix}${labelsOf(labels)} ${value}`),
        ],
  );
  return lines.length === 0 ? "" : `${lines.join("\n")}\n`;
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

/** @param text of 0.0.4, the lines of a family together, its HELP before its TYPE */
export function inFormat(text: string, format: MetricsFormat): string {
  if (format === "prometheus") return text;
  const types = new Map<string, string>();
  for (const [, name = "", type = ""] of text.matchAll(/^# TYPE (\S+) (\S+)$/gm)) types.set(name, type);
  const familyOf = (name: string): string =>
    types.get(name) === "counter" && name.endsWith("_total") ? name.slice(0, -"_total".length) : name;
  const lines = text.split("\n").flatMap((line) => {
    const [, what, name = "", rest = ""] = /^# (HELP|TYPE) (\S+) (.*)$/.exec(line) ?? [];
    if (what === "HELP") return `# HELP ${familyOf(name)} ${rest.replaceAll('"', '\\"')}`;
    if (what === "TYPE") return typeLines(familyOf(name), rest);
    // A bound is a number with a point, always written alike.
    return line === "" ? [] : line.replace(/([{,]le=")(\d+)"/, '$1$2.0"');
  });
  return `${[...lines, "# EOF"].join("\n")}\n`;
}

function typeLines(name: string, type: string): string[] {
  const [, unit] = UNIT.exec(name) ?? [];
  const line = `# TYPE ${name} ${type}`;
  return unit === undefined ? [line] : [line, `# UNIT ${name} ${unit}`];
}
