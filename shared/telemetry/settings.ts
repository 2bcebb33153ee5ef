/** What the plan says of telemetry; the same for the gateway and for agents. */
import type { RecordSettings } from "../policy/record-settings.ts";

export interface TelemetrySettings {
  /** Absent: where the agent's environment says; the gateway exports nothing. */
  readonly otlp?: OtlpSettings;
  /** Attributes of every resource beside the service's own. */
  readonly resource: Readonly<Record<string, string>>;
  /** Absent: no spans. */
  readonly traces?: TracesSettings;
  /** Absent: metrics are there to be asked for, and sent to nobody. */
  readonly metrics?: MetricsSettings;
  /** Absent: logs are those of the processes' output. */
  readonly logs?: LogsSettings;
  /** Answers of the gateway say what took how long. */
  readonly serverTiming?: true;
  /** Absent: past requests are kept as usual. */
  readonly records?: RecordSettings | "off";
}

/** A receiver of OTLP/HTTP in binary. */
export interface OtlpSettings {
  /** Without the path of a signal, and without a slash at its end. */
  readonly endpoint: string;
  /** Names in lower case. Values may hold `${secret:NAME}`. */
  readonly headers: Readonly<Record<string, string>>;
  /** Absent: requests are not compressed. */
  readonly compression?: "gzip";
  readonly timeoutMs: number;
}

export interface TracesSettings {
  /** Share of the traces begun here that is kept, 0 to 1. */
  readonly ratio: number;
  /** A hop that sees a failure keeps its span. */
  readonly errors: boolean;
  /** A hop that takes longer keeps its span. Absent: none does for that. */
  readonly slowMs?: number;
  /** What clients say of sampling is believed. */
  readonly trustClients?: true;
  /** Spans tell the client's address. */
  readonly clientAddress?: true;
}

export interface MetricsSettings {
  /** From one time that they are sent to the next. */
  readonly everyMs: number;
}

export interface LogsSettings {
  /** Share of the requests that are told, 0 to 1. */
  readonly ratio: number;
  /** Requests that failed are told, whatever the share. */
  readonly failures: boolean;
  /** Records tell who asked: the client's address, and the subject. */
  readonly clients?: true;
}
