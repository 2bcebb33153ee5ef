/** Log records of requests at the gateway. */
import type { GatewayLogEntry, WouldRefuse } from "../../../shared/http/access-log.ts";
import { telemetry } from "../../../shared/limits/telemetry.ts";
import { LogBuffer } from "../../../shared/telemetry/log-buffer.ts";
import { isLogged, writeRequestLog } from "../../../shared/telemetry/request-log.ts";
import { isFailure } from "../../../shared/telemetry/sampling.ts";
import type { LogsSettings, TelemetrySettings } from "../../../shared/telemetry/settings.ts";
import type { Context } from "../upstream/context.ts";
import type { GatewayEnv } from "../upstream/exchange.ts";
import { BySettings, type Receivable } from "./by-settings.ts";
import { OtlpOutbox } from "./otlp-outbox.ts";

const { itemsMax, requestBytesMax } = telemetry;

/** An answered request, as its line in the log has it. */
export interface Answered {
  readonly entry: GatewayLogEntry;
  readonly wouldRefuse: readonly WouldRefuse[] | undefined;
  /** When its answer was there, in milliseconds since 1970. */
  readonly nowMs: number;
}

const tellers = new BySettings("logs", (settings) => settings.logs && new LogTeller(settings, settings.logs));

/** Tells of a request, if it is one of those that are told. */
export function tellRequest(c: Context<GatewayEnv>, settings: TelemetrySettings, answered: Answered): void {
  tellers.of(settings)?.tell(c, answered, settings.traces?.trustClients === true);
}

class LogTeller {
  readonly #settings: Receivable;
  readonly #logs: LogsSettings;
  readonly #records = new LogBuffer();
  #outbox: OtlpOutbox | undefined;

  constructor(settings: Receivable, logs: LogsSettings) {
    this.#settings = settings;
    this.#logs = logs;
  }

  /** @param trusts clients that name their traces */
  tell(c: Context<GatewayEnv>, { entry, wouldRefuse, nowMs }: Answered, trusts: boolean): void {
    const { parentId, traceId, spanId } = c.get("trace");
    // Who names a trace must not choose by that whether he is told of.
    const drawnBy = parentId === "" || trusts ? traceId : spanId + spanId;
    if (!isLogged(isFailure(entry.status, entry.grpcStatus), drawnBy, this.#logs)) return;
    const told = wouldRefuse === undefined ? entry : { ...entry, wouldRefuse };
    writeRequestLog(this.#records, told, { atMs: c.get("arrivedAtMs"), nowMs }, this.#logs);
    const { bytes, count } = this.#records;
    const isFull = bytes >= requestBytesMax || count >= itemsMax;
    this.#outboxOf(entry.instance).added(c.env, c.executionCtx, nowMs, isFull);
  }

  #outboxOf(instance: string): OtlpOutbox {
    const own = { "service.name": "gateway", "service.instance.id": instance };
    const { otlp, resource } = this.#settings;
    this.#outbox ??= new OtlpOutbox(otlp, "logs", { ...resource, ...own }, this.#records);
    return this.#outbox;
  }
}
