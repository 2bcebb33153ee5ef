/** Live taps at an agent: it judges each request of a tap's time, and posts what fits to the control plane. */
import type { AccessLogEntry } from "../../shared/http/access-log.ts";
import { limits } from "../../shared/limits.ts";
import type { TapDetail } from "../../shared/policy/tap-entry.ts";
import {
  endTaps,
  lostReports,
  seeRequest,
  type TapSource,
  type ToldTap,
  takeAnswer,
  takeReports,
  tellTaps,
} from "../../shared/policy/tap-source.ts";
import { tapsAnswerSchema } from "../../shared/wire/taps.ts";
import { postJson } from "../control/post-json.ts";

/** Where reports go; the token as it is now. */
export type TapAddress = () => { readonly controlUrl: string; readonly token: string };

export class AgentTaps {
  readonly #source: TapSource = { taps: [] };
  #timer: NodeJS.Timeout | undefined;
  #address: TapAddress | undefined;

  /** Whether requests are looked at. Nobody taps: false. */
  get isOn(): boolean {
    return this.#timer !== undefined;
  }

  tell(told: readonly ToldTap[], address: TapAddress): void {
    this.#address = address;
    tellTaps(this.#source, told, performance.now());
    if (this.#source.taps.length > 0) this.#timer ??= setTimeout(() => void this.#report(), limits.taps.pauseMs);
  }

  /** A request that has ended. */
  see(entry: AccessLogEntry, detail: () => TapDetail): void {
    seeRequest(this.#source, entry, detail, performance.now());
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#source.taps = [];
  }

  /** Also when there is nothing new: the answer says whose other hops are wanted, and whether a tap goes on. */
  async #report(): Promise<void> {
    const address = this.#address?.();
    if (address === undefined || !endTaps(this.#source, performance.now())) return this.stop();
    const reports = takeReports(this.#source);
    try {
      const url = new URL("/v1/taps/report", address.controlUrl);
      const { status, text } = await postJson(url, { authorization: `Bearer ${address.token}` }, { taps: reports });
      if (status !== 200) throw new Error(`it answered ${status}`);
      takeAnswer(this.#source, tapsAnswerSchema.parse(JSON.parse(text)), performance.now());
    } catch {
      lostReports(this.#source, reports);
    }
    if (!this.isOn) return;
    if (endTaps(this.#source, performance.now()))
      this.#timer = setTimeout(() => void this.#report(), limits.taps.pauseMs);
    else this.stop();
  }
}
