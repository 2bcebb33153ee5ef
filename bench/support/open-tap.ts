/** A tap that somebody reads while something is measured. */
import type { ControlClient } from "../../cli/control-client.ts";
import { limits } from "../../shared/limits.ts";
import type { TapFilter } from "../../shared/policy/tap-filter.ts";

export interface OpenTap {
  /** Requests that it has shown so far, and such as it would have. */
  readonly shown: () => number;
  readonly dropped: () => number;
  /** @throws what reading it has failed with */
  readonly close: () => Promise<void>;
}

/** Opens a tap at the gateway, and reads it as the CLI does. */
export async function openTap(control: ControlClient, { pathPrefix }: Pick<TapFilter, "pathPrefix">): Promise<OpenTap> {
  const { perSecondMax: perSecond, forMsMax: forMs, pauseMs } = limits.taps;
  const filter = { hops: ["gateway" as const], pathPrefix };
  const { id } = await control.openTap({ filter, perSecond, forMs, joined: false, reveal: false });
  let [shown, dropped, failure] = [0, 0, undefined as unknown];
  let reading = Promise.resolve();
  const read = async (): Promise<void> => {
    try {
      const news = await control.readTap(id);
      shown += news.entries.length;
      dropped += news.dropped;
    } catch (error) {
      failure ??= error;
    }
  };
  const clock = setInterval(() => {
    reading = read();
  }, pauseMs);
  const close = async (): Promise<void> => {
    clearInterval(clock);
    await reading;
    await control.closeTap(id);
    if (failure !== undefined) throw failure;
  };
  return { shown: () => shown, dropped: () => dropped, close };
}
