import { limits } from "../../../shared/limits.ts";
import type { Env } from "../env.ts";
import { within } from "../upstream/within.ts";
import { type HubRpc, MAIN } from "./rpc.ts";

/** What hubs were told and one was not, as it is new or was out of use: asked of the config store. */
export class MissedNews {
  readonly #env: Env;
  readonly #hub: Pick<HubRpc, "publish" | "revoked" | "canary">;
  #askedAtMs = 0;
  #isTold = false;
  #asksAgain = false;

  constructor(env: Env, hub: Pick<HubRpc, "publish" | "revoked" | "canary">) {
    this.#env = env;
    this.#hub = hub;
  }

  /** The config store has answered since the hub woke. */
  get isTold(): boolean {
    return this.#isTold;
  }

  /** It did not answer the last time. */
  get asksAgain(): boolean {
    return this.#asksAgain;
  }

  /** Whatever was asked before: there is something that this hub does not know. */
  async askAnew(): Promise<void> {
    this.#isTold = false;
    this.#askedAtMs = 0;
    await this.ask();
  }

  /** Not again within `publishRetryMs`. */
  async ask(): Promise<void> {
    const nowMs = Date.now();
    if (nowMs < this.#askedAtMs + limits.control.publishRetryMs) return;
    this.#askedAtMs = nowMs;
    try {
      const asked = this.#env.CONFIG.getByName(MAIN).publication();
      const told = await within(asked, limits.control.objectCallMs, "the config store");
      if (told?.revocations !== undefined) await this.#hub.revoked(told.revocations);
      if (told !== undefined) await this.#hub.publish(told.publication);
      if (told?.canary !== undefined) await this.#hub.canary(told.canary);
      this.#isTold = true;
      this.#asksAgain = false;
    } catch (error) {
      this.#asksAgain = true;
      console.error(JSON.stringify({ kind: "error", act: "ask-publication", reason: String(error) }));
    }
  }
}
