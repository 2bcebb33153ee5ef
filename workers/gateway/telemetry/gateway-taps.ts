/**
 * Live taps at the gateway. Loaded by the first tap that the control plane tells of; what was seen is reported by work that a
 * request leaves behind, as long as there are requests.
 */
import type { AccessLogEntry, GatewayLogEntry } from "../../../shared/http/access-log.ts";
import { limits } from "../../../shared/limits.ts";
import type { TapDetail } from "../../../shared/policy/tap-entry.ts";
import {
  endTaps,
  hasNews,
  lostReports,
  seeRequest,
  type TapReport,
  type TapSource,
  type TapsAnswer,
  takeAnswer,
  takeReports,
  tellTaps,
} from "../../../shared/policy/tap-source.ts";
import { tapsAnswerSchema, toldTapsSchema } from "../../../shared/wire/taps.ts";
import type { Env } from "../env.ts";
import type { Context } from "../upstream/context.ts";
import type { GatewayEnv } from "../upstream/exchange.ts";
import { readText } from "../upstream/read-text.ts";
import { sleep } from "../upstream/wait.ts";

export class GatewayTaps {
  readonly #source: TapSource = { taps: [] };
  /** Until when a request is thought to see to the reports; one that was broken off leaves its mark behind. */
  #reportingUntilMs = 0;

  /** @param told as the control plane sent it; what this gateway does not understand it does not take */
  tell(told: unknown, nowMs: number): void {
    const read = toldTapsSchema.safeParse(told);
    if (read.success) tellTaps(this.#source, read.data, nowMs);
  }

  /** Whether there is a tap. */
  goesOn(nowMs: number): boolean {
    return endTaps(this.#source, nowMs);
  }

  /** A request that is answered. */
  see(entry: GatewayLogEntry, c: Context<GatewayEnv>, nowMs: number): void {
    if (!endTaps(this.#source, nowMs)) return;
    const wouldRefuse = c.get("wouldRefuse");
    // What is not known is undefined here, and absent once it is sent.
    const whole = (wouldRefuse === undefined ? entry : { ...entry, wouldRefuse }) as AccessLogEntry;
    seeRequest(this.#source, whole, () => detailOf(c.req.raw), nowMs);
    if (nowMs < this.#reportingUntilMs && this.#reportingUntilMs <= nowMs + 2 * ROUND_MS) return;
    this.#reportingUntilMs = nowMs + ROUND_MS;
    c.executionCtx.waitUntil(this.#reportOn(c.env));
  }

  async #reportOn(env: Env): Promise<void> {
    let idle = 0;
    for (let round = 0; round < limits.taps.roundsMax && idle < limits.taps.idleRoundsMax; round++) {
      await sleep(limits.taps.pauseMs);
      if (!endTaps(this.#source, Date.now())) break;
      idle = hasNews(this.#source) ? 0 : idle + 1;
      this.#reportingUntilMs = Date.now() + ROUND_MS;
      await this.#report(env);
    }
    this.#reportingUntilMs = 0;
  }

  async #report(env: Env): Promise<void> {
    const reports = takeReports(this.#source);
    try {
      takeAnswer(this.#source, await askTaps(env, reports), Date.now());
    } catch (error) {
      lostReports(this.#source, reports);
      console.warn(JSON.stringify({ kind: "tap", reason: String(error) }));
    }
  }
}

/** The longest that passes between two marks of whoever reports. */
const ROUND_MS = limits.taps.pauseMs + limits.taps.callMs;

function detailOf(request: Request): TapDetail {
  const at = request.url.indexOf("?");
  return { query: at < 0 ? "" : request.url.slice(at + 1), headers: request.headers };
}

/** @throws when the control plane cannot be reached in time, or refuses */
async function askTaps(env: Env, taps: readonly TapReport[]): Promise<TapsAnswer> {
  const response = await env.CONTROL.fetch("http://control/v1/taps/report", {
    method: "POST",
    headers: { authorization: `Bearer ${env.CONTROL_TOKEN}`, "content-type": "application/json" },
    body: JSON.stringify({ taps }),
    signal: AbortSignal.timeout(limits.taps.callMs),
  });
  const text = await readText(response, limits.taps.reportBytesMax);
  if (response.status !== 200) throw new Error(`the control plane answered ${response.status} to a report of taps`);
  return tapsAnswerSchema.parse(JSON.parse(text));
}
