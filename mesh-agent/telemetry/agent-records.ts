/** Hops of this agent that are worth a later question: those that failed, and those of requests that an operator asked about. */
import type { AccessLogEntry } from "../../shared/http/access-log.ts";
import { records as limits } from "../../shared/limits/records.ts";
import { type FailedItem, failedPlace } from "../../shared/policy/record-draw.ts";
import { entryWithoutSecrets } from "../../shared/policy/record-redaction.ts";
import { type RecordSettings, recordsOf } from "../../shared/policy/record-settings.ts";
import type { TelemetrySettings } from "../../shared/telemetry/settings.ts";
import type { RecordsReport } from "../../shared/wire/records.ts";
import { postJson } from "../control/post-json.ts";

/** Where reports go; the token as it is now. */
export type RecordsAddress = () => { readonly controlUrl: string; readonly token: string };

export class AgentRecords {
  readonly #address: RecordsAddress;
  #settings: RecordSettings | undefined = recordsOf(undefined);
  #hops: FailedItem<AccessLogEntry>[] = [];
  #dropped = 0;
  #timer: NodeJS.Timeout | undefined;
  #notBeforeMs = 0;

  constructor(address: RecordsAddress) {
    this.#address = address;
  }

  /** What the plan says. */
  use(telemetry: TelemetrySettings | undefined): void {
    this.#settings = recordsOf(telemetry);
  }

  /** A hop that has failed, or was asked for. @param entry is asked for where it is kept */
  see(traceId: string, isAsked: boolean, entry: () => AccessLogEntry): void {
    if (this.#settings === undefined) return;
    // The same traces as everywhere, when there are more than can be sent.
    const rank = isAsked ? "" : traceId;
    const place = failedPlace(this.#hops, rank, limits.hopsOfReport);
    if (place === undefined) {
      this.#dropped++;
      return;
    }
    if (this.#hops[place] !== undefined) this.#dropped++;
    this.#hops[place] = { traceId: rank, item: entryWithoutSecrets(entry()) };
    const waitMs = Math.max(limits.soonMs, this.#notBeforeMs - performance.now());
    this.#timer ??= setTimeout(() => void this.#report(), waitMs).unref();
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#settings = undefined;
  }

  async #report(): Promise<void> {
    const hops = this.#hops.flatMap(({ item }) => item ?? []);
    const { keepMs, perRoute } = this.#settings ?? {};
    this.#hops = [];
    if (keepMs === undefined || perRoute === undefined) {
      this.#timer = undefined;
      return;
    }
    const { controlUrl, token } = this.#address();
    const report: RecordsReport = { keepMs, perRoute, dropped: this.#dropped, records: [], hops };
    const isTaken = await send(controlUrl, token, report);
    this.#dropped = isTaken ? 0 : this.#dropped + hops.length;
    this.#notBeforeMs = performance.now() + (isTaken ? limits.pauseMs : limits.retryMs);
    this.#timer = undefined;
  }
}

async function send(controlUrl: string, token: string, report: RecordsReport): Promise<boolean> {
  try {
    const url = new URL("/v1/records/report", controlUrl);
    return (await postJson(url, { authorization: `Bearer ${token}` }, report)).status === 200;
  } catch {
    return false;
  }
}
