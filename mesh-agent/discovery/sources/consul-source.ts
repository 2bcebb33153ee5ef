import { nextConsulIndex, readConsulEntries } from "../../../shared/discovery/consul-entries.ts";
import type { ConsulSource } from "../../../shared/discovery/settings.ts";
import { limits } from "../../../shared/limits.ts";
import { readBounded, readToken } from "./read-bounded.ts";
import type { Source, SourceEar } from "./source.ts";
import { askJson } from "./source-call.ts";

const { caBytesMax, callTimeoutMs, consulGraceMs, consulWaitMs, everyMsDefault, tokenBytesMax } = limits.discovery;

/** Healthy instances by Consul's blocking queries: each answer comes when something has changed, or the time is over. */
export class ConsulQueries implements Source {
  readonly #settings: ConsulSource;
  #index = 0;

  constructor(settings: ConsulSource) {
    this.#settings = settings;
  }

  async ask(ear: SourceEar, signal: AbortSignal): Promise<number> {
    const { tokenFile, caFile } = this.#settings;
    const index = this.#index;
    // Should this fail, the next question is answered at once.
    this.#index = 0;
    const { headers, value } = await askJson({
      url: this.#url(index),
      headers: tokenFile === undefined ? {} : { "x-consul-token": readToken(tokenFile, tokenBytesMax) },
      ca: caFile === undefined ? undefined : readBounded(caFile, caBytesMax),
      // Consul adds up to a sixteenth.
      silenceMs: index === 0 ? callTimeoutMs : (consulWaitMs * 17) / 16 + consulGraceMs,
      signal,
    });
    ear.answer(readConsulEntries(value));
    const field = headers["x-consul-index"];
    this.#index = nextConsulIndex(index, typeof field === "string" ? field : undefined);
    // Without an index nothing holds the next answer back.
    return this.#index === 0 && index === 0 ? everyMsDefault : 0;
  }

  #url(index: number): URL {
    const { address, service, datacenter, tag } = this.#settings;
    const url = new URL(`/v1/health/service/${encodeURIComponent(service)}`, address);
    url.searchParams.set("passing", "true");
    if (datacenter !== undefined) url.searchParams.set("dc", datacenter);
    if (tag !== undefined) url.searchParams.set("tag", tag);
    if (index !== 0) {
      url.searchParams.set("index", String(index));
      url.searchParams.set("wait", `${consulWaitMs / 1_000}s`);
    }
    return url;
  }
}
