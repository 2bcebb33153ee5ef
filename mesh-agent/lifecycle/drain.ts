/** Leaving without a lost request: callers go elsewhere first, then newcomers are refused, then what runs is finished. */
import { limits } from "../../shared/limits.ts";
import type { Gate } from "../inbound/drain-gate.ts";
import type { ServerEngine } from "../proxy/engine.ts";

const POLL_MS = 20;

export interface DrainOptions {
  readonly listener: ServerEngine;
  readonly gate: Gate;
  /** Longest time for all of it. */
  readonly boundMs: number;
  /** Whether callers know, by the time since the drain began: see `callersKnow`. */
  readonly known: (sinceMs: number) => boolean;
  /** True from the moment that somebody does not want to wait any longer. */
  readonly hurried: () => boolean;
}

/**
 * The endpoint was withdrawn just before. Answers carry `Connection: close` from now on.
 * Goes on answering until callers know and no request came for a moment, then refuses with `draining` and `none`, and closes.
 */
export async function drainListener({ listener, gate, boundMs, known, hurried }: DrainOptions): Promise<void> {
  const { drainQuietMs } = limits.agent;
  const startMs = performance.now();
  const sinceStart = (): number => performance.now() - startMs;
  const quiet = (): boolean => performance.now() - gate.lastRequestMs >= drainQuietMs;
  listener.drain();
  await until(() => hurried() || sinceStart() >= boundMs || (known(sinceStart()) && quiet()));
  gate.refuseBy ??= "draining";
  await until(() => hurried() || listener.counts().exchanges === 0 || sinceStart() >= boundMs);
  await listener.close(0);
}

/**
 * Callers in the mesh know when the control plane, which asks them, says so. Where it cannot be asked they had the time to hear it from
 * others; an earlier one does not say it. Gateways that hear of ingresses from the control plane are asked in the same way. Whoever
 * calls from outside, or by a fixed address, has a while to notice.
 * @param session absent: this is an ingress that nobody is told of
 * @param isExposed it is called by a fixed address, too: an ingress, or one with a listener to the outside, which shares the gate
 */
export function callersKnow(
  session: { readonly isDrained: boolean; readonly saysDrained: boolean } | undefined,
  isExposed: boolean,
): DrainOptions["known"] {
  const { drainMinMs, drainUnheardMs } = limits.agent;
  return (sinceMs) => {
    if ((session === undefined || isExposed) && sinceMs < drainMinMs) return false;
    if (session === undefined || session.isDrained) return true;
    return sinceMs >= (session.saysDrained ? drainUnheardMs : drainMinMs);
  };
}

async function until(over: () => boolean): Promise<void> {
  while (!over()) await new Promise((resolve) => setTimeout(resolve, POLL_MS));
}
