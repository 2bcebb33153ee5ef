/**
 * Makes records of requests, and reports them to the control plane after answers. One report is under way at a time; what it does
 * not take is dropped, and counted with the next.
 */
import { credentialNamesOf } from "../../../shared/auth/credential-names.ts";
import type { GatewayLogEntry } from "../../../shared/http/access-log.ts";
import { records as limits } from "../../../shared/limits/records.ts";
import { type RouteDraw, takeDrawn } from "../../../shared/policy/record-draw.ts";
import { type RecordSettings, USUAL_RECORDS } from "../../../shared/policy/record-settings.ts";
import type { KeptBecause, RequestRecord } from "../../../shared/policy/request-record.ts";
import { type RecordsReport, type RecordsTaken, recordsTakenSchema } from "../../../shared/wire/records.ts";
import type { Env } from "../env.ts";
import type { Context } from "../upstream/context.ts";
import type { GatewayEnv } from "../upstream/exchange.ts";
import { readText } from "../upstream/read-text.ts";
import { sleep } from "../upstream/wait.ts";
import { recordOf } from "./make-record.ts";
import { wholeEntry } from "./whole-entry.ts";

type Draws = ReadonlyMap<string, RouteDraw<RequestRecord>>;

/** Between two words of the log on the same trouble. */
const REMIND_MS = 60_000;

export class RecordOutbox {
  readonly #take: () => Draws;
  readonly #told: (sent: number, taken: number) => void;
  /** By the youngest plan that kept something. */
  #settings: RecordSettings = USUAL_RECORDS;
  /** When somebody sees to the next report; infinite: nobody does. */
  #dueAtMs = Number.POSITIVE_INFINITY;
  #sendingUntilMs = 0;
  #notBeforeMs = 0;
  #dropped = 0;
  #saidAtMs = Number.NEGATIVE_INFINITY;

  /**
   * @param take what is to be reported
   * @param told how many drawn records the control plane has taken of those that it was sent
   */
  constructor(take: () => Draws, told: (sent: number, taken: number) => void) {
    this.#take = take;
    this.#told = told;
  }

  /** @param put takes the record */
  keep(
    c: Context<GatewayEnv>,
    entry: GatewayLogEntry,
    because: KeptBecause,
    settings: RecordSettings,
    put: (record: RequestRecord) => void,
  ): void {
    this.#settings = settings;
    const { identity } = c.get("held").plan;
    try {
      put(recordOf(c, wholeEntry(entry, c), because, credentialNamesOf(identity), settings.hide));
    } catch (error) {
      // No answer fails because it is not written down.
      this.#complain(String(error));
      return;
    }
    const nowMs = Date.now();
    const waitMs = because === "drawn" ? limits.drawnWaitMs : limits.soonMs;
    const dueAtMs = Math.max(nowMs + waitMs, this.#notBeforeMs);
    // Whoever was to see to it may have been broken off.
    if (this.#dueAtMs <= dueAtMs && nowMs < this.#dueAtMs + limits.callMs) return;
    this.#dueAtMs = dueAtMs;
    c.executionCtx.waitUntil(this.#reportAt(dueAtMs, c.env));
  }

  async #reportAt(dueAtMs: number, env: Env): Promise<void> {
    await sleep(Math.min(dueAtMs - Date.now(), limits.retryMs));
    // An earlier one has taken all; or one is under way, after which the next request that is kept asks again.
    if (this.#dueAtMs !== dueAtMs || Date.now() < this.#sendingUntilMs) return;
    this.#dueAtMs = Number.POSITIVE_INFINITY;
    this.#sendingUntilMs = Date.now() + limits.callMs;
    const report = this.#reportOf(this.#take());
    try {
      const { drawn } = await send(env, report);
      this.#told(report.records.filter(({ record }) => record.because === "drawn").length, drawn);
      this.#dropped = 0;
      this.#notBeforeMs = Date.now() + limits.pauseMs;
    } catch (error) {
      this.#dropped += report.records.length;
      this.#notBeforeMs = Date.now() + limits.retryMs;
      this.#complain(String(error));
    }
    this.#sendingUntilMs = 0;
  }

  #reportOf(draws: Draws): RecordsReport {
    const { keepMs, perRoute } = this.#settings;
    const all = [...draws.values()].flatMap((draw) =>
      takeDrawn(draw).map(({ weight, item }) => ({ weight, record: item })),
    );
    const records: RecordsReport["records"] = [];
    let room: number = limits.reportBytesMax - 1_024;
    for (const one of all) {
      // Of UTF-16 a byte may be three of UTF-8.
      const bytes = JSON.stringify(one).length * 3;
      if (bytes > limits.recordBytesMax * 3 || bytes > room) this.#dropped++;
      else {
        room -= bytes;
        records.push(one);
      }
    }
    return { keepMs, perRoute, dropped: this.#dropped, records, hops: [] };
  }

  #complain(reason: string): void {
    const nowMs = Date.now();
    if (nowMs - this.#saidAtMs < REMIND_MS) return;
    this.#saidAtMs = nowMs;
    console.warn(JSON.stringify({ kind: "records", reason, dropped: this.#dropped }));
  }
}

/** @throws when the control plane cannot be reached in time, or refuses */
async function send(env: Env, report: RecordsReport): Promise<RecordsTaken> {
  const response = await env.CONTROL.fetch("http://control/v1/records/report", {
    method: "POST",
    headers: { authorization: `Bearer ${env.CONTROL_TOKEN}`, "content-type": "application/json" },
    body: JSON.stringify(report),
    signal: AbortSignal.timeout(limits.callMs),
  });
  const text = await readText(response, limits.recordBytesMax);
  if (response.status !== 200) throw new Error(`the control plane answered ${response.status} to a report of records`);
  return recordsTakenSchema.parse(JSON.parse(text));
}
