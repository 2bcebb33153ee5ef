import { limits } from "../../shared/limits.ts";

const POLL_MS = 20;
const REMIND_MS = 10_000;

export interface FirstView {
  /** Plan, trust and endpoints are there. @param offline the control plane had its time to tell newer ones */
  readonly isThere: (offline: boolean) => boolean;
  readonly stopped: () => boolean;
  /** Now and then, as long as it is not. */
  readonly remind: () => void;
}

/** Waits for what an agent has to know before it listens. @returns false when it is to stop before that */
export async function awaitFirstView({ isThere, stopped, remind }: FirstView): Promise<boolean> {
  const startMs = performance.now();
  let remindMs = startMs + REMIND_MS / 5;
  for (;;) {
    const nowMs = performance.now();
    if (stopped()) return false;
    if (isThere(nowMs - startMs >= limits.agent.offlineStartMs)) return true;
    if (nowMs >= remindMs) {
      remind();
      remindMs = nowMs + REMIND_MS;
    }
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}
