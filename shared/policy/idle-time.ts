/**
 * How long an idle connection to a peer is kept: less long than the peer keeps it, or a request meets its end. The peer says it
 * (`Keep-Alive: timeout=`), or it is learned: an idle connection that the peer closed shortens the time, one that outlived it makes it
 * a little longer again, since the peer may only have been restarted.
 */
import { limits } from "../limits.ts";

const { idleMarginMs, idleHintedMsMax, idleLearnedShare, idleLearnedGrowth } = limits.agent;

/** Of one pool. */
export interface IdleTime {
  /** Without a word from the peer. */
  readonly ownMs: number;
  /** What the peer says, less a margin; 0: it says nothing. */
  saidMs: number;
  /** What closes have taught; infinite: nothing. */
  learnedMs: number;
}

export const newIdleTime = (ownMs: number): IdleTime => ({
  ownMs,
  saidMs: 0,
  learnedMs: Number.POSITIVE_INFINITY,
});

/** How long an idle connection is kept now, milliseconds. */
export function idleTimeMs({ ownMs, saidMs, learnedMs }: IdleTime): number {
  return Math.min(saidMs > 0 ? saidMs : ownMs, learnedMs);
}

/**
 * `said`: the peer keeps idle connections for `ms`. `closed`: it closed one that was idle for `ms`. `outlived`: one was idle as long
 * as it is kept, and the peer had not closed it.
 */
export type IdleEvent = "said" | "closed" | "outlived";

export function idleTimeStep(state: IdleTime, event: IdleEvent, ms: number): void {
  if (event === "said") state.saidMs = Math.max(1, Math.min(idleHintedMsMax, ms - idleMarginMs));
  else if (event === "closed") state.learnedMs = Math.min(state.learnedMs, Math.max(1, ms * idleLearnedShare));
  else if (Number.isFinite(state.learnedMs)) {
    state.learnedMs *= idleLearnedGrowth;
    if (state.learnedMs >= (state.saidMs > 0 ? state.saidMs : state.ownMs)) state.learnedMs = Number.POSITIVE_INFINITY;
  }
}

/** Whether a server that keeps idle connections so long is a danger to callers with a longer time of their own. */
export function isShortKeepAlive(keptMs: number): boolean {
  return keptMs <= limits.agent.keepAliveWarnMs;
}
