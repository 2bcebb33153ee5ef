/**
 * Which requests of this isolate are kept for later questions. Most of the time that is a look at a map and a comparison; what
 * makes records and reports them is loaded by the first that is kept.
 */
import type { GatewayLogEntry } from "../../../shared/http/access-log.ts";
import { records } from "../../../shared/limits/records.ts";
import {
  drawRequest,
  type FailedItem,
  failedPlace,
  newDraw,
  nextDrawn,
  type RouteDraw,
} from "../../../shared/policy/record-draw.ts";
import { type RecordSettings, recordsOf } from "../../../shared/policy/record-settings.ts";
import type { KeptBecause, RequestRecord } from "../../../shared/policy/request-record.ts";
import type { Context } from "../upstream/context.ts";
import type { GatewayEnv } from "../upstream/exchange.ts";
import type { RecordOutbox } from "./record-outbox.ts";

export class RecordKeeper {
  /** Since the last report, by route; empty: of none. */
  #draws = new Map<string, RouteDraw<RequestRecord>>();
  /** Requests that wait to be reported, of all routes. */
  #held = 0;
  /** Drawn of a route in one report. */
  #drawnMax: number = records.drawnOfReport;
  #outbox: RecordOutbox | undefined;

  /** A request that is answered. */
  see(entry: GatewayLogEntry, c: Context<GatewayEnv>): void {
    const held: GatewayEnv["Variables"]["held"] | undefined = c.get("held");
    // Whoever was refused before there was a plan: nobody has said what may be kept.
    const settings = held === undefined ? undefined : recordsOf(held.plan.telemetry);
    if (settings === undefined) return;
    const { route, traceId } = entry;
    const draw = this.#drawOf(route ?? "");
    const drawn = route === undefined ? undefined : drawRequest(draw, Math.random);
    const because = keptBecause(entry, c);
    if (because !== undefined) {
      // What was asked for is not displaced.
      const rank = because === "asked" ? "" : traceId;
      const place = because === "asked" ? draw.failed.length : failedPlace(draw.failed, traceId);
      if (place !== undefined && this.#hasRoom(draw.failed[place] === undefined)) {
        // The place is taken before the record is there: what makes the first one is loaded meanwhile.
        const taken: FailedItem<RequestRecord> = { traceId: rank, item: undefined };
        draw.failed[place] = taken;
        this.#keep(c, entry, because, settings, (item) => {
          taken.item = item;
        });
      }
    } else if (drawn !== undefined && this.#hasRoom(draw.drawn[drawn] === undefined))
      this.#keep(c, entry, "drawn", settings, (item) => {
        draw.drawn[drawn] = item;
      });
  }

  #drawOf(route: string): RouteDraw<RequestRecord> {
    const known = this.#draws.get(route);
    if (known !== undefined) return known;
    const draw = newDraw<RequestRecord>(this.#drawnMax);
    this.#draws.set(route, draw);
    return draw;
  }

  #hasRoom(isMore: boolean): boolean {
    if (!isMore) return true;
    if (this.#held >= records.ofReportMax) return false;
    this.#held++;
    return true;
  }

  #keep(
    c: Context<GatewayEnv>,
    entry: GatewayLogEntry,
    because: KeptBecause,
    settings: RecordSettings,
    put: (record: RequestRecord) => void,
  ): void {
    const outbox = this.#outbox;
    if (outbox !== undefined) outbox.keep(c, entry, because, settings, put);
    else c.executionCtx.waitUntil(this.#load().then((loaded) => loaded.keep(c, entry, because, settings, put)));
  }

  async #load(): Promise<RecordOutbox> {
    const { RecordOutbox: Outbox } = await import("./record-outbox.ts");
    this.#outbox ??= new Outbox(
      () => this.#take(),
      (sent, taken) => {
        this.#drawnMax = nextDrawn(this.#drawnMax, sent, taken);
      },
    );
    return this.#outbox;
  }

  /** What has come together; from now on there is nothing. */
  #take(): Map<string, RouteDraw<RequestRecord>> {
    const draws = this.#draws;
    this.#draws = new Map();
    this.#held = 0;
    return draws;
  }
}

/** Beside chance. What an upstream answered with 4xx is no failure: agents of the mesh say so where they have refused themselves. */
function keptBecause({ status, error }: GatewayLogEntry, c: Context<GatewayEnv>): KeptBecause | undefined {
  if (c.get("explained") !== undefined) return "asked";
  return status >= 500 || error !== undefined ? "failed" : undefined;
}
