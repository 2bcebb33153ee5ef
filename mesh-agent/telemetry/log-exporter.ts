/** Sends log records: one of each request that is chosen, and events of the agent that somebody should look at. */
import { attributeKey } from "../../shared/telemetry/attribute-key.ts";
import { type Environment, type ReceiverSettings, receiverOf } from "../../shared/telemetry/environment.ts";
import { LogBuffer } from "../../shared/telemetry/log-buffer.ts";
import { isLogged, type LoggedEntry, writeRequestLog } from "../../shared/telemetry/request-log.ts";
import type { LogsSettings, TelemetrySettings } from "../../shared/telemetry/settings.ts";
import type { Call } from "../proxy/call.ts";
import { severityOfEvent } from "./event-severity.ts";
import type { Log } from "./log.ts";
import { OtlpSender } from "./otlp-sender.ts";
import { SendSoon } from "./send-soon.ts";
import { hasFailed } from "./write-spans.ts";

/** @param own what this process is @returns undefined when it has nothing to tell, or nowhere to */
export function makeLogExporter(
  settings: TelemetrySettings,
  environment: Environment,
  own: Readonly<Record<string, string>>,
  log: Log,
): LogExporter | undefined {
  const found = receiverOf("logs", settings, environment, own);
  if (typeof found === "string") log.event("telemetry_off", `no logs are sent: ${found}`);
  if (typeof found !== "object" || settings.logs === undefined) return undefined;
  return new LogExporter(found, settings.logs, log);
}

export class LogExporter {
  readonly #settings: LogsSettings;
  readonly #log: Log;
  readonly #sender: OtlpSender;
  readonly #records = new LogBuffer();
  readonly #soon: SendSoon;
  readonly #hear = (event: string, sentence: string, members: object): void => this.#event(event, sentence, members);

  constructor(settings: ReceiverSettings, logs: LogsSettings, log: Log) {
    this.#settings = logs;
    this.#log = log;
    this.#sender = new OtlpSender(settings, "log records", (text) => log.event("telemetry_trouble", text));
    this.#soon = new SendSoon(this.#records, this.#sender);
    log.onEvent = this.#hear;
  }

  /** A request that is over. @param entryOf says all of it, which costs more than to decide whether it is told */
  request(call: Call, durationMs: number, entryOf: () => LoggedEntry): void {
    if (!isLogged(hasFailed(call), call.trace?.traceId ?? "", this.#settings)) return;
    const nowMs = Date.now();
    writeRequestLog(this.#records, entryOf(), { atMs: nowMs - durationMs, nowMs }, this.#settings);
    this.#soon.added();
  }

  async close(): Promise<void> {
    if (this.#log.onEvent === this.#hear) this.#log.onEvent = undefined;
    this.#soon.flush();
    await this.#sender.close();
  }

  #event(event: string, sentence: string, members: object): void {
    const severity = severityOfEvent(event);
    if (severity === "info") return;
    const nowMs = Date.now();
    this.#records.begin({
      ...{ atMs: nowMs, observedMs: nowMs, severity },
      ...{ event: `selvage.agent.${event}`, body: sentence },
    });
    for (const [name, value] of Object.entries(members))
      if (typeof value !== "object") this.#records.text(attributeKey(`selvage.${name}`), String(value));
    this.#records.end();
    this.#soon.added();
  }
}
