/** Leaving without a lost request: callers get time to learn of it, then newcomers are refused, then what runs is finished. */
import { limits } from "../../shared/limits.ts";
import type { Gate } from "../inbound/drain-gate.ts";
import type { ServerEngine } from "../proxy/engine.ts";

const POLL_MS = 20;

export interface DrainOptions {
  readonly listener: ServerEngine;
  readonly gate: Gate;
  /** Longest time for all of it. */
  readonly boundMs: number;
  /** True from the moment that somebody does not want to wait any longer. */
  readonly hurried: () => boolean;
}

/**
 * The endpoint was withdrawn just before. Answers carry `Connection: close` from now on.
 * Goes on answering until no request came for a moment, then refuses with `draining` and `none`, and closes.
 */
export async function drainListener({ listener, gate, boundMs, hurried }: DrainOptions): Promise<void> {
  const { drainMinMs, drainQuietMs } = limits.agent;
  const startMs = performance.now();
  const sinceStart = (): number => performance.now() - startMs;
  const quiet = (): boolean => performance.now() - gate.lastRequestMs >= drainQuietMs;
  listener.drain();
  await until(() => hurried() || sinceStart() >= boundMs || (sinceStart() >= drainMinMs && quiet()));
  gate.refuseBy ??= "draining";
  await until(() => hurried() || listener.counts().exchanges === 0 || sinceStart() >= boundMs);
  await listener.close(0);
}

async function until(over: () => boolean): Promise<void> {
  while (!over()) await new Promise((resolve) => setTimeout(resolve, POLL_MS));
}
